"""The words for published ports that come, go, and move to another service while requests go on."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from harness.evidence import PortClosure, Traffic
from harness.model import Port
from harness.probe import sampler
from harness.probe.target import Target
from harness.stage.asking import Asking
from harness.stage.bounds import Bounds
from harness.stage.publishing import MANY, Asked
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import renewed
from harness.swarm.service import ServiceHandle

_ROLL_OUT = 90.0  # seconds for every task to be replaced: a changed port is a changed task
_RATE = 25.0  # requests/s per entry node meanwhile
_OPEN = 5.0  # seconds for a port to be seen open before it is taken away
_WARM = 20  # requests through each entry node before and after


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two services, of which the first has a port that stays, and gives another to the second."""

    giving: ServiceHandle
    taking: ServiceHandle
    moving: int


@dataclasses.dataclass(frozen=True)
class Republished:
    """Requests to the port that stayed, and what was seen of the one that came.

    Attributes:
        within: seconds for which the port that stayed may be away.
    """

    steady: Traffic
    asked: Asked
    within: float


@dataclasses.dataclass(frozen=True)
class Withdrawn:
    """Requests to the port that stayed, and how the other one closed; ``within`` as above."""

    steady: Traffic
    closure: PortClosure
    within: float


@pytest.fixture(scope="module")
def pair(stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]) -> Iterator[Pair]:
    """Two whoami with health checks; the second is published nowhere yet."""
    with (
        works.ported("giving") as first,
        works.ported("taking") as second,
        swarm.deploy(first) as giving,
        swarm.deploy(dataclasses.replace(second, ports=())) as taking,
    ):
        with stage.steps("deploy two services, one of them published"):
            works.bring_up(giving, taking)
            works.settle(giving, entries)
        stage.pause("deploy")
        yield Pair(giving, taking, works.ports["moving"])


class Republisher:
    """Changes the published ports of services, under steady requests to the pair's port that stays.

    Attributes:
        away: seconds for which a service is away whose tasks are all replaced at once.
    """

    def __init__(self, stage: Stage, swarm: Swarm, asking: Asking, pair: Pair, away: float) -> None:
        self._stage, self._swarm, self._asking, self._pair = stage, swarm, asking, pair
        self.away = away

    def change(self, service: ServiceHandle, *ports: Port) -> float:
        """Publish these and no others; when the last task of before was seen to have ended.

        Raises:
            WaitTimeout: the update is not over in time.
            RequestError: another service has one of them.
        """
        old = {task.id for task in service.tasks() if not task.ended}
        service.update(dataclasses.replace(service.spec, ports=ports))
        over = renewed(service, service.spec.replicas, old)
        return self._swarm.wait(over, _ROLL_OUT, f"{service.name} has its new ports").at

    @contextlib.contextmanager
    def steady(self, step: str) -> Iterator[sampler.Steady]:
        """Requests to the port that stays, before and after and all through the block."""
        with self._stage.steps(step), self._asking.steady(self._pair.giving, rate=_RATE) as traffic:
            traffic.wait_each(_WARM, within=30)
            yield traffic
            self._asking.settle(self._pair.giving)  # a task runs a moment before every node knows it
            traffic.wait_each(_WARM, within=30)

    def targets(self, service: ServiceHandle) -> list[Target]:
        """The moving port on every node, of whom it is asked."""
        return [
            dataclasses.replace(target, port=self._pair.moving, service=service.name)
            for target in self._asking.targets(self._pair.giving)
        ]

    def ask(self, service: ServiceHandle) -> Asked:
        """Ask the moving port, once the nodes know the service's tasks."""
        self._asking.settle(service)
        before = service.roster()
        timeout = self._stage.settings.limits.request_timeout
        traffic = sampler.burst(self.targets(service), MANY, journal=self._stage.journal, timeout=timeout)
        return Asked(traffic, service.roster(since=before), self._pair.moving)


@pytest.fixture(scope="module")
def republisher(stage: Stage, swarm: Swarm, asking: Asking, bounds: Bounds, pair: Pair) -> Republisher:
    """Changes ports under steady requests."""
    away = (pair.giving.spec.stop_grace or 0.0) + bounds.start(pair.giving)
    return Republisher(stage, swarm, asking, pair, away)


@pytest.fixture(scope="module")
def port_added(pair: Pair, republisher: Republisher) -> Republished:
    """A second port for a service that has one."""
    with republisher.steady("publish one more port") as traffic:
        republisher.change(pair.giving, *pair.giving.spec.ports, _port(pair))
        asked = republisher.ask(pair.giving)
    return Republished(traffic.traffic, asked, republisher.away)


@pytest.fixture(scope="module")
def port_removed(stage: Stage, pair: Pair, republisher: Republisher, port_added: Republished) -> Withdrawn:  # noqa: ARG001  what was added is removed
    """The second port taken from the service again."""
    within = stage.settings.limits.closed_within
    with (
        republisher.steady("publish one port less") as traffic,
        sampler.closing(republisher.targets(pair.giving), journal=stage.journal) as knocking,
    ):
        knocking.wait_open(within=_OPEN)
        ended = republisher.change(pair.giving, pair.giving.spec.ports[0])
        closure = knocking.closure(ended, within=within)
    return Withdrawn(traffic.traffic, closure, republisher.away)


@pytest.fixture(scope="module")
def port_moved(pair: Pair, republisher: Republisher, port_removed: Withdrawn) -> Republished:  # noqa: ARG001  a port is free before another has it
    """The port that one service gave up, published by another."""
    with republisher.steady("publish the port by another service") as traffic:
        republisher.change(pair.taking, _port(pair))
        asked = republisher.ask(pair.taking)
    return Republished(traffic.traffic, asked, republisher.away)


def _port(pair: Pair) -> Port:
    return dataclasses.replace(pair.giving.spec.ports[0], published=pair.moving)
