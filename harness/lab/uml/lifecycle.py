"""Bringing the lab up, finding it, taking it down; each may be interrupted anywhere and asked again."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from harness.errors import HarnessError, RequestError, Unmeasurable
from harness.lab import enter
from harness.lab.protocol import NodeStatus
from harness.lab.uml import boot, cache, certs, checks, control, disk, holder, registry, state
from harness.lab.uml.lab import UmlLab
from harness.progress import Progress, Silent, step

FORM_BOUND: Final = (
    120.0  # seconds for all engines to answer and be one swarm; nine nodes on two cores took 31
)
_CLAUSE: Final = 240  # characters of an engine's complaint that are told
_LAST_TROUBLE: Final = (
    "grep -E 'level=(warning|error|fatal)' /var/log/dockerd.log | tail -n 1"
    """ | sed 's/^time="[^T]*T\\([^.]*\\)[^"]*" level=[a-z]* msg=/\\1 /'"""
)
_TURN_BOUND: Final = 300.0  # seconds for another ``up`` of this lab to end, its first set-up included
_SERVED: Final = 20.0  # seconds for the second registry to serve
_KNOCK: Final = """
import socket, sys, time
for _ in range(150):
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
        sys.exit()
    except OSError:
        time.sleep(0.1)
sys.exit(1)
"""
_FEW: Final = 4  # nodes up to which each may have the larger memory
_BUSY: Final = "changing this lab"


def memory_mb(nodes: int) -> int:
    """How much memory each guest sees; far less is resident."""
    return 1536 if nodes <= _FEW else 1024


def up(managers: int = 1, workers: int = 2, progress: Progress | None = None) -> UmlLab:
    """A running lab whose swarm accepts services: the one that runs, put in order, or a new one.

    Args:
        managers: how many managers.
        workers: how many workers.
        progress: told of every step and node.

    Raises:
        RequestError: the numbers make no lab, a lab of other numbers runs, or packages are missing.
        Unmeasurable: this machine cannot run it, or something did not come up; nothing is left running then.
    """
    told = progress or Silent()
    nodes = state.plan(managers, workers)
    where = state.places()
    with state.locked(where.turn, bound=_TURN_BOUND, busy=_BUSY):
        running = find()
        if running is not None:
            return _put_in_order(running, managers, workers, told)
        parts = fill(told, nodes=len(nodes))
        _remove(where)
        record = state.Record(
            managers,
            workers,
            disk=str((parts.disk / disk.NAME).relative_to(state.cache_root())),
            tools=parts.tools.name,
            memory_mb=memory_mb(len(nodes)),
            versions=parts.versions,
        )
        where.root.mkdir(parents=True)
        try:
            return _start(where, record, parts, told)
        except BaseException:
            _remove(where)
            raise


def fill(progress: Progress | None = None, *, nodes: int = 1) -> cache.Parts:
    """Make what a lab of so many nodes needs in the cache, where it is missing, and nothing else.

    Raises:
        RequestError: packages are missing, or there is no room.
        Unmeasurable: this machine cannot run a lab, or something could not be made.
    """
    checks.require_platform()
    setting_up = not cache.parts().complete
    checks.require_programs(setting_up=setting_up)
    checks.require_namespaces()
    checks.require_room(nodes, setting_up=setting_up)
    return cache.ensure(progress or Silent())


def serve_tutorial(progress: Progress | None = None) -> None:
    """Have the running lab's nodes find the tutorial's images; builds them if nobody did yet.

    Raises:
        RequestError: no lab is running.
        Unmeasurable: they could not be built, or are not served.
    """
    lab = require()
    storage = cache.ensure_tutorial(progress or Silent())
    with state.locked(lab.where.turn, bound=_TURN_BOUND, busy=_BUSY):
        registry.start_second(lab.where, storage)
    address = registry.ADDRESSES[1].split(":")
    if not lab.exec(None, [sys.executable, "-c", _KNOCK, *address], bound=_SERVED).ok:
        raise Unmeasurable(
            "the tutorial's images are built, but the lab's second registry does not serve them",
            remedy=f"see its log in {lab.where.root}",
        )


def fill_tutorial(progress: Progress | None = None) -> None:
    """Make the tutorial's images in the cache, and what every lab needs.

    Raises:
        RequestError: packages are missing, or there is no room.
        Unmeasurable: something could not be made.
    """
    fill(progress)
    cache.ensure_tutorial(progress or Silent())


def _start(where: state.Places, record: state.Record, parts: cache.Parts, progress: Progress) -> UmlLab:
    nodes = record.nodes
    record.save(where.record)
    certs.make(where.certs, nodes)
    settings = holder.Settings(
        root=str(where.root),
        tools=str(parts.tools),
        cache=str(state.cache_root()),
        memory=str(disk.guest_memory()),
        gateway=state.GATEWAY,
        links={boot.port(node): boot.kernel_side(node) for node in nodes},
        names={node.hostname: node.address for node in nodes},
    )
    lab = UmlLab(where, record)
    config = boot.engine_config(registry.ADDRESSES)
    with control.start(settings) as started:
        for node in nodes:
            machine = lab.machine(node)
            machine.prepare(nodes, config)
            machine.power_on()
        registry.start(where, parts.images)
        if parts.tutorial.is_dir():
            registry.start_second(where, parts.tutorial)
        _form(lab, progress)
        started.commit()
    return lab


def _put_in_order(lab: UmlLab, managers: int, workers: int, progress: Progress) -> UmlLab:
    if (lab.record.managers, lab.record.workers) != (managers, workers):
        raise RequestError(
            f"a lab of {lab.record.managers} managers and {lab.record.workers} workers is running",
            remedy="use it as it is, or remove it first with `harness lab down`",
        )
    for status in lab.status():
        name = status.node.hostname
        if not status.powered:
            with step(progress, f"power on {name}"):
                lab.power_on(name)
        if not status.plugged:
            with step(progress, f"plug {name}"):
                lab.plug(name)
        if status.powered and not status.engine:
            lab.exec(name, ["/run/lab/engine", "start"])
    _form(lab, progress)
    return lab


def _form(lab: UmlLab, progress: Progress) -> None:
    """Wait for every engine and make them one swarm; a kernel that dies meanwhile ends the wait.

    Raises:
        Unmeasurable: it did not come about; carries what was missing, or the dead kernel's last words.
    """
    began = time.monotonic()
    names = [node.hostname for node in lab.nodes]
    for name in names:
        progress.begin(name)
    failed, done = "", False
    with (
        _watched(lab) as dead,
        contextlib.closing(lab.ask_engines("form", bound=FORM_BOUND, until=dead)) as said,
    ):
        for line in said:
            match line:
                case {"node": name, "note": text}:
                    progress.note(name, text)
                case {"failed": text}:
                    failed = text
                case {"done": True}:
                    done = True
    ok = done and not failed
    for name in names:
        progress.end(name, time.monotonic() - began, ok=ok)
    for node in lab.nodes:
        if not ok and lab.ended(node.hostname):
            raise Unmeasurable(f"{node.hostname} did not boot: {lab.machine(node).last_words()}")
    if not ok:
        why = failed or "the process that forms it ended"
        raise Unmeasurable(f"the lab's swarm did not form: {why}{_complaints(lab)}")


def _complaints(lab: UmlLab) -> str:
    """The last warning or error of every engine, in a clause each: why a swarm did not form."""

    def last(name: str) -> str:
        try:
            said = lab.exec(name, ["sh", "-c", _LAST_TROUBLE], bound=5.0).out.strip()
        except HarnessError:
            return ""
        return f"; {name}'s engine last: {said[:_CLAUSE]}" if said else ""

    with ThreadPoolExecutor(len(lab.nodes)) as threads:
        return "".join(threads.map(last, [node.hostname for node in lab.nodes]))


@contextlib.contextmanager
def _watched(lab: UmlLab) -> Iterator[threading.Event]:
    """An event that is set as soon as one of the lab's kernels ends."""
    dead, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            with contextlib.suppress(Unmeasurable):
                if any(lab.ended(node.hostname) for node in lab.nodes):
                    dead.set()
                    return

    watcher = threading.Thread(target=watch, name="lab-watch", daemon=True)
    watcher.start()
    try:
        yield dead
    finally:
        over.set()
        watcher.join()


