"""Which endpoints a node must reach over the overlay, and whose a row may be that is not among them."""

from __future__ import annotations

import dataclasses

from harness.mesh.places import Scene
from harness.mesh.settling import Presence
from harness.model import Network


@dataclasses.dataclass(frozen=True)
class Remote:
    """An endpoint that must be reached over the overlay; ``service`` is empty for a load balancer."""

    address: str
    node: str
    end: str
    label: str
    service: str = ""


def wanted(node: str, network: Network, scene: Scene) -> tuple[Remote, ...]:
    """Everything of a network that a node must reach elsewhere: settled tasks, and other nodes' balancers."""
    found = [
        Remote(address, one.node, scene.data[one.node], one.label, one.service)
        for address, one in scene.expected.at[network.id].items()
        if one.presence is Presence.MUST
        and one.node != node
        and scene.data.get(one.node)
        and ":" not in address
    ]
    for (other, net), address in scene.balancers.items():
        extended = net == network.id and scene.expected.extended(other, network)
        if extended and other != node and scene.data.get(other):
            found.append(Remote(address, other, scene.data[other], f"the load balancer of {other}"))
    return tuple(found)


def reaches(remote: str, one: Remote, scene: Scene) -> bool:
    """Whether a row leads to the endpoint's node; without sight of that node, its known address counts."""
    return remote == one.end or remote in scene.hosts.get(one.node, ())


def stranger(node: str, network: Network, address: str, remote: str, scene: Scene) -> str:
    """Why a row for this address has no right to be there; empty if it may be there.

    A row may belong to a task in transit, or to the load balancer of a node that could not be seen, or that
    has a task of the network in transit.
    """
    owner = scene.expected.at[network.id].get(address)
    if owner is not None and owner.presence is not Presence.GONE:
        local = owner.presence is Presence.MUST and owner.node == node
        return f"{owner.label} is on this very node" if local else ""
    balancers = {own: name for (name, net), own in scene.balancers.items() if net == network.id}
    if address in balancers:
        return "it is this node's own load balancer" if balancers[address] == node else ""
    if owner is not None:
        return f"{owner.label} has ended ({owner.state})"
    return "" if _perhaps(network, remote, scene) else "no task and no load balancer has it"


def _perhaps(network: Network, remote: str, scene: Scene) -> bool:
    """Whether an unknown address may be a plain container's, or that of a load balancer at this end."""
    if network.attachable:
        return True
    where = scene.node_at.get(remote, "")
    hidden = scene.expected.node(where) is not None and (where, network.id) not in scene.balancers
    if hidden and scene.expected.extended(where, network):
        return True
    expected = scene.expected
    moving = network.id in expected.leaving | expected.forgetting or expected.moving(where, network.id)
    return moving or (not where and scene.unseen)


def service_at(network: Network, address: str, scene: Scene) -> str:
    """The service of the task that has, or had, an address."""
    owner = scene.expected.at[network.id].get(address)
    return owner.service if owner else ""
