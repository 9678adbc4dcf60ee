"""The words for ports: one of the swarm's own is cut on one node, under steady requests through all."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.clock import Deadline
from harness.errors import HarnessError, Unmeasurable
from harness.evidence import Fault, History, Link, PortMatrix, Roster, Traffic
from harness.faults import network
from harness.faults.compute import RestartEngine
from harness.faults.network import CutPort
from harness.faults.protocol import Injection, injected
from harness.inside import witness
from harness.judge.cluster import API_PORT, GOSSIP_PORT, MANAGEMENT_PORT
from harness.lab.protocol import Lab
from harness.model import Role
from harness.probe.steady import Steady
from harness.stage.asking import Asking
from harness.stage.bounds import Bounds
from harness.stage.secrecy import Sealed
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import node_is, none_on, only
from harness.swarm.service import ServiceHandle

_RATE = 15.0  # requests/s per entry node while nodes start tasks and jobs
_WARM = 30  # requests to each entry node before a port is cut: what "before" is compared with
_ENOUGH = 40  # requests to each entry node while it is cut, once the effect is there
_PATIENCE = 30.0  # seconds for so many to have ended: those that hang take a while
_TASKS = 60.0  # seconds for a service to be scaled
_SETTLE = 2.0  # seconds for gossip to tell of a new task
_AFTERMATH = 40.0  # seconds for the last of a cut to go
_TURNS = 4  # requests per replica and entry node that must all be answered then
_KNOCK = "timeout {0} bash -c '</dev/tcp/{1}/{2}'"
_HERE = "here"  # the machine that verifies
_KNOCKS = 2  # seconds
_TIMED_OUT = 124  # what timeout(1) exits with then


@dataclasses.dataclass(frozen=True)
class Effect:
    """What was seen while a port was cut.

    Attributes:
        matrix: the ports.
        settled: from when on all had come about that would (seconds, monotonic).
        after: the replicas then, where they are others than before.
    """

    matrix: PortMatrix
    settled: float = 0.0
    after: Roster | None = None


@dataclasses.dataclass(frozen=True)
class Cut:
    """What was seen of a port that was cut.

    Attributes:
        until: when it was about to be opened again (seconds, monotonic).
        before: the replicas before.
        effect: what came of it.
    """

    fault: Fault
    traffic: Traffic
    history: History
    until: float
    before: Roster
    effect: Effect


class Cutting:
    """Cuts ports on a worker that runs a task of the service, and looks what comes of it."""

    def __init__(
        self,
        stage: Stage,
        swarm: Swarm,
        lab: Lab,
        works: Workloads,
        service: ServiceHandle,
        asking: Asking,
        gate: Callable[[str], None],
    ) -> None:
        self.stage, self.swarm, self.lab, self.works = stage, swarm, lab, works
        self.service, self.asking, self._gate = service, asking, gate

    def worker(self) -> str:
        """A worker that runs a task, the last by name.

        Raises:
            Unmeasurable: there is none.
        """
        hosts = {one.node for one in self.service.replicas()}
        found = [
            one.hostname for one in self.swarm.nodes() if one.role is Role.WORKER and one.hostname in hosts
        ]
        if not found:
            raise Unmeasurable(f"no worker runs a task of {self.service.name}")
        return max(found)

    def play(self, cut: CutPort, effect: Callable[[Injection, Steady], Effect]) -> Cut:
        """Cut it under steady requests, let ``effect`` wait and look, and open it again."""
        service = self.service
        before = service.roster()
        with self.swarm.watch(service) as watch:
            with (
                self.stage.steps(f"cut {cut.port} of {cut.node}"),
                self.asking.steady(service, rate=_RATE) as traffic,
            ):
                traffic.wait_each(_WARM, within=_PATIENCE)
                with injected(cut, self.stage.journal, gate=self._gate) as injection:
                    seen = effect(injection, traffic)
                    until = self.stage.journal.clock.now()
            watch.look()
            history = watch.history()
        return Cut(injection.fault, traffic.traffic, history, until, before, seen)

    def look(self) -> PortMatrix:
        """What the nodes' own side sees of the ports, as ``cluster.ports`` does."""
        limits, images = self.stage.settings.limits, self.stage.settings.images
        how = witness.Ask(1, self.works.identity, images.job, timeout=limits.request_timeout)
        return witness.look(self.swarm, self.service, how).matrix

    def settle(self) -> None:
        """Ask until every node answers every request again, or the time is up; judged by nobody.

        For some seconds after gossip was cut a node still knows tasks that are gone: what is left of one cut
        is not the next one's.
        """
        deadline = Deadline.after(_AFTERMATH, self.stage.journal.clock)
        while not deadline.passed:
            requests = _TURNS * len(self.service.replicas())
            if all(one.ok for one in self.asking.burst(self.service, requests).samples):
                return

    def unheard(self) -> bool:
        """Whether the manager says that it does not get all logs of the service.

        Seen after a node was Down: without them no job of later checks is heard there until its engine is
        restarted. Source: swarmkit ``manager/logbroker``.
        """
        lines = self.swarm.engine.service_logs(self.service.id)
        return any(line.stream == "system" for line in lines)

    def knock(self, sources: Sequence[str], targets: Sequence[str], port: int, said: str = "") -> PortMatrix:
        """Connect over TCP from each source (a node, or here) to each target; ``said``: what is told of it.

        No manager is asked for anything: its own port may be the one that is cut.
        """
        began = self.stage.journal.clock.now()
        known = {one.hostname: one.address for one in self.lab.nodes}
        pairs = [(source, target) for source in sources for target in targets if source != target]
        with ThreadPoolExecutor(len(pairs)) as threads:
            found = list(threads.map(lambda pair: self._knock(pair[0], pair[1], known[pair[1]], port), pairs))
        links = [
            one if one.state == "open" or not said else dataclasses.replace(one, proof=said) for one in found
        ]
        ident = self.stage.journal.new_id("portmatrix")
        now = self.stage.journal.clock.now()
        return self.stage.journal.keep(PortMatrix(ident, now, tuple(links), began=began))

    def _knock(self, source: str, target: str, address: str, port: int) -> Link:
        script = _KNOCK.format(_KNOCKS, address, port)
        done = self.lab.exec(None if source == _HERE else source, ["bash", "-c", script], bound=30.0)
        state = "open" if done.ok else "silent" if done.code == _TIMED_OUT else "closed"
        return Link(source, target, port, "tcp", state, f"a connect within {_KNOCKS} s")


