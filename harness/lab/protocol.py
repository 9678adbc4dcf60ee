"""What a lab is to the rest of the harness: nodes, an engine endpoint, and hands on power and cables."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from harness import shell


class Role(enum.StrEnum):
    """What a node is in the swarm that the lab forms."""

    MANAGER = "manager"
    WORKER = "worker"


@dataclasses.dataclass(frozen=True)
class LabNode:
    """One node of the lab: its host name, its IPv4 address on the lab's network, its role."""

    hostname: str
    address: str
    role: Role


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """An engine API with mutual TLS: ``tcp://address:2376`` and the PEM files of the lab's own CA."""

    url: str
    ca: Path
    cert: Path
    key: Path


@dataclasses.dataclass(frozen=True)
class NodeStatus:
    """What processes and engines say about a node at this moment.

    ``engine`` is the engine's version, empty when it does not answer; ``swarm`` its local node state
    (``active``, ``inactive``, ...), ``seen`` what the managers say of it (``ready``, ``down``, ``unknown``).
    """

    node: LabNode
    powered: bool
    plugged: bool
    engine: str = ""
    swarm: str = ""
    seen: str = ""


class Lab(Protocol):
    """A running lab. Works alike outside its network and from a process that has entered it."""

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """All nodes, managers first."""

    @property
    def endpoint(self) -> Endpoint:
        """The first manager's engine; reachable from within the lab's network only (`harness.lab.enter`)."""

    @property
    def versions(self) -> dict[str, str]:
        """Package name -> exact version of what the nodes run: kernel, engine, containerd, runc, registry."""

    def endpoint_of(self, node: str) -> Endpoint:
        """The engine of ``node``.

        Raises:
            RequestError: the lab has no such node.
        """

    def exec(
        self, node: str | None, argv: Sequence[str], *, bound: float = 60.0, stdin: str | bytes | None = None
    ) -> shell.Done:
        """Run ``argv`` as root on ``node``, out of band: also with its cable out or its engine dead.

        Args:
            node: host name, or None for the lab's network namespace with the host's files.
            argv: program and arguments, as on the node's own command line.
            bound: seconds after which it is killed on the node.
            stdin: what it reads.

        Raises:
            RequestError: the lab has no such node.
            Unmeasurable: the node is powered off, or the command ran longer than ``bound``.
        """

    def power_off(self, node: str) -> None:
        """Power failure: kill the node's kernel at once. No effect on one that is off."""

    def power_on(self, node: str) -> None:
        """Boot the node from the disk it had; returns once its kernel runs commands (engine not awaited)."""

    def unplug(self, node: str) -> None:
        """Pull the node's network cable; it keeps running. No effect if it is out."""

    def plug(self, node: str) -> None:
        """Put the node's network cable back. No effect if it is in."""

    def console(self, node: str) -> str:
        """The end of what the node's kernel printed.

        Raises:
            RequestError: the lab has no such node.
        """

    def kernel_says(self, node: str) -> str:
        """What the node's kernel says now of load, memory, interrupts and blocked tasks.

        It is asked past the node's programs, so it tells of a node on which nothing runs on. For such a one
        only: an answer may shake it.

        Raises:
            RequestError: the lab has no such node.
            Unmeasurable: it is powered off, or says nothing.
        """

    def processes(self) -> tuple[int, ...]:
        """Ids of processes here whose descendants are all others of the lab; none if it is gone."""

    def status(self) -> tuple[NodeStatus, ...]:
        """Ask every kernel process and every engine how it is."""
