"""Where things are on the nodes: namespaces of networks, balancers' own addresses, ends of the data path."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from collections import Counter

from harness.mesh.expected import Expected
from harness.mesh.kernel import Device, Kernel, Kind, Namespace
from harness.model import Network

GATEWAY = "docker_gwbridge"
_BALANCER, _OVERLAY = 9, 10  # characters of a network's id in the names lb_... and 1-...
_HOST_BITS = {4: 32, 6: 128}


@dataclasses.dataclass(frozen=True)
class Scene:
    """What must be there, and the kernels of all nodes that it can be held against."""

    expected: Expected
    kernels: dict[str, Kernel]

    @functools.cached_property
    def balancers(self) -> dict[tuple[str, str], str]:
        """(hostname, network's id) -> the address of the node's own load balancer on that network."""
        found = {}
        for kernel in self.kernels.values():
            for network in self.expected.networks:
                space = balancer(kernel, network)
                address = own_address(space, network) if space else ""
                if address:
                    found[kernel.node, network.id] = address
        return found

    @functools.cached_property
    def hosts(self) -> dict[str, frozenset[str]]:
        """Addresses that a node has to itself, by hostname."""
        found = {name: kernel.the(Kind.HOST) for name, kernel in self.kernels.items()}
        own = {name: host.own for name, host in found.items() if host is not None}
        shared = Counter(address for addresses in own.values() for address in addresses)
        return {
            name: frozenset(address for address in addresses if shared[address] == 1)
            for name, addresses in own.items()
        }

    @functools.cached_property
    def data(self) -> dict[str, str]:
        """The address of each node's end of the data path, by hostname.

        It is the node's address unless most rows of its peers agree on another one that the node has: a
        swarm may keep its data path on a network of its own (``--data-path-addr``).
        """
        addresses = {node.hostname: node.address for node in self.expected.nodes if is_address(node.address)}
        votes: dict[str, Counter[str]] = {}
        for kernel in self.kernels.values():
            for network in self.expected.networks:
                space = overlay(kernel, network)
                remote = {row.mac: row.remote for row in space.forwarding if row.remote} if space else {}
                for address, endpoint in self.expected.at[network.id].items():
                    row = remote.get(mac_of(address))
                    if row in self.hosts.get(endpoint.node, ()):
                        votes.setdefault(endpoint.node, Counter())[str(row)] += 1
        return addresses | {node: found.most_common(1)[0][0] for node, found in votes.items()}

    @functools.cached_property
    def node_at(self) -> dict[str, str]:
        """Which node an end of the data path belongs to, nodes that could not be read included."""
        known = {node.address: node.hostname for node in self.expected.nodes}
        return known | {address: node for node, own in self.hosts.items() for address in own}

    @functools.cached_property
    def unseen(self) -> bool:
        """Whether a node of the swarm could not be read: where its load balancers are is not known."""
        return bool(self.expected.skipped) or any(
            node.hostname not in self.kernels for node in self.expected.nodes
        )

    def peers(self, node: str) -> dict[str, str]:
        """Ends of the data path of the other nodes that can be judged, by hostname."""
        return {name: address for name, address in self.data.items() if name != node and address}


def balancer(kernel: Kernel, network: Network) -> Namespace | None:
    """The namespace of a network's load balancer on a node."""
    if network.ingress:
        return kernel.the(Kind.INGRESS)
    return kernel.named(f"lb_{network.id[:_BALANCER]}")


def overlay(kernel: Kernel, network: Network) -> Namespace | None:
    """The namespace that holds a network's vxlan device on a node."""
    tail = network.id[:_OVERLAY]
    spaces = (one for one in kernel.namespaces if one.kind is Kind.OVERLAY)
    return next((one for one in spaces if one.name.partition("-")[2] == tail), None)


def sandboxes(kernel: Kernel, network: Network) -> dict[str, tuple[Namespace, Device]]:
    """Task sandboxes of a node by their addresses on a network; of two, the one whose MAC was made of it."""
    found: dict[str, tuple[Namespace, Device]] = {}
    for space in kernel.namespaces:
        for device in space.devices if space.kind is Kind.TASK else ():
            for address, prefix in device.addresses:
                if prefix == _bits(address) or (network.subnets and not contains(network, address)):
                    continue
                if address not in found or device.mac.lower() == mac_of(address):
                    found[address] = (space, device)
    return found


def own_address(space: Namespace, network: Network) -> str:
    """The address of a balancer's own endpoint, not those of the VIPs that it carries."""
    found = [
        (device.mac != mac_of(address), address)
        for device in space.devices
        for address, prefix in device.addresses
        if prefix != _bits(address) and contains(network, address)
    ]
    return min(found)[1] if found else ""


def aliases(space: Namespace) -> frozenset[str]:
    """Addresses that a namespace carries for VIPs: those without a network around them."""
    return frozenset(
        address
        for device in space.devices
        if device.name != "lo"
        for address, prefix in device.addresses
        if prefix == _bits(address)
    )


def gateway(host: Namespace) -> Device | None:
    """The bridge that leads from the host to its sandboxes."""
    return next((device for device in host.devices if device.name == GATEWAY), None)


def behind(bridge: Device | None, space: Namespace | None) -> str:
    """The address of a sandbox on a bridge's network: where DNAT rules send requests; empty if unknown."""
    if bridge is None or space is None:
        return ""
    nets = [ipaddress.ip_interface(f"{address}/{prefix}").network for address, prefix in bridge.addresses]
    found = [
        address
        for device in space.devices
        for address, _ in device.addresses
        if ":" not in address and any(ipaddress.ip_address(address) in net for net in nets)
    ]
    return found[0] if found else ""


def underlay(host: Namespace, address: str) -> Device | None:
    """The device of a node's own address."""
    return next((one for one in host.devices if address in {own for own, _ in one.addresses}), None)


def is_address(text: str) -> bool:
    """Whether it is an address: some swarms advertise names."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def contains(network: Network, address: str) -> bool:
    """Whether an address is one of a network's."""
    return any(ipaddress.ip_address(address) in net for net in _subnets(network.subnets))


@functools.lru_cache(maxsize=4096)
def _subnets(subnets: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(subnet, strict=False) for subnet in subnets)


@functools.lru_cache(maxsize=65536)
def mac_of(address: str) -> str:
    """The MAC that the engine derives from an IPv4 address; empty for others."""
    parts = address.split(".")
    return "02:42:" + ":".join(f"{int(part):02x}" for part in parts) if len(parts) == 4 else ""  # noqa: PLR2004  IPv4


def address_of(mac: str) -> str:
    """The IPv4 address that a MAC was derived from; empty if it was not."""
    parts = mac.lower().split(":")
    if len(parts) != 6 or parts[:2] != ["02", "42"]:  # noqa: PLR2004  a MAC
        return ""
    return ".".join(str(int(part, 16)) for part in parts[2:])


def _bits(address: str) -> int:
    return _HOST_BITS[6 if ":" in address else 4]
