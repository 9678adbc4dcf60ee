"""The host's own network on a node: the bridge to the sandboxes, and the rules that lead requests there."""

from __future__ import annotations

from harness.mesh import audit_firewall, audit_ports, places
from harness.mesh.audit_ports import INGRESS, HostEntry
from harness.mesh.expected import Pool
from harness.mesh.findings import Notes, listed
from harness.mesh.kernel import Device, Kernel, Kind, Namespace
from harness.mesh.places import Scene
from harness.mesh.programmed import bare
from harness.mesh.tables import engines, held, read
from harness.mesh.versions import at_least
from harness.model import Port

_LOCALNET = f"net.ipv4.conf.{places.GATEWAY}.route_localnet"
_FORWARD = "net.ipv4.ip_forward"
_OWN_CHAIN = (28, 0, 1)  # from here on the jump is in DOCKER-FORWARD (moby#49538)
_DEAD = {
    "PREROUTING": "requests from elsewhere to any published port die here; 127.0.0.1 is answered",
    "OUTPUT": "requests of the node itself (127.0.0.1) die; those from elsewhere are answered",
}


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold the host's devices, sysctls and rules against the published ports."""
    host = kernel.the(Kind.HOST)
    if host is None:
        notes.unknown("host", "the host's own network was not read")
        return
    audit_firewall.swarm_ports(kernel, host, scene, notes)
    if scene.expected.ingress is None or not notes.readable(host, "devices"):
        return
    bridge = places.gateway(host)
    if bridge is None or not bridge.up:
        _bridge(host, bridge, notes)
    if host.sysctl(_FORWARD) == "0":
        notes.find("ip-forward-off", host, expected=f"{_FORWARD} = 1", seen="0", command=f"sysctl {_FORWARD}")
    sandbox = kernel.the(Kind.INGRESS)
    rules = held(host, notes)
    if _split(host, notes) or bridge is None or sandbox is None or rules is None:
        return  # told above, or by the balancer's audit
    node = scene.expected.node(kernel.node)
    ports = _programmed(kernel, sandbox, scene, notes)
    entry = HostEntry(host, rules, bridge, places.behind(bridge, sandbox), ports, node.engine if node else "")
    notes.count("rules", len(rules.rules))
    if ports and not _flushed(entry, notes):
        _ways(entry, notes)
        audit_ports.audit(entry, scene, notes)
        audit_firewall.published(kernel, entry, scene, notes)
    elif not ports:
        audit_ports.stale(entry, scene, notes)


def _bridge(host: Namespace, bridge: Device | None, notes: Notes) -> None:
    notes.find(
        "docker-gwbridge-down",
        host,
        expected=f"{places.GATEWAY} up",
        seen=f"{places.GATEWAY} down" if bridge else "no such device",
        command=f"ip addr show {places.GATEWAY}",
    )


def _split(host: Namespace, notes: Notes) -> bool:
    """Whether the engine's chains stand in both kinds of tables: then no rule tells what the other does."""
    both = [rules for rules in read(host) if engines(host, rules)]
    if len(both) > 1:
        notes.find(
            "split-brain-tables",
            host,
            expected="docker's chains in one kind of tables",
            seen="docker's chains in both: "
            + listed(f"{rules.backend} with {len(rules.rules)} rules" for rules in both),
            command="iptables-legacy-save; iptables-nft-save",
        )
    return len(both) > 1


def _programmed(
    kernel: Kernel, sandbox: Namespace, scene: Scene, notes: Notes
) -> tuple[tuple[Port, Pool], ...]:
    """Published ports, without those of services of which this node has nothing at all, which are told."""
    nothing = bare(kernel, scene)
    for pool in nothing.values():
        notes.find(
            "service-not-programmed",
            sandbox,
            service=pool.service,
            address=pool.vip,
            expected="DNAT, MARK and IPVS service for "
            + listed(f"{port.published}/{port.protocol}" for port in pool.ports),
            seen="none of them",
            command="iptables -t mangle -S PREROUTING",
        )
    return tuple((port, pool) for port, pool in scene.expected.published() if pool.vip not in nothing)


def _flushed(entry: HostEntry, notes: Notes) -> bool:
    """Whether a chain of the engine's lost even its closing RETURN: only a flush does that."""
    empty = [table for table in ("nat", "filter") if not entry.rules.chain(table, INGRESS)]
    if empty:
        notes.find(
            "flushed-rules",
            entry.space,
            expected=f"rules for {len(entry.ports)} published ports and RETURN in {INGRESS}",
            seen=f"{INGRESS} of {' and '.join(empty)} is empty",
            command=f"iptables -t {empty[0]} -S {INGRESS}",
        )
    return bool(empty)


def _ways(entry: HostEntry, notes: Notes) -> None:
    """The jumps to DOCKER-INGRESS, and what localhost needs."""
    rules = entry.rules
    for chain, dead in _DEAD.items():
        if not any(rule.target == INGRESS for rule in rules.chain("nat", chain)):
            _jump(entry, "nat", chain, "-m addrtype --dst-type LOCAL ", f"no such rule: {dead}", notes)
    homes = ["DOCKER-FORWARD" if at_least(entry.engine, _OWN_CHAIN) else "FORWARD"]
    homes = homes if entry.engine else ["DOCKER-FORWARD", "FORWARD"]
    if not any(rule.target == INGRESS for chain in homes for rule in rules.chain("filter", chain)):
        seen = "no such rule: published traffic meets whatever drops in FORWARD"
        _jump(entry, "filter", homes[0], "", seen, notes)
    masquerade = [
        rule
        for rule in rules.chain("nat", "POSTROUTING")
        if rule.target == "MASQUERADE" and rule.out_interface == places.GATEWAY and rule.src_type == "LOCAL"
    ]
    if not masquerade:
        notes.find(
            "missing-masquerade",
            entry.space,
            expected=f"-A POSTROUTING -o {places.GATEWAY} -m addrtype --src-type LOCAL -j MASQUERADE",
            seen="no such rule",
            command="iptables -t nat -S POSTROUTING",
        )
    localnet = entry.space.sysctl(_LOCALNET)
    if localnet is not None and localnet.strip() != "1":
        notes.find(
            "route-localnet-off",
            entry.space,
            expected=f"{_LOCALNET} = 1",
            seen=localnet.strip(),
            command=f"sysctl {_LOCALNET}",
        )
    elif localnet is None and notes.readable(entry.space, "sysctls"):
        notes.unknown(entry.space, f"{_LOCALNET} was not read")


def _jump(entry: HostEntry, table: str, chain: str, match: str, seen: str, notes: Notes) -> None:
    notes.find(
        "missing-ingress-jump",
        entry.space,
        expected=f"-A {chain} {match}-j {INGRESS} in {table}",
        seen=seen,
        command=f"iptables -t {table} -S {chain}",
        modes=("A2",) if table == "nat" else ("A3",),
    )
