"""The words for an encrypted overlay network: what of it is seen on the wire between the nodes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from harness.engine.spec import NetworkSpec
from harness.evidence import Capture
from harness.inside import onwire
from harness.inside.onwire import Ends
from harness.model import Network
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle


@dataclasses.dataclass(frozen=True)
class Sealed:
    """A service with a task on every node, on an encrypted network and on one that is not."""

    network: Network
    plain: Network
    service: ServiceHandle

    def ends(self) -> Ends:
        """Where its tasks are found on each of them."""
        sealed, plain = (
            [
                (one.node, place.address)
                for one in self.service.replicas()
                for place in one.addresses
                if place.network in {network.id, network.name}
            ]
            for network in (self.network, self.plain)
        )
        return Ends(sealed, plain)


@pytest.fixture(scope="session")
def on_encrypted(stage: Stage, swarm: Swarm, works: Workloads) -> Iterator[Sealed]:
    """A task on every node."""
    with contextlib.ExitStack() as undo, stage.steps("deploy on an encrypted network"):
        network = undo.enter_context(swarm.network(NetworkSpec(f"h-{stage.run}-sealed", encrypted=True)))
        nodes = sum(node.takes_tasks for node in swarm.nodes())
        spec = works.unpublished("ends", works.network, replicas=nodes)
        spec = dataclasses.replace(spec, networks=(works.network.id, network.id), max_per_node=1)
        service = undo.enter_context(swarm.deploy(spec))
        works.bring_up(service)
        undo_later = undo.pop_all()
    with undo_later:
        yield Sealed(network, works.network, service)


@pytest.fixture(scope="session")
def on_the_wire(stage: Stage, swarm: Swarm, on_encrypted: Sealed) -> Capture:
    """What left the nodes for one another while tasks sent known payloads by both networks."""
    networks = on_encrypted.network, on_encrypted.plain
    with stage.steps("capture what leaves the nodes"):
        return onwire.capture(swarm, networks, on_encrypted.ends(), stage.settings.images.job)
