"""The words that suites speak: fixtures, each of which gives one thing or does one thing."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import pytest

from harness import lab as labs
from harness.config import Limits
from harness.engine.protocol import Engine
from harness.errors import RequestError
from harness.evidence import Balancers, Cluster, Load, PortClosure, Roster, Traffic
from harness.inside import witness
from harness.inside.witness import HostLook, OverlayLook
from harness.journal import Journal
from harness.lab.protocol import Lab
from harness.load import runner as locust
from harness.mesh import taking
from harness.mesh.taking import Taken
from harness.model import Path
from harness.probe import sampler
from harness.stage import STAGE, chances, opening, workloads
from harness.stage.asking import Asking
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


@pytest.fixture(scope="session")
def engine(stage: Stage) -> Iterator[Engine]:
    """The manager's engine; on a lab, which shares this machine, with an eye on who else uses it."""
    found = labs.find() if stage.request.target == "lab" else None
    watched = contextlib.nullcontext() if found is None else stage.watch_machine(found.processes)
    with opening.engine(stage.request.target, stage.settings) as opened, watched:
        yield opened


@pytest.fixture(scope="session")
def lab(stage: Stage) -> Lab:
    """The lab: power and cables in our hands."""
    found = labs.find() if stage.request.target == "lab" else None
    if found is None:
        raise RequestError("this needs a lab of ours", remedy="use --target lab")
    return found


@pytest.fixture(scope="session")
def swarm(stage: Stage, engine: Engine) -> Iterator[Swarm]:
    """The swarm under test: ours alone while the run lasts."""
    with (
        Swarm(
            engine,
            stage.journal,
            stage.run,
            addresses=stage.settings.nodes,
            progress=stage.steps.progress,
            keep=stage.request.keep_workloads,
        ) as opened,
        opened.lock() as told,
    ):
        if told:
            stage.journal.write("note", text=told)
        opening.require_enough(opened.nodes())
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
    ports = workloads.Ports(stage.settings.published_port)
    opening.require_free({entry: swarm.address(entry) for entry in entries}, ports.all)
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
        stage.pause("end")


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
def flask(stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]) -> Iterator[ServiceHandle]:
    """flask-redis over Redis."""
    with swarm.deploy(works.redis()) as redis, swarm.deploy(works.flask()) as handle:
        with stage.steps("deploy flask-redis"):
            works.bring_up(redis, handle)
            works.settle(handle, entries)
        yield handle


# --- looking ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Looks:
    """What was seen from inside: the nodes' own side, tasks on the overlay network, the kernels."""

    host: HostLook
    overlay: OverlayLook
    kernels: Taken


@pytest.fixture(scope="session")
def requests_each(stage: Stage, entries: tuple[str, ...]) -> int:
    """Requests per entry node that suffice for every judge of spread where round robin was read."""
    return chances.requests(stage.settings.limits, stage.settings.replicas, len(entries))


@pytest.fixture(scope="session")
def looks(
    stage: Stage, swarm: Swarm, works: Workloads, whoami: ServiceHandle, roster: Roster, requests_each: int
) -> Looks:
    """Both inside witnesses side by side, then the kernels; through the VIP as long as its judge needs."""
    how = witness.Ask(
        requests=requests_each,
        expect=works.identity,
        image=stage.settings.images.job,
        timeout=stage.settings.limits.request_timeout,
    )
    with stage.steps("look from inside"):
        host, overlay = witness.both(swarm, whoami, works.network, how)
    with stage.steps("look at the kernels"):  # afterwards: its work on the nodes would slow what they ask
        held = taking.take(swarm, how.image)

    def again(requests: int) -> OverlayLook:
        with stage.steps(f"no round robin was read: ask the VIP {requests} times from each node"):
            return witness.ask(swarm, whoami, works.network, dataclasses.replace(how, requests=requests))

    overlay = chances.longer(stage.settings.limits, overlay, roster, again)
    swarm.cluster(dict(host.kernels))
    stage.pause("look")
    return Looks(host, overlay, held)


