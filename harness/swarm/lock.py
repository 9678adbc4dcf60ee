"""One run at a time on a swarm: a config object that says who, renewed while the run lives.

A name is given once in a swarm, so creating the config takes the lock. Its lease is the engine's own time of
its last update: clocks of two machines need not agree. A holder on this machine whose process has gone is
known to be dead at once; any other is given up two minutes after it was last heard of.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from harness.engine.protocol import Config, ConflictError, Engine, NotFoundError
from harness.engine.spec import RUN_LABEL, ConfigSpec
from harness.errors import HarnessError, RequestError
from harness.journal import Journal

NAME = "harness.lock"
LEASE = 120.0  # seconds without renewal after which a lock is broken
_RENEW = 30.0
_HOST, _PROCESS, _BEAT = "harness.lock.host", "harness.lock.process", "harness.lock.beat"


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds the lock: ``process`` names one process of one boot, wherever it is read."""

    run: str
    host: str
    process: str
    config: str
    age: float

    @property
    def dead(self) -> bool:
        """Whether the run cannot be alive: its process here has gone, or it was not heard of for long."""
        return self.age > LEASE or _gone(self.process)

    def __str__(self) -> str:
        return f"run {self.run} on {self.host} (last heard of {max(0.0, self.age):.0f} s ago)"


def holder(engine: Engine) -> Holder | None:
    """Who holds the lock of this swarm, if anybody."""
    found = next((config for config in engine.configs() if config.name == NAME), None)
    return _holder(found, engine.info().time) if found else None


def _holder(config: Config, now: float) -> Holder:
    labels = dict(config.labels)
    run, host, process = (labels.get(name, "?") for name in (RUN_LABEL, _HOST, _PROCESS))
    return Holder(run, host, process, config.id, now - config.updated)


@contextlib.contextmanager
def held(engine: Engine, journal: Journal, run: str) -> Iterator[str]:
    """Hold the lock for the block; yields a line to tell if a dead run's lock was broken, else ``""``.

    Raises:
        RequestError: another run is under way.
    """
    labels = {RUN_LABEL: run, _HOST: socket.gethostname(), _PROCESS: _myself()}
    stop = threading.Event()
    ident = ""
    try:
        broken = _break(engine)
        ident = _take(engine, labels)
        if broken:
            journal.write("note", text=broken)
        beat = threading.Thread(
            target=_renew, args=(engine, journal, ident, labels, stop), name="run-lock", daemon=True
        )
        beat.start()
        yield broken
    finally:
        stop.set()
        try:
            _release(engine, ident, run)
        except HarnessError as error:  # it would hide why the block ended, and the lease ends by itself
            journal.write("trouble", text=f"the run lock was not given back: {error}")


def _release(engine: Engine, ident: str, run: str) -> None:
    """Remove our lock; it may have been taken though the answer with its id never came (Ctrl-C)."""
    found = None if ident else holder(engine)
    mine = found.config if found and found.run == run else ident
    if mine:
        engine.remove_config(mine)


def _break(engine: Engine) -> str:
    found = holder(engine)
    if found is None:
        return ""
    if not found.dead:
        raise _busy(found)
    engine.remove_config(found.config)
    return f"the lock of {found} was broken: it is no longer alive"


def _take(engine: Engine, labels: dict[str, str]) -> str:
    try:
        return engine.create_config(ConfigSpec(NAME, labels[RUN_LABEL].encode(), labels))
    except ConflictError as error:
        found = holder(engine)
        raise _busy(found) if found else error from error


def _busy(found: Holder) -> RequestError:
    return RequestError(
        f"another harness is at work on this swarm: {found}",
        remedy=f"wait for it; a dead one is given up after {LEASE:.0f} s",
    )


def _renew(
    engine: Engine, journal: Journal, ident: str, labels: dict[str, str], stop: threading.Event
) -> None:
    beat = 0
    while not stop.wait(_RENEW):
        beat += 1
        try:
            engine.label_config(ident, {**labels, _BEAT: str(beat)})
        except NotFoundError:
            journal.write("trouble", text="the run lock was taken away by somebody else")
            return
        except HarnessError as error:  # the manager may be down by our own hand: try again
            journal.write("trouble", text=f"the run lock was not renewed: {error}")


def _myself() -> str:
    return _process(os.getpid()) or "?"


def _scope() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def _process(pid: int) -> str:
    """Boot, pid namespace, pid and start time: one process, never two; empty if there is none."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{_scope()}/{pid}/{started}"
    except OSError:
        return ""


def _gone(process: str) -> bool:
    """Whether it is a process of this boot and namespace, and no longer there."""
    scope, _, rest = process.rpartition("/")[0].rpartition("/")
    return bool(scope) and rest.isdigit() and scope == _scope() and _process(int(rest)) != process
