"""The words for secrets and configs: a service that has one of each, what its tasks find, and a rotation."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import secrets
from collections.abc import Callable, Iterator

import pytest

from harness.engine.protocol import InUseError
from harness.engine.spec import ConfigFile
from harness.evidence import Keeping, Roster, Traffic
from harness.lab.protocol import Lab
from harness.stage import searching
from harness.stage.asking import Asking
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import renewed
from harness.swarm.service import ServiceHandle

_PATHS = {"secret": "/run/secrets/key", "config": "/note"}  # where tasks find them
_ROLL_OUT = 90.0  # seconds for every task to be replaced
_WARM = 20  # requests through each entry node before and after


@dataclasses.dataclass(frozen=True)
class Sealed:
    """A service that has a secret and a config.

    Attributes:
        names: by kind, ``secret`` and ``config``; ``values``: known to this run alone, and never journaled.
        later: undone after the service is: for what it comes to use.
    """

    service: ServiceHandle
    names: dict[str, str]
    values: dict[str, str] = dataclasses.field(repr=False)
    later: contextlib.ExitStack


@dataclasses.dataclass(frozen=True)
class Rotation:
    """Steady requests while the secret was rotated, what tasks found then, and which they were."""

    traffic: Traffic
    keeping: Keeping
    roster: Roster


@pytest.fixture(scope="session")
def sealed(stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]) -> Iterator[Sealed]:
    """whoami with a secret and a config."""
    names = {"secret": f"h-{stage.run}-key", "config": f"h-{stage.run}-note"}
    values = {kind: secrets.token_hex(24) for kind in names}
    files = ConfigFile(names["secret"], "key"), ConfigFile(names["config"], _PATHS["config"])
    with (
        swarm.secret(names["secret"], values["secret"].encode()),
        swarm.config(names["config"], values["config"].encode()),
        contextlib.ExitStack() as later,
        works.sealed(*files) as spec,
        swarm.deploy(spec) as service,
    ):
        with stage.steps("deploy whoami with a secret and a config"):
            works.bring_up(service)
            works.settle(service, entries)
        yield Sealed(service, names, values, later)


@pytest.fixture(scope="session")
def look_into(stage: Stage, swarm: Swarm, lab: Lab) -> Callable[..., Keeping]:
    """``look_into(sealed, "secret")``: what tasks find, where else it lies, and what a removal is told."""

    def look(sealed: Sealed, kind: str, *, remove: bool = True) -> Keeping:
        name, value, service = sealed.names[kind], sealed.values[kind], sealed.service
        tasks = [task for task in service.tasks() if task.running and task.container]
        with stage.steps(f"look for the {kind}"):
            secret = kind == "secret"
            found = searching.nodes(lab, tasks, _PATHS[kind], value if secret else "")
            told = searching.manager(swarm.engine, service.id, name, tasks, value) if secret else []
        return stage.journal.keep(
            Keeping(
                id=stage.journal.new_id("keeping"),
                service=service.name,
                kind=kind,
                name=name,
                at=stage.journal.clock.now(),
                digest=hashlib.sha256(value.encode()).hexdigest(),
                held=tuple(found.held),
                places=(*found.places, *told),
                searched=tuple(found.searched),
                missing=tuple(found.missing.items()),
                removal=_removal(swarm, kind, name) if remove else None,
            )
        )

    return look


def _removal(swarm: Swarm, kind: str, name: str) -> str:
    """What the engine says to its removal; empty if it removes it."""
    remove = {"secret": swarm.engine.remove_secret, "config": swarm.engine.remove_config}[kind]
    try:
        remove(name)
    except InUseError as refused:
        return str(refused)
    return ""


@pytest.fixture(scope="session")
def seen_secret(sealed: Sealed, look_into: Callable[..., Keeping]) -> Keeping:
    """The secret, as it was deployed."""
    return look_into(sealed, "secret")


@pytest.fixture(scope="session")
def seen_config(sealed: Sealed, look_into: Callable[..., Keeping]) -> Keeping:
    """The config, as it was deployed."""
    return look_into(sealed, "config")


@pytest.fixture(scope="session")
def rotation(
    stage: Stage,
    swarm: Swarm,
    sealed: Sealed,
    asking: Asking,
    allow: Callable[..., None],
    look_into: Callable[..., Keeping],
) -> Rotation:
    """Another secret in the place of the first, under steady traffic; the first is free then."""
    service, name, value = sealed.service, f"{sealed.names['secret']}-2", secrets.token_hex(24)
    old = {task.id for task in service.tasks() if not task.ended}
    sealed.later.enter_context(swarm.secret(name, value.encode()))
    with stage.steps("rotate the secret"), asking.steady(service) as traffic:
        traffic.wait_each(_WARM, within=30)
        service.update(dataclasses.replace(service.spec, secrets=(ConfigFile(name, "key"),)))
        allow("the rotation", renewed(service, service.spec.replicas, old), within=_ROLL_OUT)
        roster = service.roster()
        traffic.wait_each(_WARM, within=30)
    new = dataclasses.replace(sealed, names={"secret": name}, values={"secret": value})
    return Rotation(traffic.traffic, look_into(new, "secret", remove=False), roster)
