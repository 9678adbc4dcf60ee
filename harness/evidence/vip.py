"""The VIP as tasks of the service itself see it, and connections through it that say nothing for long."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class OwnVip:
    """What one task of a service got from the VIP of that service.

    Attributes:
        task: its id; ``node``: where it runs.
        addresses: what the service's name is to it.
        outcomes: (outcome, number of requests) in the words of :class:`harness.model.Outcome`.
        replicas: (what answers call themselves, number).
    """

    node: str
    task: str
    addresses: tuple[str, ...]
    outcomes: tuple[tuple[str, int], ...]
    replicas: tuple[tuple[str, int], ...]

    @property
    def asked(self) -> int:
        """Number of requests."""
        return sum(number for _, number in self.outcomes)


@dataclasses.dataclass(frozen=True)
class OwnVips:
    """All tasks of a service asked its own VIP, those of a node one after the other.

    Attributes:
        vips: the VIP on the network, as the manager has it.
        missing: (hostname, reason) of nodes without a whole answer; ``skipped``: of nodes that take no tasks.
    """

    id: str
    at: float
    service: str
    vips: tuple[str, ...]
    tasks: tuple[OwnVip, ...]
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Quiet:
    """Connections of one kind through the VIP, from a task on one node.

    Attributes:
        kind: ``brief`` (silent for half the timeout), ``silent`` (for twice and more), or ``kept``: as long,
            with TCP's keep-alive.
        seconds: of silence.
        outcomes: (outcome of the request after it, number of connections).
    """

    node: str
    kind: str
    seconds: float
    outcomes: tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class Idling:
    """Connections through the VIP while the IPVS timeout was short in the network's balancer on every node.

    Attributes:
        wanted: the timeout that was set (seconds).
        timeouts: (hostname, seconds before, seconds while they were silent) of the balancer's namespace.
        missing: (hostname, reason) of nodes without a whole answer; ``skipped``: of nodes that take no tasks.
    """

    id: str
    at: float
    service: str
    wanted: int
    timeouts: tuple[tuple[str, int, int], ...]
    quiet: tuple[Quiet, ...]
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
