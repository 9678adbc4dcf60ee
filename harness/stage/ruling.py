"""The words for managers: one that is restarted, with and without autolock, while its services serve."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.clock import Deadline
from harness.engine.protocol import Engine
from harness.engine.spec import ConfigFile
from harness.errors import HarnessError, RequestError, Unmeasurable
from harness.evidence import Fault, Keeping, Kept, Locking, Roster, Standing, Traffic
from harness.faults.compute import RestartEngine
from harness.faults.protocol import Injection, injected
from harness.lab.protocol import Lab
from harness.model import Role
from harness.stage import locking, searching
from harness.stage.asking import Asking
from harness.stage.bounds import Bounds
from harness.stage.secrecy import Sealed
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle

_PATHS = {"secret": "/run/secrets/key", "config": "/note"}  # where tasks find them
_WARM = 100  # requests through each worker before, and once all is well again
_START = 60.0  # seconds for an engine to start, and for its manager to answer
_AGAIN = 0.2  # seconds between two looks
_WHOLE = 30.0  # seconds more for every task to run again


@dataclasses.dataclass(frozen=True)
class Ruled:
    """A manager restarted under steady requests through the other nodes.

    Attributes:
        before: what it kept, and ``after`` its restart; ``was``, ``runs``: the replicas then.
        keeping: by kind, what tasks find of the service's secret and config afterwards.
    """

    fault: Fault
    traffic: Traffic
    before: Standing
    after: Standing
    was: Roster
    runs: Roster
    keeping: dict[str, Keeping]


@pytest.fixture(scope="session")
def ruler(swarm: Swarm) -> str:
    """The manager that is asked, where others are not needed to go on: the only one.

    Raises:
        RequestError: there are several, or no worker.
    """
    managers = [node.hostname for node in swarm.nodes() if node.role is Role.MANAGER]
    if len(managers) != 1 or len(swarm.nodes()) == 1:
        raise RequestError("this needs one manager, and workers", remedy="use a lab with --managers 1")
    return managers[0]


@pytest.fixture(scope="session")
def ruled(stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]) -> Iterator[Sealed]:
    """whoami with a secret and a config, a task on every node."""
    names = {"secret": f"h-{stage.run}-ruled-key", "config": f"h-{stage.run}-ruled-note"}
    values = {kind: secrets.token_hex(24) for kind in names}
    files = ConfigFile(names["secret"], "key"), ConfigFile(names["config"], _PATHS["config"])
    with (
        swarm.secret(names["secret"], values["secret"].encode()),
        swarm.config(names["config"], values["config"].encode()),
        contextlib.ExitStack() as later,
        works.ruled(len(entries), *files) as spec,
        swarm.deploy(spec) as service,
    ):
        with stage.steps("deploy whoami on every node"):
            works.bring_up(service)
            works.settle(service, entries)
        yield Sealed(service, names, values, later)


def standing(swarm: Swarm, manager: str) -> Standing:
    """What the manager keeps now, as evidence.

    Raises:
        HarnessError: it does not answer, or an object went while it told of them.
    """
    engine = swarm.engine
    info = engine.info()
    objects = [
        Kept("service", one.id, one.name, _digest(engine, "service", one.id)) for one in engine.services()
    ]
    objects += [
        Kept("secret", one.id, one.name, _digest(engine, "secret", one.id)) for one in engine.secrets()
    ]
    objects += [
        Kept("config", one.id, one.name, _digest(engine, "config", one.id)) for one in engine.configs()
    ]
    objects += [
        Kept("network", one.id, one.name, _hash([one.driver, one.subnets])) for one in engine.networks()
    ]
    objects += [
        Kept("node", one.id, one.hostname, _hash([one.role, one.availability])) for one in engine.nodes()
    ]
    ident, now = swarm.journal.new_id("standing"), swarm.clock.now()
    return swarm.journal.keep(Standing(ident, now, manager, info.cluster, info.node, tuple(objects)))


def _digest(engine: Engine, kind: Any, ident: str) -> str:
    spec = engine.inspect(kind, ident).get("Spec") or {}
    return _hash({key: value for key, value in spec.items() if key != "Labels"})


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Returning:
    """A manager whose engine starts: what it is in the swarm, as it changes."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm
        self.states: list[tuple[float, str]] = []

    def wait(self, *wanted: str) -> str:
        """Until its engine is in one of these states, and, if active, tells of its nodes; else empty."""
        deadline = Deadline.after(_START, self._swarm.clock)
        while not deadline.passed:
            state = self._look()
            if state in wanted:
                return state
            self._swarm.clock.sleep(_AGAIN)
        return ""

    def _look(self) -> str:
        try:
            state = self._swarm.engine.info().swarm
            if state == "active":
                self._swarm.nodes()
        except HarnessError:  # it starts, or has no leader yet
            return ""
        if not self.states or self.states[-1][1] != state:
            self.states.append((self._swarm.clock.now(), state))
        return state

    def refusal(self) -> str:
        """What it says when it is asked for its nodes; empty if it tells them."""
        try:
            self._swarm.nodes()
        except HarnessError as refused:
            return str(refused)
        return ""