@pytest.fixture(scope="session")
def host_look(looks: Looks) -> HostLook:
    """What the nodes' own side showed: ports, tables, the localhost path."""
    return looks.host


@pytest.fixture(scope="session")
def overlay_look(looks: Looks) -> OverlayLook:
    """What tasks on the overlay network saw: names, the VIP, one another."""
    return looks.overlay


@pytest.fixture(scope="session")
def kernels(looks: Looks) -> Taken:
    """What the kernels held, and the manager's word around it."""
    return looks.kernels


@pytest.fixture(scope="session")
def look_again(stage: Stage, swarm: Swarm) -> Callable[[], Taken]:
    """``look_again()``: read every node's kernel tables once more."""
    return lambda: taking.take(swarm, stage.settings.images.job)


# --- asking -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def asking(
    stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...], requests_each: int
) -> Asking:
    """All the ways to ask from outside."""
    return Asking(stage, swarm, works, entries, requests_each)


@pytest.fixture(scope="session")
def burst(asking: Asking) -> Callable[..., Traffic]:
    """``burst(service)``: fresh connections through every node."""
    return asking.burst


@pytest.fixture(scope="session")
def kept(asking: Asking) -> Callable[[ServiceHandle], Traffic]:
    """``kept(service)``: connections that are kept."""
    return asking.kept


@pytest.fixture(scope="session")
def steady(asking: Asking) -> Callable[..., contextlib.AbstractContextManager[sampler.Steady]]:
    """``with steady(service) as traffic``: fresh connections at a steady rate, in the background."""
    return asking.steady


@pytest.fixture(scope="session")
def removal(asking: Asking) -> Callable[[ServiceHandle], PortClosure]:
    """``removal(service)``: remove it and see its port close."""
    return asking.removal


@pytest.fixture(scope="session")
def ingress(
    limits: Limits,
    host_look: HostLook,
    asking: Asking,
    whoami: ServiceHandle,
    roster: Roster,
    entries: tuple[str, ...],
) -> Traffic:
    """Traffic to whoami's published port, after the inside looked: one asker at a time moves a round robin.

    Where no round robin was read, it goes on until the judge of random choice could tell.
    """
    most, enough = chances.watches(limits, entries, roster, host_look.balancers)
    return asking.burst(whoami, most, enough=enough)


@pytest.fixture(scope="session")
def traffic_by(ingress: Traffic, overlay_look: OverlayLook) -> Callable[[Path], Traffic]:
    """``traffic_by(path)``: the traffic that took this path."""
    return {Path.INGRESS: ingress, Path.VIP: overlay_look.traffic}.__getitem__


@pytest.fixture(scope="session")
def tables_by(host_look: HostLook, overlay_look: OverlayLook) -> Callable[[Path], Balancers]:
    """``tables_by(path)``: the IPVS tables that this path goes through, as they were read in this run."""
    return {Path.INGRESS: host_look.balancers, Path.VIP: overlay_look.balancers}.__getitem__


# --- load -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def load(stage: Stage, asking: Asking, works: Workloads) -> Callable[..., Load]:
    """``load(service, kept_alive=...)``: a Locust run over all node addresses."""
    limits = stage.settings.limits

    def run(service: ServiceHandle, *, kept_alive: bool) -> Load:
        with stage.steps(f"load, {'kept' if kept_alive else 'fresh'} connections"):
            return locust.run(
                asking.targets(service),
                journal=stage.journal,
                service=service.name,
                kept_alive=kept_alive,
                users=limits.load_users,
                seconds=limits.load_seconds,
                requests=limits.load_requests,
                expect_name=works.identity,
            )

    return run


@pytest.fixture(scope="session")
def thresholds(limits: Limits) -> dict[str, float]:
    """What decides about a load run, from ``[limits]``."""
    return {
        "seconds": limits.load_seconds,
        "requests": limits.load_requests,
        "rate": limits.load_rate,
        "failures": limits.load_failures,
        "p99": limits.load_p99,
    }
