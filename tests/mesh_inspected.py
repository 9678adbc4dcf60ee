"""What the engines and processes of a healthy swarm's nodes tell, and mutants of it: node-inspect's level."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.mesh.inspected import Certificate, Container, GossipRow, GossipView, Inspected, Listener
from harness.model import Attachment
from tests.mesh_mutant import Found
from tests.mesh_spec import (
    ADDRESSES,
    API,
    APP,
    INGRESS,
    MANAGER,
    NETWORKS,
    NODES,
    OLD,
    W1,
    W2,
    WALL,
    WEB,
    Spec,
    node,
    task,
)
from tests.mesh_swarm import World, world

DATA = Path(__file__).parent / "data"
ROOTS = (DATA / "swarm-root-ca.crt").read_text()
ROOT_KEY = "6728af081d6107476ab28e806d4fda a5b0f0a279".replace(" ", "")
DAY = 86400.0
WEB0, WEB1 = (WEB.address(APP, number) for number in range(2))
Change = Callable[[Inspected], Inspected]


def inspected_of(name: str, *specs: Spec) -> Inspected:
    """What a node tells when all is well."""
    here = [net for net in NETWORKS if name in _joined(net.id, specs)]
    manager = name == MANAGER
    swarm = [("tcp", 7946), ("udp", 7946), *([("tcp", 2377)] if manager else [])]
    published = [(port.protocol, port.published) for spec in specs for port in spec.ports]
    return Inspected(
        gossip=tuple(
            GossipView(
                net.id, tuple(ADDRESSES[peer] for peer in _joined(net.id, specs)), _rows(net.id, specs)
            )
            for net in here
        ),
        containers=tuple(
            Container(
                f"{spec.number:06x}{number:06x}", named(spec, number), task(spec, number).id, spec.name, OLD
            )
            for spec in specs
            for number, at in enumerate(spec.on)
            if at == name
        ),
        listeners=tuple(Listener(*one, "dockerd") for one in _sockets([*swarm, *published])),
        certificate=certificate(name),
        log="/var/log/dockerd.log",
    )


def named(spec: Spec, number: int) -> str:
    """A task's container as the engine calls it."""
    return f"{spec.name}.{number + 1}.{task(spec, number).id}"


def certificate(name: str) -> Certificate:
    """As the swarm signs it, for 90 days and the hour that clocks may be off."""
    unit = "swarm-manager" if name == MANAGER else "swarm-worker"
    return Certificate(
        f"id-{name}", unit, "cluster", "swarm-ca", "0a0b", ROOT_KEY, WALL - DAY, WALL - DAY + 90 * DAY
    )


def _joined(network: str, specs: tuple[Spec, ...]) -> list[str]:
    return [
        name
        for name in NODES
        if network == INGRESS.id or any(row[1] == name for row in _ends(network, specs))
    ]


def _ends(network: str, specs: tuple[Spec, ...]) -> list[tuple[GossipRow, str]]:
    found = []
    for spec in specs:
        for number, name in enumerate(spec.on):
            found += [
                (GossipRow(spec.name, named(spec, number), end.address, ADDRESSES[name]), name)
                for end in task(spec, number).addresses
                if end.network == network
            ]
    return found


def _rows(network: str, specs: tuple[Spec, ...]) -> tuple[GossipRow, ...]:
    plain = GossipRow("", "by-hand", "10.0.9.77", ADDRESSES[W2])
    return (*((plain,) if network == APP.id else ()), *(row for row, _ in _ends(network, specs)))


def _sockets(ports: list[tuple[str, int]]) -> list[tuple[str, str, int]]:
    return [(protocol, "::", port) for protocol, port in ports]


def inspected_world(*specs: Spec) -> World:
    """A healthy swarm whose nodes were inspected."""
    asked = specs or (WEB, API)
    found = world(*specs).told(roots=ROOTS, nodes=tuple(node(one, updated=WALL - 3600.0) for one in NODES))
    for name in NODES:
        told = inspected_of(name, *asked)
        found = found.with_kernel(dataclasses.replace(found.kernels[name], inspected=told))
    return found


def inspected(told: World, name: str, change: Change) -> World:
    """The world in which a node tells something else."""
    kernel = told.kernels[name]
    before = kernel.inspected or Inspected()
    return told.with_kernel(dataclasses.replace(kernel, inspected=change(before)))


def gossip(network: str, change: Callable[[GossipView], GossipView]) -> Change:
    """With another view of a network."""
    return lambda told: dataclasses.replace(
        told, gossip=tuple(change(one) if one.network == network else one for one in told.gossip)
    )


def no_row(network: str, address: str) -> Change:
    """Without the row of an address."""
    return gossip(
        network,
        lambda view: dataclasses.replace(
            view, rows=tuple(row for row in view.rows if row.address != address)
        ),
    )


