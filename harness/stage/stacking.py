"""The words for a stack: the user's compose file, or one of ours, deployed, updated and removed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import pytest

from harness import lab as labs
from harness.clock import Deadline
from harness.engine import cli, connect
from harness.errors import RequestError, Unmeasurable
from harness.evidence import PortClosure, Rollout, Stacked, StackRemoval, Traffic
from harness.lab.protocol import Lab
from harness.mesh import taking
from harness.mesh.taking import Taken
from harness.model import Service, Task
from harness.probe import sampler
from harness.stage import opening, theirs
from harness.stage.ports import Ports
from harness.stage.rolling import News
from harness.stage.session import Stage
from harness.stage.theirs import Asked, Way
from harness.swarm import stack as stacks
from harness.swarm.cluster import Swarm
from harness.swarm.stack import Stack
from harness.swarm.sweeping import STACK_LABEL

_OURS = resources.files("harness.workloads") / "stack.yml"
_AGAIN = 0.2  # seconds between two looks at updates
_VOLUMES = 30.0  # seconds for a node to remove volumes
_WARM = 10  # requests through each entry node before and after an update


@dataclasses.dataclass(frozen=True)
class Deployed:
    """Services that are verified: a stack's, or such as ran already.

    Attributes:
        stack: that the run deployed; None for services that ran already.
        seen: what they came to.
        services: as the manager shows them.
    """

    stack: Stack | None
    seen: Stacked
    services: tuple[Service, ...]


@pytest.fixture(scope="session")
def docker(stage: Stage) -> cli.Cli:
    """The docker CLI, speaking with the target."""
    settings, env = stage.settings, {}
    if stage.request.stack is None:
        ports, images = Ports(settings.published_port), settings.images
        env = {
            "HARNESS_WEB": str(ports["stack-web"]),
            "HARNESS_COUNTER": str(ports["stack-counter"]),
            "HARNESS_AGENT": str(ports["stack-agent"]),
            "HARNESS_WHOAMI": images.whoami,
            "HARNESS_FLASK": images.flask,
            "HARNESS_REDIS": images.redis,
        }
    url, tls = opening.endpoint(stage.request.target, settings)
    on_lab = stage.request.target == "lab"
    return cli.Cli(
        labs.docker_cli() if on_lab else cli.require_installed(),
        connect.locate(url, tls),
        resolve=not on_lab,  # the lab's registry is a mirror, which names are not looked up in
        env=env,
    )


@pytest.fixture(scope="session")
def stack(stage: Stage, swarm: Swarm, request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """The user's stack or services; where he names none, a stack of ours."""
    within = stage.settings.stack.within
    if stage.request.services:
        found = _named(swarm, stage.request.services)
        with stage.steps("look at the services"):
            began = swarm.clock.now()
            view = stacks.wait(swarm, found, within, "the services run")
            yield Deployed(None, stacks.saw(swarm, view, found, began), found)
        return
    docker: cli.Cli = request.getfixturevalue("docker")
    with contextlib.ExitStack() as undo:
        file = stage.request.stack or undo.enter_context(resources.as_file(_OURS))
        name = stacks.name_of(stage.run, file)
        undo.enter_context(_volumes(stage, swarm, name))
        with stage.steps(f"deploy {file.name}"):
            deployed = undo.enter_context(stacks.deployed(swarm, docker, file, name))
            seen = deployed.converge(within)
        stage.pause("deploy")
        yield Deployed(deployed, seen, deployed.services())


@pytest.fixture(scope="session", autouse=True)
def theirs_first(stage: Stage, request: pytest.FixtureRequest) -> None:
    """The user's services come before anything else: where they do not run, nothing is worth looking at."""
    if stage.request.stack is not None or stage.request.services:
        theirs.patterns(stage, request.getfixturevalue("ways"))


def _named(swarm: Swarm, names: tuple[str, ...]) -> tuple[Service, ...]:
    every = {one.name: one for one in swarm.engine.services()}
    for name in names:
        if name not in every:
            told = ", ".join(sorted(every)) or "none"
            raise RequestError(f"the swarm has no service {name}", remedy=f"it has {told}")
    return tuple(every[name] for name in dict.fromkeys(names))


@contextlib.contextmanager
def _volumes(stage: Stage, swarm: Swarm, name: str) -> Iterator[None]:
    """On a lab, remove the stack's volumes after the block; elsewhere they stay, as after a stack rm."""
    found = labs.find() if stage.request.target == "lab" else None

    def remove() -> None:
        if found is not None:
            command = f"docker volume ls -q --filter label={STACK_LABEL}={name} | xargs -r docker volume rm"
            _everywhere(found, ["sh", "-c", command])

    with swarm.undone(f"volumes of {name}", remove):
        yield


def _everywhere(lab: Lab, words: list[str]) -> list[tuple[str, str | None]]:
    """(hostname, what was printed) of a command on each node; None where it failed or could not be asked."""

    def run(node: str) -> tuple[str, str | None]:
        try:
            done = lab.exec(node, words, bound=_VOLUMES)
        except Unmeasurable:
            return node, None
        return node, done.out if done.ok else None

    with ThreadPoolExecutor(len(lab.nodes)) as threads:
        return list(threads.map(run, (node.hostname for node in lab.nodes)))


@pytest.fixture(scope="session")
def ways(swarm: Swarm, stack: Deployed, entries: tuple[str, ...]) -> tuple[Way, ...]:
    """Each published TCP port of the services, and the nodes that must answer on it."""
    return theirs.ways(swarm, stack.services, entries)