def find() -> UmlLab | None:
    """The lab of this checkout, if its holder lives; looks at processes, not at files alone."""
    where = state.places()
    if state.holder_pid(where) is None:
        return None
    record = state.Record.load(where.record)
    return None if record is None else UmlLab(where, record)


def require() -> UmlLab:
    """The running lab.

    Raises:
        RequestError: none is running.
    """
    found = find()
    if found is None:
        raise RequestError(enter.NO_LAB, remedy=enter.START_ONE)
    return found


def status() -> tuple[NodeStatus, ...] | None:
    """What processes and engines of the running lab say; None when none runs."""
    lab = find()
    return None if lab is None else lab.status()


def down() -> bool:
    """Remove the lab: processes, namespaces, mounts, disks. What it was made from stays in the cache.

    Returns:
        Whether anything was there, running or left over.

    Raises:
        Unmeasurable: another process is changing the lab, or its processes do not end.
    """
    where = state.places()
    with state.locked(where.turn, bound=FORM_BOUND, busy=_BUSY):
        left = where.root.exists()
        removed = _remove(where)
    return removed or left


def _remove(where: state.Places) -> bool:
    """Kill the holder, if there is one, and delete the lab's directory."""
    killed = state.kill_holder(where)
    for _ in range(3):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(where.root)
        if not where.root.exists():
            break
    return killed
