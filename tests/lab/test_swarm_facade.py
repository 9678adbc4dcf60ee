"""The facade on a real swarm: events and states arrive, hope is lost early, nothing is left behind."""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.config import Images, Tls
from harness.engine.connect import connect
from harness.engine.protocol import Engine
from harness.engine.spec import RUN_LABEL, ServiceSpec
from harness.errors import RequestError, Unmeasurable
from harness.journal import Journal
from harness.lab.protocol import Endpoint, Role
from harness.lab.uml.lab import UmlLab
from harness.model import Port
from harness.swarm import Swarm, lock, none_on

pytestmark = pytest.mark.in_the_lab
_START = 60.0


def _tls(endpoint: Endpoint) -> Tls:
    return Tls(ca=endpoint.ca, cert=endpoint.cert, key=endpoint.key)


@pytest.fixture(scope="module")
def engine(the_lab: UmlLab) -> Iterator[Engine]:
    """The first manager of the lab."""
    endpoint = the_lab.endpoint
    engine = connect(endpoint.url, _tls(endpoint))
    yield engine
    engine.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An open journal."""
    with Journal(tmp_path / "journal.jsonl") as opened:
        yield opened


@pytest.fixture
def swarm(engine: Engine, journal: Journal) -> Iterator[Swarm]:
    """The facade of a run of its own."""
    with Swarm(engine, journal, uuid.uuid4().hex[:6]) as opened:
        yield opened


@pytest.fixture
def spec(swarm: Swarm) -> ServiceSpec:
    """Three replicas of whoami."""
    return ServiceSpec(
        f"h-{swarm.run}-whoami", Images().whoami, replicas=3, ports=(Port(18080, 80),), stop_grace=1.0
    )


def _records(journal: Journal, kind: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_a_service_is_watched_from_start_to_removal(
    engine: Engine, swarm: Swarm, journal: Journal, spec: ServiceSpec
) -> None:
    """Replicas are named by hostname and slot; events and states are in the journal; all is gone after."""
    with swarm.deploy(spec) as whoami, swarm.watch(whoami) as watch:
        swarm.wait(whoami.running(), within=_START, successes=2)
        replicas = whoami.replicas()
        drained = replicas[0].node
        with swarm.drained(drained):
            swarm.wait(none_on(whoami, drained) & whoami.running(), within=_START)
        history = watch.history()
        ended = whoami.remove()

    nodes = {node.hostname for node in swarm.nodes()}
    assert [replica.slot for replica in replicas] == [1, 2, 3]
    assert {replica.node for replica in replicas} <= nodes
    assert {change.state for change in history.changes if change.what == "task"} >= {"running", "shutdown"}
    assert ended > history.ended
    assert {"service", "node"} <= {event["type"] for event in _records(journal, "event")}
    assert not engine.services(f"{RUN_LABEL}={swarm.run}")
    assert all(task.ended for task in engine.tasks(whoami.id))


def test_an_image_that_is_not_found_is_named_within_seconds(swarm: Swarm, spec: ServiceSpec) -> None:
    """Long before the bound, and the service is gone afterwards."""
    began = time.monotonic()
    missing = dataclasses.replace(spec, image="harness.invalid/none:1")

    with pytest.raises(RequestError, match=r"harness\.invalid/none:1"), swarm.deploy(missing) as whoami:
        swarm.wait(whoami.running(), within=120)
    assert time.monotonic() - began < 30
    assert swarm.sweep(swarm.run) == []


def test_closing_takes_no_time_though_a_stream_is_open(
    engine: Engine, journal: Journal, spec: ServiceSpec
) -> None:
    """The event stream blocks in a read; closing ends it from outside."""
    swarm = Swarm(engine, journal, "unused")
    swarm.wait(none_on(_Nothing(), "nowhere"), within=5)
    time.sleep(0.5)  # the stream is open by then
    began = time.monotonic()
    swarm.close()

    assert time.monotonic() - began < 1


@dataclasses.dataclass(frozen=True)
class _Nothing:
    id: str = "none"
    name: str = "none"


def test_two_runs_keep_apart(engine: Engine, swarm: Swarm, journal: Journal) -> None:
    """The lock is a config of the swarm; who comes second is refused, and told who holds it."""
    with swarm.lock() as told:
        assert told == ""
        with pytest.raises(RequestError, match=swarm.run), Swarm(engine, journal, "second").lock():
            pass
    assert lock.holder(engine) is None


def test_a_workers_endpoint_is_told_with_the_managers(the_lab: UmlLab) -> None:
    """The line names the managers that could be asked instead."""
    worker = next(node for node in the_lab.nodes if node.role is Role.WORKER)
    endpoint = the_lab.endpoint_of(worker.hostname)

    with pytest.raises(RequestError, match=r"is a worker .*192\.168\.200\.10:2377"):
        connect(endpoint.url, _tls(endpoint))


def test_tls_that_is_refused_is_told(the_lab: UmlLab) -> None:
    """Without a certificate of ours, without the lab's authority, without TLS at all."""
    endpoint = the_lab.endpoint

    for tls in (Tls(ca=endpoint.ca), Tls(cert=endpoint.cert, key=endpoint.key), Tls()):
        with pytest.raises(Unmeasurable, match="TLS"):
            connect(endpoint.url, tls)
