"""The overlay networks themselves: room for what waits for an address, no overlap with a node's own nets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from harness.mesh.expected import Expected
from harness.mesh.findings import Notes, listed
from harness.mesh.kernel import Kernel, Kind, Namespace
from harness.mesh.places import Scene
from harness.model import Network

_RESERVED = 3  # of a subnet: network, gateway and broadcast addresses


def exhausted(scene: Scene, notes: Notes) -> None:
    """Tell services whose tasks wait for an address on a network that has none left.

    Every VIP, task and node with tasks (for its load balancer) takes one; the scheduler says nothing of it.

    Args:
        scene: all nodes.
        notes: those of the swarm as a whole.
    """
    for network in scene.expected.networks:
        room = sum(
            ipaddress.ip_network(net).num_addresses - _RESERVED for net in network.subnets if "." in net
        )
        taken = _taken(network, scene)
        if not room or room - len(taken) > len(scene.expected.nodes):
            continue  # even with a load balancer on every node there would be room
        for service, waiting in scene.expected.waiting.items():
            if network.id in waiting.networks:
                notes.find(
                    "network-full",
                    "",
                    service=service,
                    expected=f"an address of {network.name} for each of {waiting.tasks} waiting tasks",
                    seen=f"{len(taken)} of {room} addresses taken, one more for each node that tasks come to",
                    command=f"docker service ps {service}; docker network inspect -v {network.name}",
                )


def overlapping(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Tell networks whose subnet a node has beside the overlay: what is sent there may go the wrong way."""
    host = kernel.the(Kind.HOST)
    if host is None or not notes.readable(host, "devices"):
        return
    own = dict(_own(host))
    for network in scene.expected.networks:
        for subnet in network.subnets:
            net = ipaddress.ip_network(subnet, strict=False)
            hits = [f"{one} on {device}" for one, device in own.items() if one.overlaps(net)]
            if hits:
                notes.find(
                    "subnet-overlap",
                    host,
                    expected=f"no other use of {subnet}, network {network.name}'s",
                    seen=listed(sorted(hits)),
                    command="ip route show",
                )


def _taken(network: Network, scene: Scene) -> set[str]:
    expected: Expected = scene.expected
    found = {one.address for one in expected.endpoints if one.network == network.id and not one.over}
    found |= {address for net, address in expected.vips if net == network.id}
    return found | {address for (_, net), address in scene.balancers.items() if net == network.id}


def _own(host: Namespace) -> Iterator[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]]:
    """Nets of the host's addresses and routes, with their devices; a route to everything is none."""
    for device in host.devices:
        for address, prefix in device.addresses if device.name != "lo" else ():
            yield ipaddress.ip_interface(f"{address}/{prefix}").network, device.name
    for route in host.routes:
        if route.destination != "default" and route.device:
            net = ipaddress.ip_network(route.destination, strict=False)
            if net.prefixlen:
                yield net, route.device
