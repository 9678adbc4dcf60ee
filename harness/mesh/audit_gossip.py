"""Gossip's own tables on a node against the manager's word: peers of each network, rows of its tasks.

What every node is told of the others' tasks travels by gossip (networkDB), and kernels follow it. A row that
gossip lacks explains the real server that the kernel lacks: then only the kernel's finding is told, with that
cause. Likewise a peer that is missing explains all of its rows, and all that kernels lack of its endpoints.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from harness.mesh.expected import Endpoint
from harness.mesh.findings import HOST, Notes, listed
from harness.mesh.inspected import GOSSIP, GossipRow, GossipView
from harness.mesh.kernel import Kernel
from harness.mesh.places import Scene
from harness.mesh.settling import Presence
from harness.model import Network, Node

_MISSING = "missing-ipvs-backend"
_STALE = "stale-ipvs-backend"
_REMOTE = frozenset({_MISSING, "missing-fdb-entry", "missing-neighbour"})  # what a node lacks of a lost peer
_WHOLE = frozenset(
    {"missing-ipvs-service", "service-not-programmed"}
)  # a service of which gossip told nothing
_Key = tuple[str, str]  # service and address


@dataclasses.dataclass
class _Told:
    """What gossip lacks and what it has too much of, over all networks of a node."""

    lost: dict[str, list[Network]] = dataclasses.field(default_factory=dict)  # peers, by hostname
    missing: dict[_Key, tuple[Network, Endpoint]] = dataclasses.field(default_factory=dict)
    stale: dict[_Key, tuple[Network, GossipRow]] = dataclasses.field(default_factory=dict)
    known: set[_Key] = dataclasses.field(default_factory=set)


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold what the node's gossip knows against the manager's word; after the kernel was."""
    inspected = kernel.inspected
    if inspected is None:
        return
    if inspected.why(GOSSIP):
        notes.unknown(HOST, f"gossip's tables could not be read: {inspected.why(GOSSIP)}")
        return
    told = _Told()
    for network in scene.expected.networks:
        view = inspected.view(network.id)
        if view is not None:
            _peers(view, network, kernel.node, scene, told, notes)
            _rows(view, network, scene, told, notes)
        elif scene.expected.extended(kernel.node, network):
            notes.unknown(HOST, f"the node's gossip tells nothing of network {network.name}")
    _explain(told, scene, notes)
    follows, notes.findings = notes.findings, []
    _tell_peers(told, scene, notes)
    notes.findings += follows
    _tell_rows(told, notes)


def _rows(view: GossipView, network: Network, scene: Scene, told: _Told, notes: Notes) -> None:
    held = {row.address for row in view.rows}
    for end in _required(network, scene):
        notes.count("gossip rows")
        key = (end.service, end.address)
        if end.address in held:
            told.known.add(key)
        elif network not in told.lost.get(end.node, ()):
            told.missing[key] = (network, end)
    for row in view.rows:
        if _stale(row, network, scene):
            told.stale[row.service, row.address] = (network, row)


def _required(network: Network, scene: Scene) -> Iterator[Endpoint]:
    for one in scene.expected.endpoints:
        if one.network == network.id and one.presence is Presence.MUST and one.service and one.address:
            yield one


def _stale(row: GossipRow, network: Network, scene: Scene) -> bool:
    """Whether the row is of a task that is gone, or that never had the address."""
    expected = scene.expected
    if not row.service or row.service in expected.transit or network.id in expected.leaving:
        return False
    if row.task not in expected.tasks:
        return row.service not in expected.forgetting
    if expected.tasks[row.task] is Presence.GONE:
        return True
    own = {one.address for one in expected.endpoints if (one.task, one.network) == (row.task, network.id)}
    return bool(own) and row.address not in own


def _addresses(node: Node, scene: Scene) -> frozenset[str]:
    return frozenset({node.address} | scene.hosts.get(node.hostname, frozenset()))


def _views(network: Network, scene: Scene, node: str = "") -> set[str]:
    """Peers that any node sees on a network, or that one of them does."""
    kernels = [scene.kernels[node]] if node in scene.kernels else scene.kernels.values()
    views = [one.inspected.view(network.id) for one in kernels if one.inspected]
    return {peer for view in views if view for peer in view.peers}


