"""What was asked from outside, and how it was answered."""

from __future__ import annotations

import dataclasses

from harness.model import Path, Replica, Sample


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
    """The replicas a service had, all running, at ``at``; ``asked``: how many it should (0: not told).

    Attributes:
        came: tasks that came while they were asked, whether they run by now or not.
        went: replicas that ended while they were asked.
    """

    id: str
    service: str
    at: float
    replicas: tuple[Replica, ...]
    asked: int = 0
    came: tuple[Replica, ...] = ()
    went: tuple[Replica, ...] = ()

    @property
    def ever(self) -> tuple[Replica, ...]:
        """Every task that may have answered."""
        return (*self.replicas, *self.came)


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
