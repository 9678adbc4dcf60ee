"""The words that suites speak: fixtures, each of which gives one thing or does one thing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from harness import lab as labs
from harness.config import Limits
from harness.engine.protocol import Engine
from harness.errors import RequestError
from harness.evidence import Cluster, Complaint, Roster, Traffic
from harness.journal import Journal
from harness.lab.protocol import Lab
from harness.stage import STAGE, opening, workloads
from harness.stage.asking import Asking
from harness.stage.ports import Ports
from harness.stage.promises import Promises
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import only
from harness.swarm.service import ServiceHandle

# --- the run ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def stage(request: pytest.FixtureRequest) -> Stage:
    """Everything that the tests of this run share."""
    return request.config.stash[STAGE]


@pytest.fixture(scope="session")
def journal(stage: Stage) -> Journal:
    """The run's journal."""
    return stage.journal


@pytest.fixture(scope="session")
def limits(stage: Stage) -> Limits:
    """What decides verdicts, from ``[limits]``."""
    return stage.settings.limits


@pytest.fixture(scope="session")
def promise(stage: Stage) -> Promises:
    """``promise(id, verdict)``: write down what was judged; the test fails at its end."""
    return stage.promises


def _lab_of(stage: Stage) -> Lab | None:
    """The lab that the run is on; None on any other target."""
    return labs.find() if stage.request.target == "lab" else None


@pytest.fixture(scope="session")
def engine(stage: Stage) -> Iterator[Engine]:
    """The manager's engine; on a lab, which shares this machine, with an eye on who else uses it."""
    found = _lab_of(stage)
    watched = contextlib.nullcontext() if found is None else stage.watch_machine(found.processes)
    with opening.engine(stage.request.target, stage.settings) as opened, watched:
        yield opened


@pytest.fixture(scope="session")
def lab(stage: Stage) -> Lab:
    """The lab: power and cables in our hands."""
    found = _lab_of(stage)
    if found is None:
        raise RequestError("this needs a lab of ours", remedy="use --target lab")
    return found


@pytest.fixture(scope="session")
def swarm(stage: Stage, engine: Engine) -> Iterator[Swarm]:
    """The swarm under test: ours alone while the run lasts."""
    with (
        stage.artifacts.of(engine, stage.run, _lab_of(stage)),
        Swarm(
            engine,
            stage.journal,
            stage.run,
            addresses=stage.settings.nodes,
            progress=stage.steps.progress,
            keep=stage.request.keep_workloads,
            failing=stage.keep_artifacts,
        ) as opened,
        opened.lock() as told,
    ):
        if told:
            stage.journal.write("note", text=told)
        opening.require_enough(opened.nodes())
        stage.clear = opened.abandon if stage.request.lab_goes else opened.clear
        yield opened


@pytest.fixture(scope="session")
def cluster(stage: Stage, swarm: Swarm) -> Cluster:
    """The nodes at the start; on a hurt swarm disruptive checks do not start."""
    seen = swarm.cluster()
    absent = [node.hostname for node in seen.nodes if not node.ready]
    stage.hurt = f"{', '.join(absent)} was not Ready at the start" if absent else ""
    return seen


@pytest.fixture(scope="session")
def entries(cluster: Cluster) -> tuple[str, ...]:
    """Hostnames of the nodes to ask: all that are Ready, whether they take tasks or not."""
    return tuple(node.hostname for node in cluster.nodes if node.ready)


# --- services ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def works(stage: Stage, swarm: Swarm, entries: tuple[str, ...]) -> Iterator[Workloads]:
    """What can be deployed; its ports are free and its nodes can be reached."""
    ports = Ports(stage.settings.published_port)
    opening.require_free({entry: swarm.address(entry) for entry in entries}, ports.of(stage.selected))
    with swarm.network(f"h-{stage.run}-net") as network:
        yield Workloads(stage, swarm, network)


