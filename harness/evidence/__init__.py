"""What a run saved of what it saw: the only things a judge may look at.

Each kind is a frozen dataclass with an ``id`` that is unique in its run; the journal keeps it, a claim names
it, and a saved run can be judged again from it.
"""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

from harness.evidence.mesh import HOST, Dump, KernelLook, Truth
from harness.evidence.pairs import (
    NameSpan,
    NameView,
    NameWatch,
    OverlayMesh,
    Pair,
    PayloadSizes,
    SizeTry,
    Vantage,
    Vantages,
    Way,
)
from harness.evidence.preflight import EngineLook, Preflight
from harness.model import Attachment, Node, Path, Replica, Sample


@dataclasses.dataclass(frozen=True)
class Traffic:
    """Requests of one kind against one service, in planned order.

    Attributes:
        service: name of the service asked.
        entries: hostnames of every node that was to be asked, also those without a sample.
        kept_alive: whether connections were kept; otherwise one fresh connection per request.
        began: start of the traffic; ``ended``: its end (seconds, monotonic).
    """

    id: str
    service: str
    path: Path
    entries: tuple[str, ...]
    began: float
    ended: float
    samples: tuple[Sample, ...] = ()
    kept_alive: bool = False

    def at(self, entry: str) -> tuple[Sample, ...]:
        """The samples of one entry node."""
        return tuple(sample for sample in self.samples if sample.entry == entry)

    def between(self, start: float, end: float) -> Traffic:
        """The part that was due in ``[start, end)``; keeps the id: a judgement of it names this one."""
        part = tuple(sample for sample in self.samples if start <= sample.planned < end)
        return dataclasses.replace(
            self, samples=part, began=max(start, self.began), ended=min(end, self.ended)
        )


@dataclasses.dataclass(frozen=True)
class Roster:
    """The replicas a service had, all running, at ``at``; ``asked``: how many it should (0: not told)."""

    id: str
    service: str
    at: float
    replicas: tuple[Replica, ...]
    asked: int = 0


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


@dataclasses.dataclass(frozen=True)
class PortClosure:
    """After a service was removed: when its last task ended, and when each entry stopped to accept.

    Attributes:
        closed: (entry, when it first refused and stayed so; None if it still accepted at ``ended``).
    """

    id: str
    service: str
    port: int
    last_task_ended: float
    ended: float
    closed: tuple[tuple[str, float | None], ...]


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault that was injected: began with its command, bit at ``proved`` (None: no proof that it bit).

    Attributes:
        lasting: whether it held until it was undone at ``ended``; otherwise the swarm heals it by itself, and
            ``ended`` is when it was no longer watched.
    """

    id: str
    kind: str
    subject: str
    began: float
    proved: float | None
    proof: str = ""
    ended: float | None = None
    lasting: bool = True


@dataclasses.dataclass(frozen=True)
class Change:
    """A task or node whose state was first seen as ``state`` at ``at``; ``what`` is ``task`` or ``node``."""

    at: float
    what: str
    id: str
    state: str
    desired: str = ""
    node: str = ""
    slot: int = 0
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class History:
    """The changes seen on the swarm over a span, in time order; reading them costs up to ``resolution`` s."""

    id: str
    service: str
    began: float
    ended: float
    changes: tuple[Change, ...]
    resolution: float = 0.2


@dataclasses.dataclass(frozen=True)
class Counter:
    """flask-redis' counter read before and after a traffic (None: it could not be read)."""

    id: str
    service: str
    before: int | None
    after: int | None


@dataclasses.dataclass(frozen=True)
class LoadCell:
    """Requests that one node or one replica answered under load."""

    name: str
    requests: int
    failures: int


@dataclasses.dataclass(frozen=True)
class Load:
    """A Locust run; times in seconds, percentiles as Locust gives them (two significant digits)."""

    id: str
    service: str
    kept_alive: bool
    seconds: float
    requests: int
    failures: int
    rate: float
    p50: float
    p95: float
    p99: float
    nodes: tuple[LoadCell, ...]
    replicas: tuple[LoadCell, ...]
    errors: tuple[tuple[str, int], ...] = ()
    generator: str = ""  # what limited the generator, if anything did
    ended: float = 0.0

    @property
    def began(self) -> float:
        """When it began."""
        return self.ended - self.seconds


Evidence: TypeAlias = (
    Traffic
    | Roster
    | Cluster
    | PortMatrix
    | Balancers
    | Names
    | PortClosure
    | Fault
    | History
    | Counter
    | Load
    | KernelLook
    | Truth
    | Preflight
    | OverlayMesh
    | PayloadSizes
    | Vantages
    | NameWatch
)
Span: TypeAlias = tuple[float, float]


def span(evidence: object) -> Span | None:
    """From when to when a piece of evidence was gathered (seconds, monotonic); None if it does not tell."""
    began, ended = getattr(evidence, "began", None), getattr(evidence, "ended", None)
    return (began, ended) if isinstance(began, float) and isinstance(ended, float) and began > 0 else None


KINDS: dict[str, type] = {
    kind.__name__.lower(): kind
    for kind in (
        Traffic,
        Roster,
        Cluster,
        PortMatrix,
        Balancers,
        Names,
        PortClosure,
        Fault,
        History,
        Counter,
        Load,
        KernelLook,
        Truth,
        Preflight,
        OverlayMesh,
        PayloadSizes,
        Vantages,
        NameWatch,
    )
}
__all__ = [
    "HOST",
    "KINDS",
    "Balancers",
    "Change",
    "Cluster",
    "Counter",
    "Dump",
    "EngineLook",
    "Evidence",
    "Fault",
    "History",
    "KernelLook",
    "Link",
    "Load",
    "LoadCell",
    "NameAnswer",
    "NameSpan",
    "NameView",
    "NameWatch",
    "Names",
    "OverlayMesh",
    "Pair",
    "PayloadSizes",
    "PortClosure",
    "PortMatrix",
    "Preflight",
    "RealServer",
    "Roster",
    "SizeTry",
    "Span",
    "Traffic",
    "Truth",
    "Vantage",
    "Vantages",
    "VirtualServer",
    "Way",
    "span",
]
