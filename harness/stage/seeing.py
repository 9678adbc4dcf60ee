"""The words for what tasks see: their clients' addresses, and their own service."""

from __future__ import annotations

import dataclasses
import http.client
import json
import socket

import pytest

from harness.engine.protocol import Engine
from harness.errors import Unmeasurable
from harness.evidence import Hairpins, Roster, Sources
from harness.inside import parse
from harness.judge.seen import HOST_MODE, INGRESS
from harness.model import Network
from harness.probe.http1 import get
from harness.probe.target import Target
from harness.stage.asking import Asking
from harness.stage.publishing import Asked
from harness.stage.session import Stage
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle
from harness.workloads import speaking as speakers

_TIMES = 6  # requests by each entry node
_PATIENCE = 60.0  # seconds for a task to have asked its own service by all ways
_OFTEN = 8  # requests per replica, at most, until each has told
_COLUMNS = 4  # of a row: way, outcome, who answered, detail


@pytest.fixture(scope="module")
def sources(
    stage: Stage,
    swarm: Swarm,
    asking: Asking,
    speaking: ServiceHandle,
    hosted: ServiceHandle,
    asked_hosts: Asked,
) -> Sources:
    """Whom tasks see when they are asked by the mesh, and in host mode."""
    hosts = {one.node for one in asked_hosts.roster.replicas}
    by_mesh = asking.targets(speaking)
    at_home = [target for target in asking.targets(hosted) if target.entry in hosts]
    with stage.steps("whom do tasks see?"):
        seen = [
            (mode, target.entry, *_source(target, stage.settings.limits.request_timeout))
            for mode, targets in ((INGRESS, by_mesh), (HOST_MODE, at_home))
            for target in targets
            for _ in range(_TIMES)
        ]
    ingress = _ingress(swarm.engine)
    return stage.journal.keep(
        Sources(
            id=stage.journal.new_id("sources"),
            service=speaking.name,
            at=stage.journal.clock.now(),
            seen=tuple(seen),
            own=tuple((target.entry, _own(target)) for target in by_mesh),
            subnets=ingress.subnets,
            taken=_taken(swarm.engine, ingress.id),
        )
    )


def _source(target: Target, timeout: float) -> tuple[str, str]:
    """Whom the task saw, and why it could not be asked; one of them is empty."""
    reply = get(target, timeout=timeout)
    return (
        (reply.answer.source, "") if reply.answer.source else ("", f"{reply.outcome} {reply.detail}".strip())
    )


def _own(target: Target) -> str:
    """The address that this machine has towards a node."""
    family, address = target.address
    with socket.socket(family, socket.SOCK_DGRAM) as way:
        way.connect(address)  # sends nothing: it only chooses the address
        return str(way.getsockname()[0])


def _ingress(engine: Engine) -> Network:
    found = next((one for one in engine.networks() if one.ingress), None)
    if found is None:
        raise Unmeasurable("the swarm has no ingress network", remedy="docker network create --ingress")
    return found


def _taken(engine: Engine, network: str) -> tuple[str, ...]:
    """Addresses of tasks that live and of services on this network."""
    tasks = [one.addresses for one in engine.tasks() if not one.ended]
    vips = [service.vips for service in engine.services()]
    return tuple(sorted({one.address for part in (*tasks, *vips) for one in part if one.network == network}))


@dataclasses.dataclass(frozen=True)
class Turned:
    """What tasks got of their own service, and which they were."""

    hairpins: Hairpins
    roster: Roster


@pytest.fixture(scope="module")
def turned(stage: Stage, asking: Asking, speaking: ServiceHandle) -> Turned:
    """Every task asks its own service: by its VIP, and by each node's published port."""
    targets, before = asking.targets(speaking), speaking.roster()
    wanted = {one.task for one in before.replicas}
    told: dict[str, list[tuple[str, str, str, str]]] = {}
    with stage.steps("tasks ask their own service"):
        for number in range(_OFTEN * len(wanted)):
            if wanted <= set(told):
                break
            task, rows = _own_service(targets[number % len(targets)], skip=tuple(told))
            told.setdefault(task, rows)
    ways = ("VIP", *(target.entry for target in targets))
    found = Hairpins(
        id=stage.journal.new_id("hairpins"),
        service=speaking.name,
        at=stage.journal.clock.now(),
        ways=ways,
        told=tuple(row for task in sorted(told) for row in told[task] if task),
    )
    return Turned(stage.journal.keep(found), speaking.roster(since=before))


def _own_service(target: Target, skip: tuple[str, ...]) -> tuple[str, list[tuple[str, str, str, str]]]:
    """Have one task ask its own service; its id and rows, none if it is to be skipped or does not answer."""
    asking = http.client.HTTPConnection(target.host, target.port, timeout=_PATIENCE)
    try:
        asking.request("GET", f"{speakers.OWN}?{','.join(skip)}")
        told = json.loads(asking.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return "", []
    finally:
        asking.close()
    task = parse.text(told.get("task"))
    rows = [
        row
        for row in told.get("rows", ())
        if len(row) == _COLUMNS and all(isinstance(one, str) for one in row)
    ]
    return task, [
        (task, parse.text(way), parse.text(outcome), parse.text(who)) for way, outcome, who, _ in rows
    ]
