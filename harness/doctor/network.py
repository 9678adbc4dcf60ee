"""Do the overlays fit what is below them: subnets, packet sizes, source addresses, network cards?"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator, Mapping, Sequence

from harness.doctor.ground import Ground, each
from harness.doctor.lines import Line, ok, stop, unknown, warn
from harness.mesh import facts, places
from harness.mesh.audit_node import VXLAN
from harness.mesh.findings import listed
from harness.mesh.kernel import Kernel, Namespace

Net = ipaddress.IPv4Network | ipaddress.IPv6Network
_DEFAULT_MTU = 1450  # of an overlay network whose maker said nothing
_TRAPS = frozenset({"vmxnet3"})  # drivers that spoil checksums of tunnelled packets (moby#41775)
_BAD_SHARE, _BAD_LEAST = 0.001, 10  # of datagrams with a wrong checksum: a line's noise is below
_MOVE = "give one of the two another subnet (docker network create --subnet; for ingress: make it anew)"
_POOL = "name a free pool: docker swarm init --default-addr-pool, or --subnet for each network"


def subnets(ground: Ground) -> list[Line]:
    """Whether overlay subnets and the pools of new ones are free on every host (moby#24220, #48069).

    A subnet that is also behind ``docker_gwbridge``, or an ingress subnet in which nodes have addresses, is
    a stop: answers would stay in the balancer's sandbox. Any other overlap hides that part of the host's
    network from tasks.
    """
    lines = [warn("subnets", told, _MOVE) for told in _overlays(ground)]
    return [*each("subnets", ground, _subnets, "routes", "devices"), *lines]


def _overlays(ground: Ground) -> Iterator[str]:
    known = [(one.name, _net(text)) for one in ground.expected.networks for text in one.subnets]
    for (name, net), (other, second) in itertools.combinations(known, 2):
        if _overlap(net, second):
            yield f"the networks {name} ({net}) and {other} ({second}) overlap: no task can be on both"


def _subnets(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    ends = [ipaddress.ip_address(one) for one in ground.scene.data.values() if _is_address(one)]
    broken: list[str] = []
    hidden: list[str] = []
    held = dict.fromkeys(_held(host))
    for network in ground.expected.networks:
        for net, (there, device) in itertools.product(map(_net, network.subnets), held):
            if not _overlap(net, there):
                continue
            told = f"{network.name} ({net}) overlaps {there} of {device or 'a route'}"
            fatal = device == places.GATEWAY or (network.ingress and any(end in there for end in ends))
            (broken if fatal else hidden).append(told)
    if broken:
        return stop("subnets", f"{listed(broken)}: answers never leave the sandbox", _MOVE, kernel.node)
    if hidden:
        return warn("subnets", f"{listed(hidden)}: tasks cannot reach that", _MOVE, kernel.node)
    pools = [
        f"new networks come from {pool}, which overlaps {there} of {device or 'a route'}"
        for pool, (there, device) in itertools.product(map(_net, ground.asked.pools), held)
        if _overlap(pool, there)
    ]
    if pools:
        return warn("subnets", listed(pools), _POOL, kernel.node)
    return ok("subnets", "no overlay network, nor the pool of new ones, overlaps a host's", kernel.node)


def _held(host: Namespace) -> Iterator[tuple[Net, str]]:
    """Networks that the host has: of its routes, and of devices that may have none because they are down."""
    for route in host.routes:
        if route.destination != "default":
            yield _net(route.destination), route.device
    for device in host.devices:
        for address, prefix in device.addresses if device.name != "lo" else ():
            yield _net(f"{address}/{prefix}"), device.name


def mtu(ground: Ground) -> list[Line]:
    """Whether overlay packets and the tunnel's 50 bytes fit the underlay (moby#43673, libnetwork#2661)."""
    return each("mtu", ground, _mtu, "devices")


def _mtu(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    found = ground.finding(kernel, "overlay-mtu-too-large")
    if found is not None:
        return stop("mtu", f"{found.seen}: large answers hang", found.remedy, kernel.node)
    below = places.underlay(host, ground.scene.data.get(kernel.node, ""))
    if below is None:
        remedy = "compare by hand: ip link on the node, less 50 bytes for vxlan"
        return unknown("mtu", "no interface has the address that the node advertises", remedy, kernel.node)
    spaces = (places.overlay(kernel, network) for network in ground.expected.networks)
    tunnels = [one.mtu for space in spaces if space for one in space.devices if one.kind == "vxlan"]
    if max(tunnels, default=_DEFAULT_MTU) + VXLAN > below.mtu:
        told = f"no overlay is there yet, and the default of {_DEFAULT_MTU} is too much for {below.name}"
        remedy = f"make networks with --opt com.docker.network.driver.mtu={below.mtu - VXLAN}"
        return warn("mtu", f"{told} with {below.mtu}", remedy, kernel.node)
    most = max(tunnels, default=_DEFAULT_MTU)
    return ok("mtu", f"overlays of {most} and {VXLAN} bytes fit {below.name} with {below.mtu}", kernel.node)


def source(ground: Ground) -> list[Line]:
    """Whether the kernel sends from the address that peers expect (moby#53004), and has a way to each."""
    return each("source", ground, _source, "devices")


def _source(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    peers = ground.scene.peers(kernel.node)
    found = ground.finding(kernel, "source-address-mismatch")
    if found is not None:
        told = f"{found.expected.replace('source', 'advertises', 1)}, the kernel takes {found.seen}"
        return stop("source", told, found.remedy, kernel.node)
    away = [f"{name} ({why})" for name, why in _unreachable(kernel, peers)]
    if away:
        return stop("source", f"no route to {listed(away)}", "ip route get ADDRESS on the node", kernel.node)
    own = ground.scene.data.get(kernel.node, "")
    if own not in host.own:
        told = f"it advertises {own or 'nothing'}, which none of its interfaces has"
        remedy = "advertise an address of its own, unless a translation leads to it (--advertise-addr)"
        return warn("source", told, remedy, kernel.node)
    if peers and not facts.sources(kernel) and host.why("facts"):
        return unknown("source", "the kernel did not tell its choice", "ip route get ADDRESS", kernel.node)
    return ok("source", "the kernel sends from the advertised address to every peer", kernel.node)


def _unreachable(kernel: Kernel, peers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    rows = facts.fact(kernel, "routes")
    for row in rows if isinstance(rows, Sequence) else ():
        if len(row) > 3 and row[3] and row[0] in peers:  # noqa: PLR2004  peer, address, source, why there is none
            yield str(row[0]), str(row[3])


def offload(ground: Ground) -> list[Line]:
    """Whether a card is of a kind that spoils checksums inside tunnels: ping works and TCP does not."""
    return each("offload", ground, _offload, "facts")


def _offload(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    del host, ground
    cards = [one for one in _objects(facts.fact(kernel, "underlay")) if one.get("name")]
    if not cards:
        remedy = "ethtool -k on the interface that carries the swarm"
        return unknown("offload", "no interface told of its offloading", remedy, kernel.node)
    trapped = [one for one in cards if one.get("driver") in _TRAPS and one.get("tx_checksum")]
    if trapped:
        name = str(trapped[0]["name"])
        told = f"{name} is a {trapped[0]['driver']} that computes checksums: TCP may die across nodes"
        remedy = f"ethtool -K {name} tx-checksum-ip-generic off (moby#41775), and at every boot"
        return warn("offload", told, remedy, kernel.node)
    udp = dict(_objects([dict(_pairs(facts.fact(kernel, "errors"))).get("Udp")])[0])
    bad, good = (_whole(udp.get(name)) for name in ("InCsumErrors", "InDatagrams"))
    if bad >= _BAD_LEAST and bad > good * _BAD_SHARE:
        told = f"{bad} of {bad + good} datagrams came with a wrong checksum"
        return warn("offload", told, "turn transmit checksum offload off on the other nodes", kernel.node)
    drivers = sorted({str(one.get("driver") or "unnamed driver") for one in cards})
    return ok("offload", f"no known trap ({listed(drivers)})", kernel.node)


def _pairs(value: object) -> list[tuple[str, object]]:
    """An object as a kernel's facts hold it: a mapping, or rows of two."""
    rows = value.items() if isinstance(value, Mapping) else value if isinstance(value, Sequence) else ()
    return [(str(row[0]), row[1]) for row in rows if isinstance(row, Sequence) and len(row) == 2]  # noqa: PLR2004


def _objects(value: object) -> list[dict[str, object]]:
    return [dict(_pairs(one)) for one in (value if isinstance(value, Sequence) else ())]


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _net(text: str) -> Net:
    return ipaddress.ip_network(text, strict=False)


def _overlap(one: Net, other: Net) -> bool:
    return one.version == other.version and one.overlaps(other)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
