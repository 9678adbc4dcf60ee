"""The words for breaking things: each breaks for the length of a ``with`` block, and proves that it did."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import pytest

from harness.errors import RequestError, WaitTimeout
from harness.evidence import Balancers, Counter, Fault, History, Roster, Traffic
from harness.faults.compute import KillTask, PowerOff
from harness.faults.protocol import Injection, injected
from harness.judge.timeline import lives
from harness.lab.protocol import Lab
from harness.mesh.balancers import balancers
from harness.mesh.taking import Taken
from harness.model import Node, Outcome, Role
from harness.stage.asking import Asking
from harness.stage.bounds import Bounds
from harness.stage.session import Stage
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import Condition, node_is, none_on, replaced
from harness.swarm.service import ServiceHandle

_GATE = 60.0  # seconds for a swarm to be whole again after a fault
_PATIENCE = 30.0  # seconds for so many requests to have ended
_READINGS = 6  # refused readings of a counter until it counts as unreadable
WARM = 100  # requests to each entry node before a fault: what "before" is compared with
SETTLED = 250  # requests to each entry node after the swarm has healed, so that evenness can be seen


@pytest.fixture(scope="session")
def worker(swarm: Swarm, whoami: ServiceHandle) -> str:
    """A worker that runs a task of whoami, the last by name."""
    hosts = {replica.node for replica in whoami.replicas()}
    found = sorted(one.hostname for one in swarm.nodes() if one.role is Role.WORKER and one.hostname in hosts)
    if not found:
        raise RequestError("no worker runs a task of whoami", remedy="use a lab with workers")
    return found[-1]


@pytest.fixture(scope="session")
def survivors(entries: tuple[str, ...], worker: str) -> tuple[str, ...]:
    """The entry nodes that are left when the worker is gone."""
    return tuple(entry for entry in entries if entry != worker)


@pytest.fixture(scope="session")
def allow(stage: Stage, swarm: Swarm) -> Callable[..., None]:
    """``allow(what, condition, within=...)``: give the swarm that long; what came of it the judge says."""

    def wait(what: str, condition: Condition, *, within: float) -> None:
        with stage.steps(f"wait for {what}"):
            try:
                swarm.wait(condition, within)
            except WaitTimeout as late:
                stage.journal.write("note", text=str(late))

    return wait


@pytest.fixture(scope="session")
def gate(stage: Stage, swarm: Swarm) -> Callable[[ServiceHandle], Callable[[str], None]]:
    """The health gate around a fault: every node Ready, every replica running; a hurt swarm is not broken."""

    def of(service: ServiceHandle) -> Callable[[str], None]:
        def check(when: str) -> None:
            if stage.hurt and when == "before":
                pytest.skip(stage.hurt)
            nodes: tuple[Node, ...] = swarm.nodes()
            whole = service.running()
            for node in nodes:
                whole &= node_is(node.hostname, "ready")
            try:
                swarm.wait(whole, _GATE, f"the swarm is whole {when} the fault")
            except WaitTimeout as late:
                stage.hurt = f"the swarm was not whole {when} a fault"
                stage.journal.write("note", text=str(late))
                if when == "before":
                    raise

        return check

    return of


@pytest.fixture(scope="session")
def kill(
    stage: Stage, lab: Lab, gate: Callable[[ServiceHandle], Callable[[str], None]]
) -> Callable[[ServiceHandle], contextlib.AbstractContextManager[Injection]]:
    """``with kill(service) as death``: kill one task's container, the last by slot."""

    @contextlib.contextmanager
    def killing(service: ServiceHandle) -> Iterator[Injection]:
        victim = [task for task in service.tasks() if task.running and task.container][-1]
        breakage = KillTask(lab, victim.node, victim.id, victim.container)
        with injected(breakage, stage.journal, gate=gate(service)) as injection:
            yield injection

    return killing


@pytest.fixture(scope="session")
def power_off(
    stage: Stage, lab: Lab, whoami: ServiceHandle, gate: Callable[[ServiceHandle], Callable[[str], None]]
) -> Callable[[str], contextlib.AbstractContextManager[Injection]]:
    """``with power_off(node) as loss``: its kernel is gone at once; the block's end gives the power back."""
    return lambda node: injected(PowerOff(lab, node), stage.journal, gate=gate(whoami))


@dataclasses.dataclass(frozen=True)
class Scene:
    """What was seen of a fault under steady traffic.

    Attributes:
        before: replicas before it; ``after``: those that run when the swarm has healed.
        kernels: what the kernels hold then; ``tables``: their IPVS tables.
        healed: when the last replica was first seen running (seconds, monotonic).
    """

    fault: Fault
    traffic: Traffic
    history: History
    before: Roster
    after: Roster
    kernels: Taken
    tables: Balancers
    healed: float


@dataclasses.dataclass(frozen=True)
class Loss:
    """A node's loss and its return.

    Attributes:
        scene: as long as it was without power.
        returned: traffic through the node's own address after it rejoined.
        kernels: what the kernels hold then, that of the node too.
    """

    scene: Scene
    returned: Traffic
    kernels: Taken


