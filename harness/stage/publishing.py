"""The words for published ports beside one of TCP: datagrams, a second port, host mode."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from harness.clock import Deadline
from harness.evidence import Roster, Traffic
from harness.probe import sampler
from harness.probe.datagrams import datagrams as send
from harness.probe.target import Target
from harness.stage.asking import Asking
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle
from harness.workloads import speaking as speakers

MANY = 60  # questions to each entry node and port: a replica that none of them reached is missing
_SETTLE = 15.0  # seconds for new tasks to listen
_FEW = 12  # the same where one answer of a stranger says it all


@dataclasses.dataclass(frozen=True)
class Asked:
    """Requests to one published port, and the replicas that ran."""

    traffic: Traffic
    roster: Roster
    port: int


@pytest.fixture(scope="module")
def speaking(
    stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]
) -> Iterator[ServiceHandle]:
    """Replicas that answer at two TCP ports and a UDP one, each published."""
    nodes = {entry: swarm.address(entry) for entry in entries}
    with works.speaking(nodes) as spec, swarm.deploy(spec) as service:
        with stage.steps("deploy a service of TCP and UDP"):
            works.bring_up(service)
            works.settle(service, entries)
        stage.pause("deploy")
        yield service


class Ports:
    """A service's published ports, each of which can be asked."""

    def __init__(self, stage: Stage, asking: Asking, service: ServiceHandle) -> None:
        self._stage, self._asking, self._service = stage, asking, service

    def ask(self, published: int, *, udp: bool = False) -> Asked:
        """Ask every entry node at this port, and demand that this port's own listener answers."""
        protocol = "udp" if udp else "tcp"
        port = next(
            one for one in self._service.spec.ports if (one.published, one.protocol) == (published, protocol)
        )
        name = speakers.identity(self._stage.run, port.target, protocol)
        targets = [
            dataclasses.replace(target, port=published, expect_name=name)
            for target in self._asking.targets(self._service)
        ]
        before = self._service.roster()
        with self._stage.steps(f"ask port {published}/{protocol}"):
            traffic = self._send(targets, udp=udp)
        return Asked(traffic, self._service.roster(since=before), published)

    def _send(self, targets: list[Target], *, udp: bool) -> Traffic:
        journal, timeout = self._stage.journal, self._stage.settings.limits.request_timeout
        if udp:
            return send(targets, MANY, journal=journal, timeout=timeout, give_up_after=8)
        return sampler.burst(targets, MANY, journal=journal, timeout=timeout)


@pytest.fixture(scope="module")
def speaking_ports(stage: Stage, asking: Asking, speaking: ServiceHandle) -> Ports:
    """The ports of the service of TCP and UDP."""
    return Ports(stage, asking, speaking)


@pytest.fixture(scope="module")
def datagrams(works: Workloads, speaking_ports: Ports) -> Asked:
    """Datagrams to every node."""
    return speaking_ports.ask(works.ports["speaking"], udp=True)


@pytest.fixture(scope="module")
def first_port(works: Workloads, speaking_ports: Ports) -> Asked:
    """Connections to the first of two ports, while nobody asks the second: they share one round robin."""
    return speaking_ports.ask(works.ports["speaking"])


@pytest.fixture(scope="module")
def second_port(works: Workloads, speaking_ports: Ports, first_port: Asked) -> Asked:  # noqa: ARG001  one at a time
    """Connections to the second."""
    return speaking_ports.ask(works.ports["speaking-too"])


@pytest.fixture(scope="module")
def hosted(stage: Stage, swarm: Swarm, works: Workloads) -> Iterator[ServiceHandle]:
    """whoami on a port in host mode, on every node but one."""
    able = sum(node.takes_tasks for node in swarm.nodes())
    with swarm.deploy(works.hosted(max(1, able - 1))) as service:
        with stage.steps("deploy whoami in host mode"):
            works.bring_up(service)
        stage.pause("deploy")
        yield service


@pytest.fixture(scope="module")
def asked_hosts(stage: Stage, asking: Asking, hosted: ServiceHandle) -> Asked:
    """Connections to every node, with a task of it or without."""
    before = hosted.roster()
    hosts = {one.node for one in before.replicas}
    at_home = [target for target in asking.targets(hosted) if target.entry in hosts]
    clock, deadline = stage.journal.clock, Deadline.after(_SETTLE, stage.journal.clock)
    while not deadline.passed:  # a task runs a moment before it listens
        if all(one.ok for one in sampler.burst(at_home, 1, journal=stage.journal).samples):
            break
        clock.sleep(0.2)
    traffic = asking.burst(hosted, _FEW)
    return Asked(traffic, hosted.roster(since=before), hosted.port)