@pytest.fixture(scope="session")
def cutting(
    stage: Stage,
    swarm: Swarm,
    lab: Lab,
    works: Workloads,
    ruled: Sealed,
    asking: Asking,
    gate: Callable[[ServiceHandle], Callable[[str], None]],
) -> Cutting:
    """Ports are cut under requests to a service with a task on every node."""
    return Cutting(stage, swarm, lab, works, ruled.service, asking, gate(ruled.service))


@pytest.fixture(scope="session")
def cut_data_path(cutting: Cutting, swarm: Swarm) -> Cut:
    """VXLAN cut on a worker."""
    port, node = swarm.engine.info().data_path_port, cutting.worker()

    def effect(_injection: Injection, traffic: Steady) -> Effect:
        traffic.wait_each(_ENOUGH, within=_PATIENCE)
        return Effect(cutting.look())

    seen = cutting.play(network.cut_data_path(cutting.lab, node, port), effect)
    cutting.settle()
    return seen


@pytest.fixture(scope="session")
def cut_gossip(cutting: Cutting, allow: Callable[..., None], bounds: Bounds, entries: tuple[str, ...]) -> Cut:
    """Gossip cut on a worker, and then so many tasks that every node gets a new one."""
    service, clock, node = cutting.service, cutting.stage.journal.clock, cutting.worker()
    replicas = service.spec.replicas
    most = max(Counter(one.node for one in service.replicas()).values())

    def effect(injection: Injection, traffic: Steady) -> Effect:
        service.scale((most + 1) * len(entries))
        matrix = cutting.look()  # the tasks start meanwhile
        allow("a new task on every node", service.running(), within=_TASKS)
        settled = max(clock.now() + _SETTLE, (injection.fault.proved or clock.now()) + bounds.gossip)
        traffic.wait_each(_ENOUGH, within=_PATIENCE + bounds.gossip, since=settled)
        return Effect(matrix, settled, service.roster())

    try:
        seen = cutting.play(network.cut_gossip(cutting.lab, node, GOSSIP_PORT), effect)
        cutting.works.settle(service, entries)
    finally:
        with contextlib.suppress(HarnessError):
            service.scale(replicas)
    allow("the tasks of before", only(service, replicas), within=_TASKS)
    cutting.settle()
    return seen


@pytest.fixture(scope="session")
def cut_management(
    cutting: Cutting, allow: Callable[..., None], bounds: Bounds, entries: tuple[str, ...], swarm: Swarm
) -> Cut:
    """A worker's way to the manager cut until its tasks run elsewhere."""
    service, node = cutting.service, cutting.worker()
    managers = [one.hostname for one in swarm.nodes() if one.role is Role.MANAGER]

    def effect(_injection: Injection, traffic: Steady) -> Effect:
        elsewhere = node_is(node, "down") & service.running() & none_on(service, node)
        allow("its tasks to run elsewhere", elsewhere, within=bounds.running_again(service))
        traffic.wait_each(_ENOUGH, within=_PATIENCE)
        return Effect(cutting.knock(entries, managers, MANAGEMENT_PORT))

    seen = cutting.play(network.cut_management(cutting.lab, node, MANAGEMENT_PORT), effect)
    if cutting.unheard():
        with cutting.stage.steps(f"restart the engine of {node}, whose logs do not reach the manager"):
            RestartEngine(cutting.lab, node).begin()
            allow(f"{node} to return", node_is(node, "ready") & service.running(), within=bounds.rejoined)
    return seen


@pytest.fixture(scope="session")
def cut_api(cutting: Cutting, swarm: Swarm, entries: tuple[str, ...], ruler: str) -> Cut:
    """The manager's remote API cut: this harness cannot ask it, and nothing else follows."""

    def effect(_injection: Injection, traffic: Steady) -> Effect:
        try:
            said = f"it told its version: {swarm.engine.version().engine}"
        except Unmeasurable as error:
            said = str(error)
        matrix = cutting.knock([_HERE], entries, API_PORT, said)
        traffic.wait_each(_ENOUGH, within=_PATIENCE)
        return Effect(matrix)

    cut = network.cut_api(cutting.lab, ruler, API_PORT, swarm.address(ruler))
    return cutting.play(cut, effect)
