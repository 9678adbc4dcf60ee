"""Evidence pair by pair: who reached whom, with how much, from which vantage, and what names said when."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Pair:
    """What a node's task got from an address on the overlay, without any balancer in between.

    Attributes:
        source: node (hostname) of the asking task; ``target``: node of the asked one.
        replica: id of the asked task of the service; empty: a task of the job itself.
        protocol: ``icmp``, ``tcp`` or ``udp``.
        state: ``open``, ``closed`` (refused), ``silent``, or ``foreign``: somebody else answered there.
        tries: attempts until that state was final.
    """

    source: str
    target: str
    address: str
    replica: str
    protocol: str
    state: str
    tries: int = 1
    proof: str = ""


@dataclasses.dataclass(frozen=True)
class Way:
    """Whether datagrams of one node's task arrived at another's, whatever became of the answers."""

    source: str
    target: str
    arrived: bool


@dataclasses.dataclass(frozen=True)
class OverlayMesh:
    """Every node's task asked every task of a service by its own address, and its own kind.

    Attributes:
        network: name of the overlay network.
        nodes: hostnames on which the job ran.
        silence: seconds of silence on every pair before its first packet (0: nobody waited).
        ageing: seconds after which forwarding entries learned from traffic were forgotten (0: not told).
        missing: (hostname, reason) of nodes without a whole answer; ``skipped``: of nodes without a job.
    """

    id: str
    service: str
    network: str
    at: float
    nodes: tuple[str, ...]
    pairs: tuple[Pair, ...]
    ways: tuple[Way, ...] = ()
    silence: float = 0.0
    ageing: float = 0.0
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class SizeTry:
    """A payload of one size that was sent one way.

    Attributes:
        source: node of the asking task, or of the entry that was asked from outside.
        target: node of the asked task; empty behind a balancer, which does not tell.
        path: ``overlay`` (the task's own address) or ``ingress`` (a node's published port).
        direction: ``up`` (in the request) or ``down`` (in the answer).
        size: bytes.
        passed: whether all of it arrived.
    """

    source: str
    target: str
    address: str
    path: str
    direction: str
    size: int
    passed: bool
    tries: int = 1
    seconds: float = 0.0
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class PayloadSizes:
    """Payloads of growing sizes; sizes after the second failure of a way were not tried."""

    id: str
    service: str
    at: float
    nodes: tuple[str, ...]
    tries: tuple[SizeTry, ...]
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Vantage:
    """One published port asked from one vantage point.

    Attributes:
        kind: ``outside``, ``127.0.0.1``, ``::1``, ``own`` (the node's own address), ``peer`` (from another
            node) or ``task`` (from a task on an overlay, through docker_gwbridge).
        source: node of the asker; empty from outside.
        entry: node whose port was asked.
        outcomes: (outcome, number of requests) in the words of :class:`harness.model.Outcome`.
    """

    kind: str
    source: str
    entry: str
    outcomes: tuple[tuple[str, int], ...]
    detail: str = ""

    @property
    def asked(self) -> int:
        """Number of requests."""
        return sum(number for _, number in self.outcomes)

    @property
    def answered(self) -> int:
        """Number of whole and rightful answers."""
        return dict(self.outcomes).get("ok", 0)


@dataclasses.dataclass(frozen=True)
class Vantages:
    """The same published port from every vantage point that could be had."""

    id: str
    service: str
    port: int
    at: float
    entries: tuple[str, ...]
    vantages: tuple[Vantage, ...]
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class NameView:
    """What one node's DNS said of one task of a service that was scaled up and down.

    Times in seconds from the script's begin on that node: one clock, so differences are exact to ``every``.

    Attributes:
        first: first answer that held the address; ``last``: the last one that did.
        alive: last connect to it that succeeded; None: it never answered this node.
        held: whether the last answer of all held it.
    """

    node: str
    address: str
    first: float
    last: float
    alive: float | None
    held: bool


@dataclasses.dataclass(frozen=True)
class NameSpan:
    """A node was asked from ``began`` to ``ended`` (our clock, late by up to 0.7 s), ``answers`` times."""

    node: str
    began: float
    ended: float
    answers: int
    failed: int = 0


@dataclasses.dataclass(frozen=True)
class NameWatch:
    """``tasks.<service>`` asked again and again on every node while the service was scaled up and down.

    Attributes:
        every: seconds between questions.
        joined: (address, when the manager first showed its task running; our clock) of tasks that came.
        left: addresses of tasks that were scaled away; ``stayed``: of those that ran all the time.
        hosts: (address, hostname of the node that ran its task).
    """

    id: str
    service: str
    at: float
    every: float
    spans: tuple[NameSpan, ...]
    views: tuple[NameView, ...]
    stayed: tuple[str, ...]
    joined: tuple[tuple[str, float], ...] = ()
    left: tuple[str, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class WayOut:
    """Tasks on an overlay network connected to a host outside the swarm.

    Attributes:
        host: its address.
        seen: (hostname of the task's node, address that the host saw, why it was not reached) of each.
        addresses: (hostname, address) of the nodes, as the swarm tells it.
        missing: (hostname, reason) of nodes without a whole answer; ``skipped``: of nodes that take no tasks.
    """

    id: str
    at: float
    host: str
    seen: tuple[tuple[str, str, str], ...]
    addresses: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
