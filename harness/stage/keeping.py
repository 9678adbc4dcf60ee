"""The parts of an artifacts folder: the manager's word on the swarm, and a lab's nodes' own word."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from harness.engine.protocol import Engine, Kind, LogLine
from harness.errors import HarnessError, RequestError
from harness.lab.protocol import Lab
from harness.stage import listing
from harness.swarm import sweeping

_LOGS: Final = 5.0  # seconds to wait for what the tasks of a service wrote
_BOUND: Final = 6.0  # seconds for a command on a node
_READ: Final[Mapping[str, tuple[str, ...]]] = {
    "engine.log": ("tail", "-n", "3000", "/var/log/dockerd.log"),
    "kernel.log": ("dmesg",),
}
# The engine writes the stacks of its goroutines when it is told to; asked where the manager misses the node.
_STACKS: Final = """
rm -f /var/run/docker/goroutine-stacks-*.log
kill -USR1 "$(engine pid)" || exit 1
size=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.2
    before=$size
    size=$(cat /var/run/docker/goroutine-stacks-*.log 2>/dev/null | wc -c)
    test "$size" -gt 0 && test "$size" = "$before" && break
done
cat /var/run/docker/goroutine-stacks-*.log && rm -f /var/run/docker/goroutine-stacks-*.log
"""


class Folder:
    """A folder that is being filled.

    Attributes:
        files: what was written, relative to the folder.
        gaps: what could not be had, one line each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[str] = []
        self.gaps: list[str] = []

    def write(self, name: str, text: str) -> None:
        """Write one file; a full disk is a gap."""
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            self.files.append(name)
        except OSError as error:
            self.gaps.append(f"{name}: {error.strerror}")


def swarm(folder: Folder, engine: Engine, run: str) -> frozenset[str]:
    """Write what the manager says of its nodes and of the services of ``run``.

    Returns:
        Hostnames of the nodes that it does not call Ready.
    """
    absent: frozenset[str] = frozenset()
    try:
        nodes = engine.nodes()
        absent = frozenset(node.hostname for node in nodes if not node.ready)
        services = sweeping.of_run(run)(engine.services)
        tasks = [task for service in services for task in engine.tasks(service.id)]
        folder.write("swarm.txt", listing.text(nodes, services, tasks))
        networks = sweeping.of_run(run)(engine.networks)
        _inspect(folder, engine, "node", [one.id for one in nodes])
        _inspect(folder, engine, "service", [one.id for one in services])
        _inspect(folder, engine, "task", [one.id for one in tasks])
        _inspect(folder, engine, "network", [one.id for one in networks])
        names = {node.id: node.hostname for node in nodes}
        for service in services:
            lines = engine.service_logs(service.id, bound=_LOGS)
            if lines:
                folder.write(f"logs/{service.name}.log", "".join(_line(one, names) for one in lines))
    except HarnessError as error:  # whoever does not answer once is not asked on: each question waits as long
        folder.gaps.append(f"the manager's word: {error}")
    return absent


def node(folder: Folder, lab: Lab, hostname: str, *, absent: bool) -> None:
    """Write the engine's log, the kernel's log and the console of one node of a lab.

    Of a node that has power and runs no command is written too what its kernel says past its programs.

    Args:
        folder: where to.
        lab: the lab.
        hostname: the node.
        absent: whether the manager does not call it Ready: then its engine is asked for its stacks.
    """
    reads = {**_READ, **({"engine-stacks.log": ("sh", "-c", _STACKS)} if absent else {})}
    tried: list[tuple[str, Callable[[str], str]]] = [("console.log", lab.console)]
    for name, words in reads.items():
        try:
            done = lab.exec(hostname, words, bound=_BOUND)
        except HarnessError as error:
            folder.gaps.append(f"{hostname}/{name}: {error}")
            if not _runs(lab, hostname):
                tried.append(("kernel-asked.log", lab.kernel_says))
                break
            continue
        if done.ok:
            folder.write(f"{hostname}/{name}", done.out)
        else:
            folder.gaps.append(f"{hostname}/{name}: {done.err.strip() or f'exit code {done.code}'}")
    for name, ask in tried:
        try:
            folder.write(f"{hostname}/{name}", ask(hostname))
        except HarnessError as error:
            folder.gaps.append(f"{hostname}/{name}: {error}")


def _runs(lab: Lab, hostname: str) -> bool:
    """Whether a node runs anything at all."""
    try:
        return lab.exec(hostname, ["true"], bound=_BOUND).ok
    except HarnessError:
        return False


def _inspect(folder: Folder, engine: Engine, kind: Kind, idents: Iterable[str]) -> None:
    documents: list[dict[str, Any]] = []
    for ident in idents:
        try:
            documents.append(engine.inspect(kind, ident))
        except RequestError as error:  # gone since it was listed
            folder.gaps.append(f"{kind} {ident}: {error}")
    if documents:
        folder.write(f"{kind}s.json", json.dumps(documents, indent=1) + "\n")


def _line(one: LogLine, names: Mapping[str, str]) -> str:
    return f"{names.get(one.node, one.node) or '-'} {one.task[:12] or '-'} {one.stream} {one.text}\n"
