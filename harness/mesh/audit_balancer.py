"""The load balancers' namespaces of a node: are they there, and do they let balanced packets through?"""

from __future__ import annotations

from harness.mesh import audit_backends, audit_marks, places
from harness.mesh.expected import Pool
from harness.mesh.findings import Notes, unread
from harness.mesh.join import marks_of, strays
from harness.mesh.kernel import Kernel, Namespace, Rules
from harness.mesh.places import Scene
from harness.mesh.programmed import bare, joined
from harness.mesh.tables import held
from harness.mesh.versions import at_least
from harness.model import Network

_CONNTRACK = "net.ipv4.vs.conntrack"
_REUSE = "net.ipv4.vs.conn_reuse_mode"
_EXPIRE = "net.ipv4.vs.expire_nodest_conn"
_FORWARD = "net.ipv4.ip_forward"
_READ = ("rules", "ipvs", "devices", "sysctls")  # what is judged of a balancer
_TWEAKED = (20, 10)  # engines from here on set conn_reuse_mode (libnetwork#2491) and expire_nodest_conn


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold every load balancer of a node against the services of its network."""
    for network in scene.expected.networks:
        space = places.balancer(kernel, network)
        if space is not None and _dark(space) and not scene.expected.extended(kernel.node, network):
            continue  # nothing on this node goes through it; after a reboot an engine may leave such a file
        if space is not None:
            _balancer(kernel, network, space, scene, notes)
        elif network.ingress:
            notes.find(
                "missing-ingress-sandbox",
                "ingress_sbox",
                expected="a namespace ingress_sbox, as on every node",
                seen="none",
                command="ls /var/run/docker/netns",
            )
        elif scene.expected.extended(kernel.node, network) and places.overlay(kernel, network) is not None:
            name = f"lb_{network.id[:9]}"
            notes.find(
                "missing-lb-sandbox",
                name,
                expected=f"a namespace {name}: tasks of network {network.name} run here",
                seen="none",
                command="ls /var/run/docker/netns",
            )


def _dark(space: Namespace) -> bool:
    """Whether nothing of a balancer was read: not that a part of it was not."""
    return all(unread(space, part) for part in _READ)


def _balancer(kernel: Kernel, network: Network, space: Namespace, scene: Scene, notes: Notes) -> None:
    required = [
        pool
        for pool in scene.expected.on[network.id]
        if pool.required and scene.expected.extended(kernel.node, network)
    ]
    seen = notes.readable(space, "devices")
    if seen:
        _devices(space, network, notes)
    _sysctls(kernel, network, space, required, scene, notes)
    rules = held(space, notes)
    if rules is None or not notes.readable(space, "ipvs"):
        return
    found, marks = joined(space, rules, network, scene), marks_of(rules)
    if seen:
        there = {one.pool.vip for one in found if one.service is not None}
        balanced = [pool for pool in required if pool.vip in there]
        audit_marks.aliases(space, network, balanced, scene, notes, strays(space, found, marks))
    notes.count("rules", len(rules.rules))
    if network.ingress:
        told = bare(kernel, scene)
        required = [pool for pool in required if pool.vip not in told]
    if required and seen and not network.direct:
        _snat(space, network, rules, notes)
    audit_marks.audit(space, network, found, required, scene, notes, marks)
    audit_backends.audit(space, network, found, required, scene, notes, marks)


def _devices(space: Namespace, network: Network, notes: Notes) -> None:
    for device in space.devices:
        if not device.up and device.addresses and device.name != "lo":
            notes.find(
                "sandbox-device-down",
                space,
                expected=f"{device.name} up",
                seen=f"{device.name} down",
                command=f"ip link show {device.name}",
            )
    own = places.own_address(space, network)
    holders = [one for one in space.devices if own in {address for address, _ in one.addresses}]
    for one in holders:
        if one.mac.lower() != places.mac_of(own):
            notes.find(
                "wrong-mac",
                space,
                address=own,
                expected=f"{one.name} with MAC {places.mac_of(own)}",
                seen=one.mac,
                command=f"ip link show {one.name}",
            )


def _snat(space: Namespace, network: Network, rules: Rules, notes: Notes) -> None:
    own = places.own_address(space, network)
    found = [rule for rule in rules.chain("nat", "POSTROUTING") if rule.target == "SNAT" and rule.ipvs]
    notes.count("rules")
    if any(rule.to == own for rule in found) or not own:
        return
    notes.find(
        "missing-snat",
        space,
        expected=f"-A POSTROUTING -d {', '.join(network.subnets)} -m ipvs --ipvs -j SNAT --to-source {own}",
        seen="; ".join(rule.text for rule in found) or "no such rule",
        command="iptables -t nat -S POSTROUTING",
    )


def _sysctls(
    kernel: Kernel, network: Network, space: Namespace, required: list[Pool], scene: Scene, notes: Notes
) -> None:
    """An engine sets these with a namespace's first real server, so they count only where one must be."""
    if not required or not notes.readable(space, "sysctls"):
        return
    node = scene.expected.node(kernel.node)
    tweaked = at_least(node.engine if node else "", _TWEAKED)
    wanted = [("ip-forward-off", _FORWARD, "1", True)]
    if not network.direct:
        wanted.append(("ipvs-conntrack-off", _CONNTRACK, "1", True))
    wanted.append(("ipvs-reuse-mode", _REUSE, "0", tweaked))
    wanted.append(("ipvs-nodest-expiry-off", _EXPIRE, "1", tweaked))
    for name, sysctl, value, judged in wanted:
        seen = space.sysctl(sysctl)
        if seen is None:
            if sysctl == _CONNTRACK and space.sysctl(_REUSE) is not None:
                notes.find(
                    "missing-kernel-support",
                    space,
                    expected=f"{sysctl} = 1 (CONFIG_IP_VS_NFCT)",
                    seen="the kernel has no such sysctl",
                    command=f"sysctl {sysctl}",
                )
            elif sysctl == _FORWARD or not space.sysctls:
                notes.unknown(space, f"{sysctl} was not read")
        elif judged and seen.strip() != value:
            notes.find(
                name, space, expected=f"{sysctl} = {value}", seen=seen.strip(), command=f"sysctl {sysctl}"
            )
