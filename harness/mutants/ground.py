"""The ground that mutants are planted in: two services on one overlay network, and what is known of them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping

from harness.clock import Deadline
from harness.config import Settings
from harness.engine.spec import NetworkSpec, ServiceSpec
from harness.errors import Unmeasurable
from harness.lab.protocol import Lab
from harness.mesh import taking
from harness.mesh.taking import Taken
from harness.model import Network
from harness.mutants import facts
from harness.probe.target import Target
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import node_is
from harness.swarm.service import ServiceHandle
from harness.workloads import whoami

_START = 60.0  # seconds for all tasks to run; images are on the nodes, or near
_CLEAN = 60.0  # seconds for a swarm to be whole again
SPARE = "spare"  # a network that no task ever joins


@dataclasses.dataclass
class Ground:
    """Where mutants are planted.

    Attributes:
        node: hostname of the node that is hurt.
        secret: an encrypted network, of api alone.
        web: three replicas, one per node; what the black box asks.
        api: another service, so that one can be mistaken for the other.
        known: facts as the shell of mutants knows them.
        clean: whether the last look at the kernels was clean and nothing was planted since.
    """

    lab: Lab
    swarm: Swarm
    settings: Settings
    network: Network
    secret: Network
    node: str
    web: ServiceHandle
    api: ServiceHandle
    known: Mapping[str, str] = dataclasses.field(default_factory=dict)
    clean: bool = False

    def audit(self) -> Taken:
        """Every kernel against the manager's word, now."""
        return taking.take(self.swarm, self.settings.images.job)

    def targets(self, resource: str = "/") -> list[Target]:
        """The web service's published port on every node."""
        return [
            Target(
                node.hostname,
                self.swarm.address(node.hostname),
                self.web.port,
                service=self.web.name,
                expect_name=whoami.identity(self.swarm.run),
                resource=resource,
            )
            for node in self.swarm.nodes()
        ]

    def run(self) -> None:
        """Wait until every node is ready and every replica runs.

        Raises:
            WaitTimeout: not within a minute.
        """
        whole = self.web.running() & self.api.running()
        for node in self.swarm.nodes():
            whole &= node_is(node.hostname, "ready")
        self.swarm.wait(whole, _START, "every replica runs")

    def learn(self) -> None:
        """Read the facts anew, from a healthy swarm; needed whenever tasks or sandboxes are new.

        Raises:
            Unmeasurable: something of them is not there.
        """
        web = facts.Placed(self.web.service(), self.web.replicas())
        api = facts.Placed(self.api.service(), self.api.replicas())
        networks = self.swarm.engine.networks()
        app = next((one for one in networks if one.id == self.network.id), self.network)
        known = facts.of_swarm(self.node, self.swarm.nodes(), networks, app, web, api)
        spare = next((one for one in networks if one.name == f"h-{self.swarm.run}-{SPARE}"), None)
        known["SPARE_VNI"] = str(spare.vnis[0]) if spare and spare.vnis else ""
        known |= facts.of_node(self.lab, self.node, known)
        for place in ("PEER", "THIRD"):
            of = facts.of_node(self.lab, known[f"{place}_NODE"], _as_seen_from(known, place))
            known |= {f"{place}_{name}": of[name] for name in ("SBOX", "LBOX", "OV", "INGOV", "LB", "TASK")}
        self.known = known | {"V6_LOOPBACK": "::1"}

    def settle(self) -> Taken:
        """Wait until the kernels hold what the manager says, everything of it and nothing else.

        Raises:
            Unmeasurable: they did not within a minute; the error names what was found last.
        """
        deadline = Deadline.after(_CLEAN, self.swarm.clock)
        while True:
            taken = self.audit()
            verdict = taken.judged()
            if verdict.state == "upheld":
                self.clean = True
                return taken
            if deadline.passed:
                raise Unmeasurable(f"the swarm is not whole: {verdict.sentence}", remedy="harness audit")


@contextlib.contextmanager
def prepared(lab: Lab, swarm: Swarm, settings: Settings, node: str) -> Iterator[Ground]:
    """The services for the block, converged, their facts read.

    Raises:
        RequestError: a port is taken, or an image is not found.
        Unmeasurable: they do not converge, or the swarm is not healthy.
    """
    run, image = swarm.run, settings.images.whoami
    with contextlib.ExitStack() as undo:
        network = undo.enter_context(swarm.network(f"h-{run}-mutants"))
        undo.enter_context(swarm.network(NetworkSpec(f"h-{run}-{SPARE}")))
        secret = undo.enter_context(swarm.network(NetworkSpec(f"h-{run}-secret", encrypted=True)))
        nodes = len(swarm.nodes())
        web = _spec(run, image, network, settings.published_port, nodes)
        api = dataclasses.replace(
            _spec(run, image, network, settings.published_port + 1, nodes),
            name=f"{web.name}-api",
            networks=(network.id, secret.id),
        )
        first, second = (undo.enter_context(swarm.deploy(spec)) for spec in (web, api))
        ground = Ground(lab, swarm, settings, network, secret, node, first, second)
        ground.run()
        ground.settle()
        ground.learn()
        yield ground


def _spec(run: str, image: str, network: Network, port: int, nodes: int) -> ServiceSpec:
    spec = whoami.service(run, image=image, networks=(network.id,), port=port, replicas=nodes)
    return dataclasses.replace(spec, max_per_node=1)


def _as_seen_from(known: Mapping[str, str], place: str) -> dict[str, str]:
    """The facts with another node's replica as the local one."""
    replica = {"PEER": "REMOTE", "THIRD": "OTHER"}[place]
    return {**known, "LOCAL_ING": known[f"{replica}_ING"], "LOCAL_APP": known[f"{replica}_APP"]}