@pytest.fixture(scope="session")
def asked(stage: Stage, swarm: Swarm, ways: tuple[Way, ...]) -> Asked:
    """What came of asking each published port through every node that must answer."""
    with stage.steps("ask its published ports"):
        return theirs.ask(stage, swarm, ways)


@pytest.fixture(scope="session")
def published(asked: Asked, ways: tuple[Way, ...]) -> Asked:
    """The same, where there is a port to ask."""
    if not ways:
        pytest.skip("no service of it publishes a TCP port")
    return asked


@pytest.fixture(scope="session")
def balanced(published: Asked, ways: tuple[Way, ...]) -> Asked:
    """The same, where the mesh balances one."""
    if not any(way.balanced for way in ways):
        pytest.skip("every published port of it is in host mode")
    return published


@pytest.fixture
def stack_tables(stage: Stage, swarm: Swarm, stack: Deployed) -> tuple[Taken, list[str]]:
    """The kernels' tables, and the services that stood still long enough to be judged by them."""
    with stage.steps("look at the kernels"):
        return taking.take(swarm, stage.settings.images.job), [one.name for one in stack.services]


@pytest.fixture
def replaced(
    stage: Stage, swarm: Swarm, stack: Deployed, asked: Asked
) -> list[tuple[Rollout, tuple[Traffic, ...]]]:
    """Every task replaced by force, under steady requests to each published port that speaks HTTP."""
    if stack.stack is None:
        raise Unmeasurable("services that ran already are not updated")
    services = [one for one in stack.services if not one.mode.endswith("-job") and one.replicas != 0]
    with stage.steps("update every service"), contextlib.ExitStack() as asking:
        steady = [
            (way.service.name, asking.enter_context(theirs.steady(stage, swarm, way)))
            for way in asked.speaking
        ]
        for _, traffic in steady:
            traffic.wait_each(_WARM, within=30)
        rollouts = _force(stage, swarm, stack.stack, services)
        for _, traffic in steady:
            traffic.wait_each(_WARM, within=30)
    return [
        (one, tuple(traffic.traffic for name, traffic in steady if name == one.service)) for one in rollouts
    ]


def _force(stage: Stage, swarm: Swarm, stack: Stack, services: list[Service]) -> list[Rollout]:
    clock = stage.journal.clock
    handles = {one.id: swarm.attach(one) for one in services}
    old = {ident: _running(handle.tasks()) for ident, handle in handles.items()}
    news = {ident: News(swarm, handle) for ident, handle in handles.items()}
    began, deadline = clock.now(), Deadline.after(stage.settings.stack.within, clock)
    ends: dict[str, float] = {}
    for one in services:
        stack.force(one)
    while len(ends) < len(services) and not deadline.passed:
        for ident, told in news.items():
            if ident not in ends and told.over(clock.now()):
                ends[ident] = clock.now()
        clock.sleep(_AGAIN)
    return [
        stage.journal.keep(
            Rollout(
                stage.journal.new_id("rollout"), one.name, began, ends.get(one.id, clock.now()),
                tuple(news[one.id].states), news[one.id].message, old[one.id],
                _running(handles[one.id].tasks()),
            )
        )
        for one in services
    ]  # fmt: skip


def _running(tasks: tuple[Task, ...]) -> tuple[str, ...]:
    return tuple(task.id for task in tasks if task.running)


@dataclasses.dataclass(frozen=True)
class Gone:
    """What a removed stack left, and when each of its published ports closed."""

    removal: StackRemoval
    closures: tuple[PortClosure, ...]


@pytest.fixture
def gone(
    stage: Stage,
    swarm: Swarm,
    stack: Deployed,
    entries: tuple[str, ...],
    look_for: Callable[..., StackRemoval],
) -> Gone:
    """The stack removed while somebody knocks at its ports."""
    if stack.stack is None:
        raise Unmeasurable("services that ran already are not removed")
    within = stage.settings.limits.closed_within
    # as they are now: an update may have moved tasks
    open_ways = [way for way in theirs.ways(swarm, stack.stack.services(), entries) if way.entries]
    with stage.steps(f"remove {stack.stack.name}"), contextlib.ExitStack() as knocking:
        doors = [
            knocking.enter_context(sampler.closing(theirs.targets(swarm, way), journal=stage.journal))
            for way in open_ways
        ]
        removal = look_for(stack.stack.remove())
        closures = tuple(door.closure(removal.ended, within=within) for door in doors)
    return Gone(removal, closures)


@pytest.fixture
def look_for(stage: Stage, swarm: Swarm) -> Callable[[StackRemoval], StackRemoval]:
    """``look_for(removal)``: on a lab, also what nodes still have of it once they had time to clear it."""
    found = labs.find() if stage.request.target == "lab" else None
    seconds = 15.0  # for a node to remove what its tasks used

    def look(removal: StackRemoval) -> StackRemoval:
        if found is None:
            return removal
        mine = f"label={STACK_LABEL}={removal.stack}"
        command = f"docker ps -aq --filter {mine} && docker network ls -q --filter {mine}"
        deadline = Deadline.after(seconds, swarm.clock)
        while True:
            told = _everywhere(found, ["sh", "-c", command])
            left = tuple((node, name) for node, out in told for name in (out or "").split())
            unasked = tuple(node for node, out in told if out is None)
            if not left or deadline.passed:
                break
            swarm.clock.sleep(_AGAIN)
        ident = stage.journal.new_id("removal")
        return stage.journal.keep(dataclasses.replace(removal, id=ident, nodes=left, unasked=unasked))

    return look
