"""Every address of the overlay networks, over the sandboxes of all nodes: each has one owner."""

from __future__ import annotations

import dataclasses

from harness.mesh import places
from harness.mesh.expected import Endpoint
from harness.mesh.findings import Notes
from harness.mesh.kernel import Kind, Namespace
from harness.mesh.places import Scene
from harness.mesh.settling import Presence
from harness.model import Network

_SANDBOXES = frozenset({Kind.TASK, Kind.INGRESS, Kind.BALANCER})


@dataclasses.dataclass(frozen=True)
class Holder:
    """A sandbox that has an address.

    Attributes:
        first: the device's MAC was made of it.
        alias: as a load balancer carries a VIP; every node has that of a service.
    """

    node: str
    space: Namespace
    device: str
    first: bool
    alias: bool = False


def audit(scene: Scene, notes: dict[str, Notes]) -> None:
    """Find addresses that two have: two sandboxes, two tasks by the manager's word, or a sandbox and a VIP.

    Args:
        scene: all nodes.
        notes: by hostname; a finding goes to the node of the owner without right, or of the later one.
    """
    for network in scene.expected.networks:
        if _shares_subnet(network, scene):
            continue  # whose an address is cannot be told by its subnet
        for address, holders in sorted(_holders(network, scene).items()):
            _judge(network, address, holders, scene, notes)


def _shares_subnet(network: Network, scene: Scene) -> bool:
    return any(
        other.id != network.id and set(other.subnets) & set(network.subnets)
        for other in scene.expected.networks
    )


def _holders(network: Network, scene: Scene) -> dict[str, list[Holder]]:
    found: dict[str, list[Holder]] = {}
    vips = scene.expected.vips
    for kernel in scene.kernels.values():
        for space in (one for one in kernel.namespaces if one.kind in _SANDBOXES):
            aliases = places.aliases(space) if space.kind is not Kind.TASK else frozenset()
            for device in space.devices:
                for address, _ in device.addresses:
                    alias = address in aliases
                    if places.contains(network, address) and not (alias and (network.id, address) in vips):
                        first = device.mac.lower() == places.mac_of(address)
                        holder = Holder(kernel.node, space, device.name, first, alias)
                        found.setdefault(address, []).append(holder)
    return {address: held for address, held in found.items() if not all(one.alias for one in held)}


def _judge(
    network: Network, address: str, holders: list[Holder], scene: Scene, notes: dict[str, Notes]
) -> None:
    owner = scene.expected.at[network.id].get(address)
    vip_of = scene.expected.vips.get((network.id, address), "")
    settled = owner is None or owner.presence is Presence.MUST or len(holders) > 1
    if vip_of and settled and network.id not in scene.expected.leaving:
        _tell(holders[-1], address, vip_of, f"only the VIP of {vip_of}", notes)
        return
    if len(holders) < 2 or (owner is not None and owner.presence is Presence.MAY):  # noqa: PLR2004  two owners
        return
    rightful = _rightful(owner, holders)
    label = owner.label if owner else f"{rightful.space.name} of {rightful.node}"
    for one in holders:
        if one is not rightful:
            _tell(one, address, owner.service if owner else "", f"{address} only in {label}", notes)


def _rightful(owner: Endpoint | None, holders: list[Holder]) -> Holder:
    """The one whom the manager names; among several, the one whose MAC was made of the address."""
    there = [one for one in holders if owner is not None and one.node == owner.node]
    return max(there or holders, key=lambda one: one.first)


def _tell(one: Holder, address: str, service: str, expected: str, notes: dict[str, Notes]) -> None:
    notes[one.node].find(
        "duplicate-address",
        one.space,
        service=service,
        address=address,
        expected=expected,
        seen=f"{address} on {one.device} of {one.node}",
        command=f"ip -4 addr show {one.device}",
    )
