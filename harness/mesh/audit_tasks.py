"""The sandboxes of a node's own tasks: are they there, and do they take what the mesh sends them?"""

from __future__ import annotations

from harness.mesh import places
from harness.mesh.expected import Endpoint, Pool
from harness.mesh.findings import Notes
from harness.mesh.kernel import Device, Kernel, Kind, Namespace, Rules
from harness.mesh.packets import Fate, Packet, walk
from harness.mesh.places import Scene
from harness.mesh.settling import Presence
from harness.mesh.tables import held
from harness.model import Network, Port


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold the sandbox of every settled task of a node against its addresses and its service's ports."""
    for network in scene.expected.networks:
        found = places.sandboxes(kernel, network)
        pools = {pool.service: pool for pool in scene.expected.on[network.id]}
        for address, one in scene.expected.at[network.id].items():
            if one.node != kernel.node or one.presence is not Presence.MUST or ":" in address:
                continue
            notes.count("sandboxes")
            if address not in found:
                _missing(kernel, network, one, notes)
                continue
            space, device = found[address]
            _device(space, device, one, notes)
            pool = pools.get(one.service)
            if network.ingress and pool is not None and pool.settled:
                _ports(space, pool, one, notes)


def _missing(kernel: Kernel, network: Network, one: Endpoint, notes: Notes) -> None:
    tasks = [space for space in kernel.namespaces if space.kind is Kind.TASK]
    dark = [space for space in tasks if not notes.readable(space, "devices")]
    if not dark:
        notes.find(
            "missing-task-sandbox",
            "host",
            service=one.service,
            address=one.address,
            expected=f"a sandbox with {one.address} on {network.name} ({one.label})",
            seen="none",
            command="ls /var/run/docker/netns",
        )


def _device(space: Namespace, device: Device, one: Endpoint, notes: Notes) -> None:
    command = f"ip link show {device.name}"
    mac = places.mac_of(one.address)
    if not device.up:
        notes.find(
            "sandbox-device-down",
            space,
            service=one.service,
            address=one.address,
            expected=f"{device.name} up ({one.label})",
            seen=f"{device.name} down",
            command=command,
        )
    if device.mac.lower() != mac and _is_first(device, one.address):
        notes.find(
            "wrong-mac",
            space,
            service=one.service,
            address=one.address,
            expected=f"{device.name} with MAC {mac} ({one.label})",
            seen=device.mac,
            command=command,
        )


def _is_first(device: Device, address: str) -> bool:
    """Whether the device was made for this address; others may have been added to it."""
    return next((own for own, _ in device.addresses if ":" not in own), "") == address


def _ports(space: Namespace, pool: Pool, one: Endpoint, notes: Notes) -> None:
    rules = held(space, notes)
    if rules is None:
        return
    for port in pool.ports:
        notes.count("redirects")
        if not _redirect(space, rules, port, one, notes):
            continue
        inward = Packet(port.protocol, "", one.address, port.target, in_interface="eth0", local=True)
        ended = walk(rules, "filter", "INPUT", inward)
        if ended.fate is Fate.DROP:
            wish = f"-A INPUT -d {one.address}/32 -p {port.protocol} --dport {port.target} ... -j ACCEPT"
            notes.find(
                "missing-task-accept",
                space,
                service=one.service,
                address=one.address,
                expected=f"{wish} ({one.label})",
                seen=f"dropped by {ended.culprit}",
                command="iptables -S INPUT",
            )


def _redirect(space: Namespace, rules: Rules, port: Port, one: Endpoint, notes: Notes) -> bool:
    """Whether the task's published port is led to its target port."""
    found = [
        rule
        for rule in rules.chain("nat", "PREROUTING")
        if rule.target == "REDIRECT"
        and (rule.dport, rule.protocol) == (port.published, port.protocol)
        and rule.destination.partition("/")[0] in {"", one.address}
    ]
    if found and found[0].to == str(port.target):
        return True
    wish = (
        f"-A PREROUTING -d {one.address}/32 -p {port.protocol} --dport {port.published} "
        f"-j REDIRECT --to-ports {port.target}"
    )
    notes.find(
        "wrong-redirect" if found else "missing-redirect",
        space,
        service=one.service,
        address=one.address,
        expected=f"{wish} ({one.label})",
        seen="; ".join(rule.text for rule in found) or "no such rule",
        command="iptables -t nat -S PREROUTING",
    )
    return False
