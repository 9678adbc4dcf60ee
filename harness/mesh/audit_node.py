"""What a node as a whole must give the mesh: kernel parts, room in tables, MTU, the right source."""

from __future__ import annotations

import dataclasses
import ipaddress

from harness.mesh import facts, places
from harness.mesh.findings import HOST, Notes, listed
from harness.mesh.kernel import Kernel, Kind, Namespace
from harness.mesh.packets import Packet, walk
from harness.mesh.places import Scene
from harness.mesh.tables import read

VXLAN = 50  # bytes that vxlan adds to a packet, as the engine counts them
_FULL = 80  # per cent of a table from which on it is told
_PARTS = "ip_vs, ip_vs_rr, xt_ipvs and vxlan, built in or as modules"


@dataclasses.dataclass(frozen=True)
class _Limit:
    """A table of the kernel; ``least``: a limit that no distribution sets, however small the machine."""

    name: str
    sysctl: str
    least: int


_CONNTRACK = _Limit("conntrack-table-small", "net.netfilter.nf_conntrack_max", 1024)
_NEIGHBOURS = _Limit("neighbour-table-small", "net.ipv4.neigh.default.gc_thresh3", 128)


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold the node's limits, its underlay and its choice of source address against what the mesh needs."""
    _table(_CONNTRACK, *facts.conntrack(kernel), notes)
    _table(_NEIGHBOURS, *facts.neighbours(kernel), notes)
    host = kernel.the(Kind.HOST)
    if host is not None and notes.readable(host, "devices"):
        _mtu(kernel, host, scene, notes)
        _queue(kernel, host, scene, notes)
        _sources(kernel, host, scene, notes)


def supported(kernel: Kernel, scene: Scene, notes: Notes) -> bool:
    """Whether the kernel has what the balancers are made of; what it lacks is told.

    A list of modules proves little (a built-in part may have no entry): only what nothing tells of, what was
    not seen at work and what has to be there counts as lacking.
    """
    modules = facts.pairs(kernel, "modules")
    needed = [
        pool.network
        for pool in scene.expected.pools
        if pool.required and scene.expected.extended(kernel.node, pool.network)
    ]
    spaces = kernel.namespaces
    lacking = []
    if needed and not any(one.ipvs for one in spaces):
        lacking += ["ip_vs"] if facts.fact(kernel, "ipvs") is False else []
        lacking += ["ip_vs_rr"] if not lacking and modules.get("ip_vs_rr") == "" else []
    translated = any(rule.ipvs for space in spaces for held in space.rules for rule in held.rules)
    if any(not network.direct for network in needed) and not translated and modules.get("xt_ipvs") == "":
        lacking.append("xt_ipvs")
    tunnels = any(device.kind == "vxlan" for space in spaces for device in space.devices)
    extended = any(scene.expected.extended(kernel.node, network) for network in scene.expected.networks)
    if extended and not tunnels and modules.get("vxlan") == "":
        lacking.append("vxlan")
    if lacking:
        notes.find(
            "missing-kernel-support",
            HOST,
            expected=_PARTS,
            seen=f"no {listed(lacking)} in {facts.fact(kernel, 'kernel') or 'this kernel'}",
            command=f"modprobe {lacking[0]}",
        )
    return not lacking


def _table(limit: _Limit, count: int | None, most: int | None, notes: Notes) -> None:
    if most is None:
        return
    notes.count("limits")
    if most < limit.least or (count is not None and count * 100 >= most * _FULL):
        notes.find(
            limit.name,
            HOST,
            expected=f"a limit of {limit.least} or more, not more than {_FULL} % of it used",
            seen=f"{limit.sysctl} = {most}, {'unknown' if count is None else count} in use",
            command=f"sysctl {limit.sysctl}",
        )


def _mtu(kernel: Kernel, host: Namespace, scene: Scene, notes: Notes) -> None:
    end = scene.data.get(kernel.node, "")
    below = places.underlay(host, end)
    if below is None:
        return
    above = {}
    for network in scene.expected.networks:
        space = places.overlay(kernel, network)
        tunnels = [device.mtu for device in space.devices if device.kind == "vxlan"] if space else []
        above[network.name] = max(tunnels, default=0)
    large = {name: mtu for name, mtu in above.items() if mtu + VXLAN > below.mtu}
    notes.count("tunnels", len(above))
    if large:
        notes.find(
            "overlay-mtu-too-large",
            HOST,
            address=end,
            expected=f"an MTU of {max(large.values()) + VXLAN} or more on {below.name}",
            seen=f"{below.name} with {below.mtu}; "
            + listed(f"{name} with {mtu}" for name, mtu in sorted(large.items())),
            command=f"ip link show {below.name}",
        )


def _queue(kernel: Kernel, host: Namespace, scene: Scene, notes: Notes) -> None:
    """Queues that shape traffic are a choice; one that makes it worse is not."""
    end = scene.data.get(kernel.node, "")
    below = places.underlay(host, end)
    if below is not None and below.qdisc == "netem":
        notes.find(
            "lossy-underlay",
            host,
            address=end,
            expected=f"no netem on {below.name}",
            seen="qdisc netem",
            command=f"tc qdisc show dev {below.name}",
        )


def _sources(kernel: Kernel, host: Namespace, scene: Scene, notes: Notes) -> None:
    """The source that the kernel chooses towards each peer: told by it, or worked out from the routes."""
    own = scene.data.get(kernel.node, "")
    if own not in host.own:
        return  # behind a translation of addresses: nothing to compare with
    told = facts.sources(kernel)
    if not told and not notes.readable(host, "routes"):
        return
    wrong = {}
    for peer in scene.peers(kernel.node).values():
        chosen = (
            _translated(host, own, peer, scene.expected.data_port) or told.get(peer) or _routed(host, peer)
        )
        notes.count("routes")
        if chosen and chosen != own:
            wrong[peer] = chosen
    if wrong:
        peers = sorted(wrong)
        notes.find(
            "source-address-mismatch",
            HOST,
            address=peers[0] if len(peers) == 1 else "",
            expected=f"source {own} towards {listed(peers)}",
            seen=listed(sorted(set(wrong.values()))),
            command=f"ip route get {peers[0]}",
        )


def _translated(host: Namespace, own: str, peer: str, port: int) -> str:
    """The address that a rule of the node gives to overlay packets on their way out."""
    device = places.underlay(host, own)
    packet = Packet("udp", own, peer, port, out_interface=device.name if device else "", own=True)
    for rules in read(host):
        rule = walk(rules, "nat", "POSTROUTING", packet).rule
        if rule is not None and rule.target == "SNAT":
            return rule.to.partition(":")[0]
    return ""


def _routed(host: Namespace, peer: str) -> str:
    """The source of the most specific route to a peer; empty if its routes do not say."""
    address = ipaddress.ip_address(peer)
    found = []
    for route in host.routes:
        net = ipaddress.ip_network(
            "0.0.0.0/0" if route.destination == "default" else route.destination, strict=False
        )
        if address in net:
            found.append((net.prefixlen, route.source))
    return max(found)[1] if found else ""