Play = Callable[[Callable[[Returning], None]], Ruled]


@pytest.fixture(scope="session")
def rule(
    stage: Stage,
    swarm: Swarm,
    lab: Lab,
    ruler: str,
    ruled: Sealed,
    entries: tuple[str, ...],
    asking: Asking,
    bounds: Bounds,
    gate: Callable[[ServiceHandle], Callable[[str], None]],
    allow: Callable[..., None],
) -> Play:
    """``rule(meanwhile)``: restart the manager under steady requests through the workers."""

    def play(meanwhile: Callable[[Returning], None]) -> Ruled:
        service = ruled.service
        through = tuple(entry for entry in entries if entry != ruler)
        before, was = standing(swarm, ruler), service.roster()
        with stage.steps(f"restart {ruler}"), asking.steady(service, through=through) as traffic:
            traffic.wait_each(_WARM, within=30)
            with _restarted(stage, lab, ruler, gate(service)) as restart:
                returning = Returning(swarm)
                meanwhile(returning)
                if returning.wait("active") != "active":
                    raise Unmeasurable(f"{ruler} did not answer again within {_START:g} s")
                allow("every task to run again", service.running(), within=_WHOLE + bounds.start(service))
            traffic.until(
                lambda samples: bool(samples) and samples[-1].began > restart.fault.began + bounds.gossip + 1,
                within=30,
                what="requests long after the restart",
            )
            after, runs = standing(swarm, ruler), service.roster()
            traffic.wait_each(_WARM, within=30)
        keeping = {kind: _keeping(stage, lab, ruled, kind) for kind in _PATHS}
        return Ruled(restart.fault, traffic.traffic, before, after, was, runs, keeping)

    return play


def _restarted(
    stage: Stage, lab: Lab, ruler: str, gate: Callable[[str], None]
) -> contextlib.AbstractContextManager[Injection]:
    return injected(RestartEngine(lab, ruler), stage.journal, gate=gate)


def _keeping(stage: Stage, lab: Lab, sealed: Sealed, kind: str) -> Keeping:
    """What the tasks find now; the nodes are not searched for the value."""
    tasks = [task for task in sealed.service.tasks() if task.running and task.container]
    found = searching.nodes(lab, tasks, _PATHS[kind])
    return stage.journal.keep(
        Keeping(
            id=stage.journal.new_id("keeping"),
            service=sealed.service.name,
            kind=kind,
            name=sealed.names[kind],
            at=stage.journal.clock.now(),
            digest=hashlib.sha256(sealed.values[kind].encode()).hexdigest(),
            held=tuple(found.held),
            missing=tuple(found.missing.items()),
        )
    )


@pytest.fixture(scope="session")
def restarted(rule: Play) -> Ruled:
    """The manager restarted, nothing else."""
    return rule(lambda _returning: None)


@dataclasses.dataclass(frozen=True)
class Locked:
    """A restart with autolock on."""

    locking: Locking
    ruled: Ruled


@pytest.fixture(scope="session")
def locked(stage: Stage, swarm: Swarm, lab: Lab, ruler: str, rule: Play) -> Locked:
    """Autolock on, the manager restarted: asked while it is locked, with a wrong key, with the right one."""
    found: list[Locking] = []

    with locking.autolock(lab, ruler) as key:

        def unlock(returning: Returning) -> None:
            state = returning.wait("locked", "active")
            refusal, wrong, opened, gossips = "", None, None, True
            if state == "locked":
                refusal, wrong = returning.refusal(), locking.give(lab, ruler, locking.another(key))
                locking.give(lab, ruler, key)
                opened = swarm.clock.now() if returning.wait("active") else None
                gossips = opened is None or locking.gossips(stage, lab, ruler, key)
            found.append(
                Locking(
                    stage.journal.new_id("locking"),
                    ruler,
                    swarm.clock.now(),
                    tuple(returning.states),
                    refusal,
                    wrong,
                    opened,
                    gossips,
                )
            )

        seen = rule(unlock)
    return Locked(stage.journal.keep(found[-1]), seen)
