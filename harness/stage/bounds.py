"""The times within which this swarm must heal, computed from what was read of it and measured in this run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.judge import bounds as arithmetic
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle

_BOOT = 30.0  # seconds for a node's kernel and engine to start


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Times that swarm itself sets, and how long tasks take to start here (seconds).

    Attributes:
        heartbeat: the dispatcher's period.
        node_down: from a node's loss until it is shown Down.
        gossip: outage per entry node that a node's loss may cost.
        rejoined: from the return of power until the node is Ready.
        start: the time that a task of a service may take from scheduled to running.
    """

    heartbeat: float
    node_down: float
    gossip: float
    rejoined: float
    start: Callable[[ServiceHandle], float]

    def replaced(self, service: ServiceHandle) -> float:
        """From a task's end until another runs in its slot."""
        return arithmetic.replaced(service.spec.restart.delay, self.start(service))

    def running_again(self, service: ServiceHandle) -> float:
        """From a node's loss until all tasks of the service run elsewhere."""
        return arithmetic.running_again(self.heartbeat, service.spec.restart.delay, self.start(service))


@pytest.fixture(scope="session")
def bounds(stage: Stage, swarm: Swarm, works: Workloads) -> Bounds:
    """The bounds of this swarm; a task may take as long to start as the slowest of its service did."""
    limits = stage.settings.limits
    heartbeat = swarm.engine.info().heartbeat
    return Bounds(
        heartbeat=heartbeat,
        node_down=arithmetic.node_down(heartbeat),
        gossip=limits.gossip or arithmetic.gossip(len(swarm.nodes())),
        rejoined=arithmetic.rejoined(heartbeat, _BOOT),
        start=lambda service: works.slowest_start(service) + limits.start_margin,
    )