@pytest.fixture(scope="session")
def deployed(
    stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]
) -> Iterator[dict[str, ServiceHandle]]:
    """whoami, and the lonely service where a selected check needs it, created side by side and settled."""
    with contextlib.ExitStack() as undo, stage.steps("deploy"):
        handles = {"whoami": undo.enter_context(swarm.deploy(works.whoami()))}
        if stage.selected & {"reach.node-without-task", "reach.closed-after-remove"}:
            handles["lonely"] = undo.enter_context(swarm.deploy(works.lonely()))
        works.bring_up(*handles.values())
        works.settle(handles["whoami"], entries)
        undo_later = undo.pop_all()
    with undo_later:
        stage.pause("deploy")
        yield handles


@pytest.fixture(scope="session")
def whoami(deployed: dict[str, ServiceHandle]) -> ServiceHandle:
    """whoami with its replicas, on the ingress network and on an overlay network."""
    return deployed["whoami"]


@pytest.fixture(scope="session")
def lonely(stage: Stage, swarm: Swarm, deployed: dict[str, ServiceHandle], asking: Asking) -> ServiceHandle:
    """A whoami scaled from two replicas to one."""
    handle = deployed["lonely"]
    with stage.steps("scale to one"):
        handle.scale(1)
        swarm.wait(only(handle, 1), workloads.START, f"{handle.name} runs one replica")
        asking.settle(handle)
    return handle


@pytest.fixture(scope="session")
def roster(whoami: ServiceHandle) -> Roster:
    """whoami's replicas as deployed."""
    return whoami.roster()


@pytest.fixture(scope="session")
def healthy(
    stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]
) -> Iterator[ServiceHandle]:
    """whoami with a health check."""
    with works.healthy() as spec, swarm.deploy(spec) as handle:
        with stage.steps("deploy whoami with a health check"):
            works.bring_up(handle)
            works.settle(handle, entries)
        yield handle


@pytest.fixture(scope="session")
def redis(swarm: Swarm, works: Workloads) -> Iterator[ServiceHandle]:
    """Redis without a volume; it comes up with who needs it."""
    with swarm.deploy(works.redis()) as handle:
        yield handle


@pytest.fixture(scope="session")
def flask(
    stage: Stage, redis: ServiceHandle, swarm: Swarm, works: Workloads, entries: tuple[str, ...]
) -> Iterator[ServiceHandle]:
    """flask-redis over Redis."""
    with swarm.deploy(works.flask()) as handle:
        with stage.steps("deploy flask-redis"):
            works.bring_up(redis, handle)
            works.settle(handle, entries)
        yield handle


@pytest.fixture
def refused(
    stage: Stage, redis: ServiceHandle, swarm: Swarm, works: Workloads, entries: tuple[str, ...]
) -> Iterator[ServiceHandle]:
    """flask-redis that was given another password than Redis."""
    with swarm.deploy(works.refused()) as handle:
        with stage.steps("deploy flask-redis with a wrong password"):
            works.bring_up(redis, handle)
            works.listens(handle, entries)
        yield handle


@pytest.fixture(scope="session")
def complaint(
    stage: Stage, swarm: Swarm, redis: ServiceHandle
) -> Callable[[ServiceHandle, Traffic], Complaint]:
    """``complaint(flask, traffic)``: if requests to it failed, what it wrote last."""
    longest = 200  # lines, and characters of one: the end of a log says why

    def read(service: ServiceHandle, traffic: Traffic) -> Complaint:
        lines: list[tuple[str, str]] = []
        if not all(one.ok for one in traffic.samples):
            names = {node.id: node.hostname for node in swarm.nodes()}
            told = swarm.engine.service_logs(service.id)[-longest:]
            lines = [(names.get(one.node, ""), one.text[:longest]) for one in told]
        found = Complaint(
            stage.journal.new_id("complaint"), service.name, redis.name, swarm.clock.now(), tuple(lines)
        )
        return stage.journal.keep(found)

    return read
