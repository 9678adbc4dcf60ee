"""The words for updates: a service that is rolled out anew, watched until swarm calls it over."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.clock import Deadline
from harness.engine.spec import Order, ServiceSpec, Update
from harness.evidence import Rollout, Roster, Traffic
from harness.stage.asking import Asking
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import only
from harness.swarm.service import RunningService, ServiceHandle

_OVER = frozenset({"completed", "paused", "rollback_completed", "rollback_paused"})
_BOUND = 90.0  # seconds for an update to be over
_SCALED = 90.0  # seconds for a service to be scaled
_AGAIN = 0.2  # seconds between two looks at its state
_RATE = 10.0  # requests/s per entry node while one replica answers and the nodes start eleven more
_WARM = 40  # requests through each entry node before and after
_CRASH = ("/whoami", "-no-such-option")  # ends at once, with an error


@dataclasses.dataclass(frozen=True)
class RolledOut:
    """An update, and steady requests while it went on."""

    rollout: Rollout
    traffic: Traffic


@pytest.fixture(scope="session")
def rolled(stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]) -> Iterator[ServiceHandle]:
    """whoami with a health check, updated start-first."""
    with works.rolled() as spec, swarm.deploy(spec) as service:
        with stage.steps("deploy whoami to be updated"):
            works.bring_up(service)
            works.settle(service, entries)
        yield service


class News:
    """What swarm says of a service's next update, as it changes.

    Attributes:
        states: (seconds, state) as each was first seen.
        message: what it says of the last.
    """

    def __init__(self, swarm: Swarm, service: RunningService) -> None:
        self._swarm, self._service = swarm, service
        self.states: list[tuple[float, str]] = []
        self.message = ""
        # the state of the update before stands until the next begins
        self._before = self._look().get("StartedAt")

    def _look(self) -> dict[str, Any]:
        return self._swarm.engine.inspect("service", self._service.id).get("UpdateStatus") or {}

    def over(self, now: float) -> bool:
        """Look again; whether it is over."""
        told = self._look()
        if told and told.get("StartedAt") != self._before:
            self.message = str(told.get("Message", ""))
            if not self.states or self.states[-1][1] != told.get("State"):
                self.states.append((now, str(told.get("State", ""))))
        return bool(self.states) and self.states[-1][1] in _OVER


@pytest.fixture(scope="session")
def roll_out(stage: Stage, swarm: Swarm, asking: Asking) -> Callable[..., RolledOut]:
    """``roll_out(service, spec, step)``: update under steady traffic until it is over, or the time is up."""

    def roll(service: ServiceHandle, spec: ServiceSpec, step: str) -> RolledOut:
        clock = stage.journal.clock
        old = tuple(task.id for task in service.tasks() if task.running)
        news = News(swarm, service)
        with stage.steps(step), asking.steady(service) as traffic:
            traffic.wait_each(_WARM, within=30)
            began, deadline = clock.now(), Deadline.after(_BOUND, clock)
            service.update(spec)
            while not deadline.passed and not news.over(clock.now()):
                clock.sleep(_AGAIN)
            ended = clock.now()
            running = tuple(task.id for task in service.tasks() if task.running)
            traffic.wait_each(_WARM, within=30)
        ident = stage.journal.new_id("rollout")
        rollout = Rollout(ident, service.name, began, ended, tuple(news.states), news.message, old, running)
        return RolledOut(stage.journal.keep(rollout), traffic.traffic)

    return roll


@pytest.fixture
def deploy_once(
    stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]
) -> Iterator[Callable[..., ServiceHandle]]:
    """``deploy_once(suffix, checked=True)``: a whoami for this test alone."""
    with contextlib.ExitStack() as undo:

        def deploy(suffix: str, *, checked: bool, replicas: int = 2) -> ServiceHandle:
            spec = undo.enter_context(works.once(suffix, checked=checked, replicas=replicas))
            service = undo.enter_context(swarm.deploy(spec))
            with stage.steps(f"deploy whoami {suffix}"):
                works.bring_up(service)
                works.settle(service, entries)
            return service

        yield deploy


@pytest.fixture
def cell(
    deploy_once: Callable[..., ServiceHandle], roll_out: Callable[..., RolledOut]
) -> Callable[..., RolledOut]:
    """``cell(order, checked=True)``: a service of its own is updated in that order, with a health check."""

    def play(order: Order, *, checked: bool) -> RolledOut:
        suffix = f"{order}-{'checked' if checked else 'plain'}"
        service = deploy_once(suffix, checked=checked)
        env = {**service.spec.env, "TURN": "2"}
        turned = dataclasses.replace(service.spec, env=env, update=Update(order))
        return roll_out(service, turned, f"an update {suffix}")

    return play


@dataclasses.dataclass(frozen=True)
class Scaled:
    """Steady requests while a service was scaled, and the replicas after each time."""

    traffic: Traffic
    rosters: tuple[Roster, ...]


@pytest.fixture
def scaled(
    stage: Stage,
    deploy_once: Callable[..., ServiceHandle],
    asking: Asking,
    allow: Callable[..., None],
) -> Scaled:
    """From 1 to 12 to 3 replicas, under steady traffic."""
    service = deploy_once("scaled", checked=True, replicas=1)
    rosters = []
    with asking.steady(service, rate=_RATE) as traffic:
        traffic.wait_each(_WARM, within=30)
        for replicas in (12, 3):
            with stage.steps(f"scale to {replicas}"):
                service.scale(replicas)
                allow(f"{replicas} replicas", only(service, replicas), within=_SCALED)
                rosters.append(service.roster())
                traffic.wait_each(_WARM, within=30)
    return Scaled(traffic.traffic, tuple(rosters))


@pytest.fixture(scope="session")
def paused(rolled: ServiceHandle, roll_out: Callable[..., RolledOut]) -> RolledOut:
    """An update whose tasks crash, which is to pause."""
    spec = dataclasses.replace(rolled.spec, command=_CRASH, update=Update("start-first", failure="pause"))
    return roll_out(rolled, spec, "an update that pauses")


@pytest.fixture(scope="session")
def completed(rolled: ServiceHandle, roll_out: Callable[..., RolledOut]) -> RolledOut:
    """An update that is good."""
    env = {**rolled.spec.env, "TURN": "2"}
    spec = dataclasses.replace(rolled.spec, command=(), env=env, update=Update("start-first"))
    return roll_out(rolled, spec, "an update that completes")


@pytest.fixture(scope="session")
def rolled_back(rolled: ServiceHandle, roll_out: Callable[..., RolledOut]) -> RolledOut:
    """An update whose tasks crash, which is to be rolled back."""
    spec = dataclasses.replace(rolled.spec, command=_CRASH, update=Update("start-first", failure="rollback"))
    return roll_out(rolled, spec, "an update that is rolled back")
