"""The overlay's namespaces of a node: vxlan device, forwarding entries, neighbours, against who is where."""

from __future__ import annotations

import re

from harness.mesh import places
from harness.mesh.findings import Notes, listed
from harness.mesh.kernel import Device, ForwardingEntry, Kernel, Kind, Namespace
from harness.mesh.places import Scene
from harness.mesh.remotes import Remote, reaches, service_at, stranger, wanted
from harness.model import Network

PERMANENT = "PERMANENT"
_MADE = re.compile(r"vx-[0-9a-f]{6}-\w+")  # how an engine calls the device that it makes


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold every overlay namespace of a node against the endpoints of its network."""
    for network in scene.expected.networks:
        space = places.overlay(kernel, network)
        extended = scene.expected.extended(kernel.node, network)
        if space is None:
            gone = (
                network.ingress and places.balancer(kernel, network) is None
            )  # told by the balancer's audit
            if extended and not gone:
                notes.find(
                    "missing-overlay-sandbox",
                    f"1-{network.id[:10]}",
                    expected=f"a namespace of network {network.name}: it has endpoints here",
                    seen="none",
                    command="ls /var/run/docker/netns",
                )
        elif notes.readable(space, "devices") and _devices(network, space, scene, notes):
            remotes = wanted(kernel.node, network, scene) if extended else ()
            told: set[str] = set()
            if notes.readable(space, "forwarding"):
                told = _forwarding(kernel.node, network, space, remotes, scene, notes)
            if notes.readable(space, "neighbours"):
                _neighbours(kernel.node, network, space, remotes, scene, notes, told)
    _strays(kernel, scene, notes)


def _devices(network: Network, space: Namespace, scene: Scene, notes: Notes) -> bool:
    """Whether there is a vxlan device that works, so that its tables say anything."""
    tunnels = [device for device in space.devices if device.kind == "vxlan"]
    down = [device for device in (*tunnels, *_bridges(space)) if not device.up]
    if not tunnels or down:
        name = "vxlan-down" if not tunnels or down[0].kind == "vxlan" else "sandbox-device-down"
        notes.find(
            name,
            space,
            expected=f"{down[0].name if down else 'vxlan0'} up",
            seen=f"{down[0].name} down" if down else "no vxlan device",
            command="ip -d link show",
        )
        return False
    for device in tunnels:
        notes.count("tunnels")
        _tunnel(network, space, device, scene, notes)
    return True


def _bridges(space: Namespace) -> list[Device]:
    return [device for device in space.devices if device.kind == "bridge"]


def _tunnel(network: Network, space: Namespace, device: Device, scene: Scene, notes: Notes) -> None:
    command = f"ip -d link show {device.name}"
    if network.vnis and device.vni not in network.vnis:
        wish = f"vxlan id {listed(network.vnis)} of network {network.name}"
        notes.find("wrong-vni", space, expected=wish, seen=f"vxlan id {device.vni}", command=command)
    if device.port and device.port != scene.expected.data_port:
        wish = f"dstport {scene.expected.data_port}"
        notes.find("wrong-vxlan-port", space, expected=wish, seen=f"dstport {device.port}", command=command)


def _forwarding(
    node: str,
    network: Network,
    space: Namespace,
    remotes: tuple[Remote, ...],
    scene: Scene,
    notes: Notes,
) -> set[str]:
    """Compare the forwarding entries; gives the addresses whose entry is missing or stale."""
    told: set[str] = set()
    rows: dict[str, list[ForwardingEntry]] = {}
    for row in space.forwarding:
        if row.remote:
            rows.setdefault(row.mac.lower(), []).append(row)
    command = "bridge fdb show dev vxlan0"
    for one in remotes:
        notes.count("fdb entries")
        mac = places.mac_of(one.address)
        held = rows.pop(mac, [])
        firm = [row for row in held if row.state == "permanent"]
        wrong = [row for row in firm if not reaches(row.remote, one, scene)]
        if not firm or wrong:
            told |= set() if wrong else {one.address}
            seen = "; ".join(f"{row.mac} dst {row.remote} {row.state or 'learned'}" for row in held)
            notes.find(
                "wrong-fdb-entry" if wrong else "missing-fdb-entry",
                space,
                service=one.service,
                address=one.address,
                expected=f"{mac} dst {one.end} permanent ({one.label})",
                seen=seen or "no such entry",
                command=command,
            )
    for mac, held in rows.items():
        address = places.address_of(mac)
        for row in held:
            why = stranger(node, network, address, row.remote, scene)
            if row.state == "permanent" and why:
                told.add(address)
                notes.find(
                    "stale-fdb-entry",
                    space,
                    service=service_at(network, address, scene),
                    address=address,
                    expected=f"no entry for {address or mac}: {why}",
                    seen=f"{mac} dst {row.remote} permanent",
                    command=command,
                )
    return told


def _neighbours(
    node: str,
    network: Network,
    space: Namespace,
    remotes: tuple[Remote, ...],
    scene: Scene,
    notes: Notes,
    told: set[str],
) -> None:
    """Compare the neighbours; one that shares its fate with its forwarding entry was told with that."""
    tunnels = {device.name for device in space.devices if device.kind == "vxlan"}
    rows = {
        row.address: row
        for row in space.neighbours
        if row.device in tunnels and PERMANENT in {state.upper() for state in row.states}
    }
    command = "ip neigh show dev vxlan0"
    for one in remotes:
        notes.count("neighbours")
        mac, row = places.mac_of(one.address), rows.pop(one.address, None)
        if (row is None and one.address not in told) or (row is not None and row.mac.lower() != mac):
            notes.find(
                "missing-neighbour" if row is None else "wrong-neighbour",
                space,
                service=one.service,
                address=one.address,
                expected=f"{one.address} lladdr {mac} PERMANENT ({one.label})",
                seen=f"lladdr {row.mac}" if row else "no such neighbour",
                command=command,
            )
    ends = {row.mac.lower(): row.remote for row in space.forwarding if row.remote}
    for address, row in rows.items():
        why = stranger(node, network, address, ends.get(places.mac_of(address), ""), scene)
        if why and ":" not in address and address not in told:
            notes.find(
                "stale-neighbour",
                space,
                service=service_at(network, address, scene),
                address=address,
                expected=f"no neighbour {address}: {why}",
                seen=f"{address} lladdr {row.mac} PERMANENT",
                command=command,
            )


def _strays(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """A vxlan device of a swarm's network that never left the host's namespace, or is somebody else's."""
    host = kernel.the(Kind.HOST)
    owners = {vni: network for network in scene.expected.networks for vni in network.vnis}
    for device in host.devices if host else ():
        network = owners.get(device.vni) if device.kind == "vxlan" else None
        if host is None or network is None:
            continue
        if _MADE.fullmatch(device.name) and scene.expected.moving(kernel.node, network.id):
            continue  # on its way into the network's namespace
        notes.find(
            "stray-vxlan",
            host,
            expected=f"no device of vxlan id {device.vni}, which is network {network.name}'s",
            seen=device.name,
            command="ip -d link show type vxlan",
        )
