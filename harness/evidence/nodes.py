"""What the nodes told: who they are, their ports, their IPVS tables, their names."""

from __future__ import annotations

import dataclasses

from harness.model import Attachment, Node


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The nodes at ``at`` and the versions that were read."""

    id: str
    at: float
    nodes: tuple[Node, ...]
    engine: str = ""
    api: str = ""
    kernels: tuple[tuple[str, str], ...] = ()  # (hostname, release)
    data_path_port: int = 4789


@dataclasses.dataclass(frozen=True)
class Link:
    """One port of the swarm between two nodes: ``open``, ``closed``, ``silent`` or ``skipped``."""

    source: str
    target: str
    port: int
    protocol: str
    state: str
    proof: str = ""


@dataclasses.dataclass(frozen=True)
class PortMatrix:
    """Links that had to be open.

    Attributes:
        began: when the nodes began to look, ``at``: when the last had told (seconds, monotonic).
        missing: nodes whose answer did not arrive, with the reason.
    """

    id: str
    at: float
    links: tuple[Link, ...]
    missing: tuple[tuple[str, str], ...] = ()
    began: float = 0.0

    @property
    def ended(self) -> float:
        """When the last node had told."""
        return self.at


@dataclasses.dataclass(frozen=True)
class RealServer:
    """A row of an IPVS service: a task's address and its weight."""

    address: str
    weight: int
    active: int = 0
    inactive: int = 0


@dataclasses.dataclass(frozen=True)
class VirtualServer:
    """An IPVS service in a namespace of a node, keyed by firewall mark."""

    node: str
    namespace: str
    mark: int
    scheduler: str
    servers: tuple[RealServer, ...]


@dataclasses.dataclass(frozen=True)
class Balancers:
    """The IPVS tables read on the nodes, and the firewall marks that lead a port or VIP to them.

    Attributes:
        marks: (node, namespace, kind, key, mark) with kind ``port`` (key: published port) or ``vip``.
        missing: nodes whose tables could not be read, with the reason.
    """

    id: str
    at: float
    servers: tuple[VirtualServer, ...]
    marks: tuple[tuple[str, str, str, str, int], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class NameAnswer:
    """What a name resolved to on a node, sorted; ``error`` when it did not resolve."""

    node: str
    name: str
    addresses: tuple[str, ...]
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Names:
    """Answers of the embedded DNS on every node that could be asked."""

    id: str
    service: str
    at: float
    answers: tuple[NameAnswer, ...]
    vips: tuple[Attachment, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