def _peers(view: GossipView, network: Network, own: str, scene: Scene, told: _Told, notes: Notes) -> None:
    """Nodes with tasks of the network that are no peers here, though they call themselves one there.

    A node that advertises an address that nobody can know to be its own (NAT) is never missing.
    """
    _foreign_peers(view, network, scene, notes)
    for node in scene.expected.nodes:
        if node.hostname == own or not scene.expected.extended(node.hostname, network):
            continue
        notes.count("gossip peers")
        known = _addresses(node, scene)
        if not known & set(view.peers) and known & _views(network, scene, node.hostname):
            told.lost.setdefault(node.hostname, []).append(network)


def _foreign_peers(view: GossipView, network: Network, scene: Scene, notes: Notes) -> None:
    """Peers that are no nodes of the swarm; told only where every node's own address is known for sure."""
    every = _views(network, scene)
    extended = [one for one in scene.expected.nodes if scene.expected.extended(one.hostname, network)]
    if scene.unseen or not all(_addresses(one, scene) & every for one in extended):
        return
    known = scene.expected.known | {address for own in scene.hosts.values() for address in own}
    for peer in view.peers:
        if peer not in known:
            notes.find(
                "foreign-gossip-peer",
                HOST,
                address=peer,
                expected=f"only nodes of the swarm among the peers of {network.name}",
                seen=listed(sorted(view.peers)),
                command=_command(network),
            )


def _tell_peers(told: _Told, scene: Scene, notes: Notes) -> None:
    for hostname, networks in told.lost.items():
        node = scene.expected.node(hostname)
        names = listed(network.name for network in networks)
        notes.find(
            "missing-gossip-peer",
            HOST,
            address=node.address if node else "",
            expected=f"{hostname} among the peers of {names}",
            seen=f"{hostname} is none",
            command=_command(networks[0]),
        )


def _explain(told: _Told, scene: Scene, notes: Notes) -> None:
    """Give the kernel's findings the cause that gossip shows; what they tell is not told again."""
    hosts = {one.address: one.node for one in scene.expected.endpoints if one.presence is Presence.MUST}
    hosts |= {address: node for (node, _), address in scene.balancers.items()}
    for number, finding in enumerate(notes.findings):
        key = (finding.subject.service, finding.subject.address)
        cause = ""
        host = hosts.get(finding.subject.address, "")
        if finding.name in _REMOTE and host in told.lost:
            cause = f"gossip with {host} is broken: it is no peer on the node's networks"
        elif finding.name == _MISSING:
            cause = _why_missing(key, told)
        elif finding.name == _STALE and key in told.stale:
            network, row = told.stale.pop(key)
            cause = f"gossip still tells it: the node's table of {network.name} has the row {_shown(row)}"
        elif finding.name in _WHOLE:
            gone = [told.missing.pop(one) for one in [*told.missing] if one[0] == finding.subject.service]
            cause = f"gossip told the node nothing of its tasks: {_without(*gone[0])}" if gone else ""
        if cause:
            notes.findings[number] = dataclasses.replace(finding, cause=cause)


def _why_missing(key: _Key, told: _Told) -> str:
    if key in told.missing:
        return f"gossip never told the node of it, or lost it: {_without(*told.missing.pop(key))}"
    if key in told.known:
        return "gossip told the node of it: adding it failed (dockerd's log), or somebody deleted it"
    return ""


def _tell_rows(told: _Told, notes: Notes) -> None:
    for (service, address), (network, end) in told.missing.items():
        notes.find(
            "missing-gossip-row",
            HOST,
            service=service,
            address=address,
            expected=f"a row of {end.label} at {address} in gossip's table of {network.name}",
            seen="none",
            command=_command(network),
        )
    for (service, address), (network, row) in told.stale.items():
        notes.find(
            "stale-gossip-row",
            HOST,
            service=service,
            address=address,
            expected=f"only running tasks in gossip's table of {network.name}",
            seen=_shown(row),
            command=_command(network),
        )


def _without(network: Network, end: Endpoint) -> str:
    return f"the node's table of {network.name} has no row of {end.label}"


def _shown(row: GossipRow) -> str:
    return f"{row.name} at {row.address}" + (f", told by {row.host}" if row.host else "")


def _command(network: Network) -> str:
    return f"docker network inspect -v {network.name}"