def once(play: Callable[[ServiceHandle], Scene]) -> Callable[[ServiceHandle], Scene]:
    """Play a scene once per service and remember what came of it, an error too: nothing is broken twice."""
    played: dict[str, concurrent.futures.Future[Scene]] = {}

    def recall(service: ServiceHandle) -> Scene:
        if service.name not in played:
            result = played[service.name] = concurrent.futures.Future()
            try:
                result.set_result(play(service))
            except Exception as error:  # noqa: BLE001  kept for every test that asks
                result.set_exception(error)
            except BaseException:
                del played[service.name]
                raise
        return played[service.name].result()

    return recall


def last_running(history: History, roster: Roster) -> float:
    """When the last replica of ``roster`` was first seen running (seconds, monotonic)."""
    known = lives(history)
    seen = [known[one.task].running or history.ended for one in roster.replicas if one.task in known]
    return max(seen, default=history.ended)


@pytest.fixture(scope="session")
def kill_one(
    stage: Stage,
    swarm: Swarm,
    asking: Asking,
    kill: Callable[[ServiceHandle], contextlib.AbstractContextManager[Injection]],
    allow: Callable[..., None],
    look_again: Callable[[], Taken],
    bounds: Bounds,
) -> Callable[[ServiceHandle], Scene]:
    """``kill_one(service)``: kill one task under steady traffic, see what comes of it; once per service."""

    @once
    def play(service: ServiceHandle) -> Scene:
        before = service.roster()
        with swarm.watch(service) as watch:
            with (
                stage.steps(f"kill a task of {stage.short(service.name)}"),
                asking.steady(service) as traffic,
            ):
                traffic.wait_each(WARM, within=_PATIENCE)
                with kill(service) as death:
                    allow(
                        "the replacement",
                        replaced(service, death.fault.subject),
                        within=bounds.replaced(service),
                    )
                    after = service.roster()
                    traffic.wait_each(SETTLED, within=_PATIENCE)
                    traffic.stop()
                    seen = look_again()
            history = watch.history()
        healed = last_running(history, after)
        tables = balancers(seen.look, stage.journal)
        return Scene(death.fault, traffic.traffic, history, before, after, seen, tables, healed)

    return play


@pytest.fixture(scope="session")
def lose_worker(
    stage: Stage,
    swarm: Swarm,
    whoami: ServiceHandle,
    worker: str,
    survivors: tuple[str, ...],
    asking: Asking,
    power_off: Callable[[str], contextlib.AbstractContextManager[Injection]],
    allow: Callable[..., None],
    look_again: Callable[[], Taken],
    bounds: Bounds,
) -> Loss:
    """A worker without power under steady traffic through the survivors; then its power back."""
    before = whoami.roster()
    with swarm.watch(whoami) as watch:
        with stage.steps(f"power off {worker}"), asking.steady(whoami, through=survivors) as traffic:
            traffic.wait_each(WARM, within=_PATIENCE)
            with power_off(worker) as loss:
                elsewhere = node_is(worker, "down") & whoami.running() & none_on(whoami, worker)
                allow("its tasks to run elsewhere", elsewhere, within=bounds.running_again(whoami))
                after = whoami.roster()
                traffic.wait_each(SETTLED, within=_PATIENCE)
                traffic.stop()  # a node that boots takes the machine's time, and is not what is measured
                seen = look_again()
        allow(f"{worker} to rejoin", node_is(worker, "ready"), within=bounds.rejoined)
        asking.settle(whoami, through=(worker,))
        returned = asking.burst(whoami, through=(worker,))
        again = look_again()
        history = watch.history()
    tables, healed = balancers(seen.look, stage.journal), last_running(history, after)
    scene = Scene(loss.fault, traffic.traffic, history, before, after, seen, tables, healed)
    return Loss(scene, returned, again)


class Counting:
    """flask-redis' counter around a block; ``counter`` is there once the block has ended."""

    def __init__(self) -> None:
        self._counter: Counter | None = None

    @property
    def counter(self) -> Counter:
        """The two readings.

        Raises:
            RequestError: the block has not ended.
        """
        if self._counter is None:
            raise RequestError("the counter is read at the end of its block")
        return self._counter

    def close(self, counter: Counter) -> None:
        """The block has ended."""
        self._counter = counter


@pytest.fixture(scope="session")
def counting(
    stage: Stage, asking: Asking, entries: tuple[str, ...]
) -> Callable[[ServiceHandle], contextlib.AbstractContextManager[Counting]]:
    """``with counting(flask) as counted``: read the counter before and after; each reading counts as one."""

    def read(service: ServiceHandle) -> int | None:
        """Reading is one more request, whose answer tells the count.

        One that was refused never reached the application and did not count, so another is made: after a kill
        the replacement is in the tables a moment before it listens. Any other loss may have counted.
        """
        for _ in range(_READINGS):
            answer = asking.burst(service, 1, through=entries[:1]).samples[-1]
            if answer.outcome is not Outcome.REFUSED:
                return answer.counter
        return None

    @contextlib.contextmanager
    def around(service: ServiceHandle) -> Iterator[Counting]:
        found = Counting()
        before = read(service)
        yield found
        ident = stage.journal.new_id("counter")
        found.close(stage.journal.keep(Counter(ident, service.name, before, read(service))))

    return around
