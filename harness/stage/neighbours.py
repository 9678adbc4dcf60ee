"""The words for two overlay networks side by side: names, their order, aliases, and who reaches whom."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from harness.engine.spec import NetworkLink, NetworkSpec
from harness.errors import RequestError
from harness.evidence import Around, Refusal, Roster
from harness.inside import around
from harness.inside.around import Questions
from harness.inside.together import together
from harness.lab.protocol import Lab
from harness.model import Attachment, Network, Port
from harness.stage import chances
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle

_DRAWN, _FAR = 3, 2  # tasks of the two services
_FEW = 3  # questions for a name whose order does not matter


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """A service under ``dnsrr`` on one network, one with a VIP on another; each has an alias there.

    Attributes:
        near: the network of ``drawn``, ``far``: of ``distant``, attachable.
        aliases: by service name.
    """

    near: Network
    far: Network
    drawn: ServiceHandle
    distant: ServiceHandle
    aliases: dict[str, str]

    @property
    def vips(self) -> list[str]:
        """The VIP of ``distant``, as the manager has it."""
        return _on(self.far, self.distant.service().vips)

    @property
    def homes(self) -> list[list[str]]:
        """Every name, and the name of the network that knows it."""
        return [
            [name, network.name]
            for service, network in ((self.drawn, self.near), (self.distant, self.far))
            for name in (service.name, f"tasks.{service.name}", self.aliases[service.name])
        ]

    def tasks(self, service: ServiceHandle) -> list[str]:
        """Addresses of a service's tasks on its network."""
        network = self.near if service is self.drawn else self.far
        return [address for one in service.replicas() for address in _on(network, one.addresses)]

    @property
    def known_as(self) -> list[list[object]]:
        """Rows of alias, service, name of its network, and what the service's own name stands for."""
        return [
            [self.aliases[self.drawn.name], self.drawn.name, self.near.name, self.tasks(self.drawn)],
            [self.aliases[self.distant.name], self.distant.name, self.far.name, self.vips],
        ]


def _on(network: Network, places: tuple[Attachment, ...]) -> list[str]:
    return [place.address for place in places if place.network in {network.id, network.name}]


@pytest.fixture(scope="session")
def neighbours(stage: Stage, swarm: Swarm, works: Workloads) -> Iterator[Neighbours]:
    """The two services, on the run's own network and on another one."""
    with contextlib.ExitStack() as undo, stage.steps("deploy on two networks"):
        far = undo.enter_context(swarm.network(NetworkSpec(f"h-{stage.run}-far", attachable=True)))
        drawn, distant = (
            works.unpublished("drawn", works.network, replicas=_DRAWN, endpoint="dnsrr"),
            works.unpublished("distant", far, replicas=_FAR),
        )
        one, other = (undo.enter_context(swarm.deploy(spec)) for spec in (drawn, distant))
        works.bring_up(one, other)
        links = {spec.name: spec.networks[0] for spec in (drawn, distant)}
        aliases = {name: link.aliases[0] for name, link in links.items() if isinstance(link, NetworkLink)}
        # what the manager chose for them it tells once it has
        told = {network.id: network for network in swarm.engine.networks()}
        undo_later = undo.pop_all()
    with undo_later:
        yield Neighbours(told[works.network.id], told[far.id], one, other, aliases)


@pytest.fixture(scope="session")
def drawn_roster(neighbours: Neighbours) -> Roster:
    """The tasks under ``dnsrr``, before they are asked for."""
    return neighbours.drawn.roster()


@pytest.fixture(scope="session")
def looks_around(
    stage: Stage, swarm: Swarm, works: Workloads, neighbours: Neighbours, drawn_roster: Roster
) -> list[Around]:
    """From a task on every node and each network alone: all names, all addresses, interfaces."""
    limits, image = stage.settings.limits, stage.settings.images.job
    terms = chances.terms(limits, len(drawn_roster.replicas), len(swarm.nodes()))
    often = terms.most if "dns.dnsrr" in stage.selected else _FEW
    targets = [
        *((neighbours.near, address) for address in neighbours.tasks(neighbours.drawn)),
        *((neighbours.far, address) for address in (*neighbours.vips, *neighbours.tasks(neighbours.distant))),
    ]

    def questions(network: Network) -> Questions:
        least = {neighbours.drawn.name: _DRAWN, neighbours.distant.name: 1}
        names = [
            (
                name,
                often if name == neighbours.drawn.name and home == network.name else _FEW,
                least.get(name, 1) if home == network.name else 0,
            )
            for name, home in neighbours.homes
        ]
        return Questions(names, targets, works.identity, limits.request_timeout)

    with stage.steps("look around from two networks"):
        return together(
            *(
                lambda stop, of=network: around.look(swarm, of, questions(of), image, stop)
                for network in (neighbours.near, neighbours.far)
            )
        )


@pytest.fixture(scope="session")
def drawn_after(neighbours: Neighbours, drawn_roster: Roster, looks_around: list[Around]) -> Roster:
    """The same tasks once they had been asked for, and those that came and went meanwhile."""
    del looks_around  # it is over
    return neighbours.drawn.roster(since=drawn_roster)


@pytest.fixture(scope="session")
def refusal(stage: Stage, swarm: Swarm, works: Workloads) -> Refusal:
    """What the engine says to a service under ``dnsrr`` that publishes a port by the ingress."""
    spec = works.unpublished("published", works.network, replicas=1, endpoint="dnsrr")
    said = ""
    try:
        with swarm.deploy(dataclasses.replace(spec, ports=(Port(0, 80),))):
            pass
    except RequestError as refused:
        said = str(refused)
    return stage.journal.keep(
        Refusal(
            id=stage.journal.new_id("refusal"),
            at=stage.journal.clock.now(),
            asked="a port published by the ingress for a service under dnsrr",
            said=said,
        )
    )


@pytest.fixture(scope="session")
def attached(stage: Stage, swarm: Swarm, lab: Lab, works: Workloads, neighbours: Neighbours) -> Around:
    """From a plain container on every node, which joined the attachable network by ``docker run``."""
    distant = neighbours.distant
    questions = Questions(
        [(distant.name, _FEW, 1)],
        [(neighbours.far, address) for address in (*neighbours.vips, *neighbours.tasks(distant))],
        works.identity,
        stage.settings.limits.request_timeout,
    )
    with stage.steps("look around from plain containers"):
        return around.look_plain(swarm, lab, neighbours.far, questions, stage.settings.images.job)