def new_row(network: str, row: GossipRow) -> Change:
    """With one more row."""
    return gossip(network, lambda view: dataclasses.replace(view, rows=(*view.rows, row)))


def no_peer(network: str, address: str) -> Change:
    """Without a peer, and without what it would tell."""
    return gossip(
        network,
        lambda view: dataclasses.replace(
            view,
            peers=tuple(one for one in view.peers if one != address),
            rows=tuple(row for row in view.rows if row.host != address),
        ),
    )


def new_container(one: Container) -> Change:
    """With one more container."""
    return lambda told: dataclasses.replace(told, containers=(*told.containers, one))


def listening(*listeners: Listener) -> Change:
    """With other listeners on the ports of these, or none if they have no owner."""
    ports = {(one.protocol, one.port) for one in listeners}
    return lambda told: dataclasses.replace(
        told,
        listeners=(
            *(one for one in told.listeners if (one.protocol, one.port) not in ports),
            *(one for one in listeners if one.owner),
        ),
    )


def certified(**changed: Any) -> Change:
    """With another certificate."""

    def change(told: Inspected) -> Inspected:
        assert told.certificate is not None
        return dataclasses.replace(
            told,
            certificate=dataclasses.replace(told.certificate, **changed),
        )

    return change


@dataclasses.dataclass(frozen=True)
class InspectMutant:
    """A change of what a node tells, the one finding that it must give there, and words of its sentence."""

    name: str
    node: str
    change: Change
    service: str = ""
    address: str = ""
    words: tuple[str, ...] = ()

    @property
    def found(self) -> Found:
        """What must be found."""
        return self.name, self.node, "host", self.service, self.address


GHOST = Container("abcdef012345", "ghost", "gone", "web", OLD, (Attachment(APP.id, "10.0.9.99"),))
INSPECT_MUTANTS = (
    InspectMutant("missing-gossip-peer", W1, no_peer(APP.id, ADDRESSES[W2]), "", ADDRESSES[W2], ("app", W2)),
    InspectMutant("missing-gossip-peer", MANAGER, no_peer(INGRESS.id, ADDRESSES[W1]), "", ADDRESSES[W1]),
    InspectMutant(
        "foreign-gossip-peer",
        W1,
        gossip(INGRESS.id, lambda view: dataclasses.replace(view, peers=(*view.peers, "192.168.200.99"))),
        "",
        "192.168.200.99",
        ("ingress",),
    ),
    InspectMutant(
        "missing-gossip-row", W1, no_row(APP.id, WEB0), "web", WEB0, (f"web.1 on {MANAGER}", "app")
    ),
    InspectMutant(
        "missing-gossip-row", W2, no_row(INGRESS.id, WEB.address(INGRESS, 1)), "web", WEB.address(INGRESS, 1)
    ),
    InspectMutant(
        "stale-gossip-row",
        W1,
        new_row(APP.id, GossipRow("web", "web.7.gone", "10.0.9.99", ADDRESSES[W2])),
        "web",
        "10.0.9.99",
        ("web.7.gone", ADDRESSES[W2]),
    ),
    InspectMutant(
        "stale-gossip-row",
        W1,
        new_row(APP.id, GossipRow("web", named(WEB, 0), "10.0.9.99", ADDRESSES[W2])),
        "web",
        "10.0.9.99",
    ),
    InspectMutant(
        "stale-gossip-row",
        W2,
        new_row(APP.id, GossipRow("web", "web.7.gone", WEB1, ADDRESSES[W2])),
        "web",
        WEB1,
    ),
    InspectMutant("orphan-container", W1, new_container(GHOST), "web", "10.0.9.99", ("ghost", "no manager")),
    InspectMutant(
        "foreign-listener",
        W1,
        listening(Listener("tcp", "0.0.0.0", 8080, "nginx")),
        "web",
        "0.0.0.0:8080",
        ("nginx listens", "8080/tcp"),
    ),
    InspectMutant(
        "foreign-listener", MANAGER, listening(Listener("tcp", "::1", 2377, "etcd")), "", "[::1]:2377"
    ),
    InspectMutant("missing-gossip-listener", W2, listening(Listener("tcp", "::", 7946, "")), words=("7946",)),
    InspectMutant(
        "certificate-expires", W1, certified(ends=WALL - 1.0), words=("it ended 2023-11-14 22:13",)
    ),
    InspectMutant("certificate-expires", W1, certified(begins=WALL - 95 * DAY, ends=WALL + 9 * DAY)),
    InspectMutant(
        "wrong-certificate", W1, certified(unit="swarm-manager"), words=("its role is swarm-manager",)
    ),
    InspectMutant("wrong-certificate", MANAGER, certified(name="id-other"), words=("node id-other's",)),
    InspectMutant("wrong-certificate", W2, certified(authority="99", issuer="evil"), words=("(evil)",)),
)
