"""Can every kernel make a mesh, and do the engine's rules stand where they work?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.doctor.ground import Ground, each
from harness.doctor.lines import Line, ok, stop, unknown, warn
from harness.mesh import facts
from harness.mesh.catalogue import CATALOGUE
from harness.mesh.findings import listed
from harness.mesh.kernel import Backend, Kernel, Namespace, Rule
from harness.mesh.natives import Native
from harness.mesh.tables import engines, read
from harness.mesh.versions import at_least

_NAT = frozenset({"DNAT", "SNAT", "MASQUERADE", "REDIRECT"})
_OWN_BRIDGE_RULES = (28, 0, 0)  # from here on engines load br_netfilter only when they need it
_LACKS = "lacks:"  # how a trial tells that the kernel has it not; any other word is why it was not tried
_UNTRIED = "nothing shows that the kernel has {}, and it could not be tried"


def _rules(holds: Callable[[Rule], bool]) -> Callable[[Kernel], bool]:
    return lambda kernel: any(
        holds(rule) for space in kernel.namespaces for rules in space.rules for rule in rules.rules
    )


# What shows a part at work: more than any list of modules can prove.
_AT_WORK: dict[str, Callable[[Kernel], bool]] = {
    "ip_vs": lambda kernel: facts.fact(kernel, "ipvs") is True or any(one.ipvs for one in kernel.namespaces),
    "ip_vs_rr": lambda kernel: any(
        service.scheduler == "rr" for space in kernel.namespaces for service in space.ipvs
    ),
    "xt_ipvs": _rules(lambda rule: rule.ipvs),
    "vxlan": lambda kernel: any(
        device.kind == "vxlan" for space in kernel.namespaces for device in space.devices
    ),
    "nf_nat": _rules(lambda rule: rule.target in _NAT),
    "xt_mark": _rules(lambda rule: rule.mark is not None),
    "xt_conntrack": _rules(lambda rule: bool(rule.states)),
    "xt_addrtype": _rules(lambda rule: bool(rule.src_type or rule.dst_type)),
}


def has(kernel: Kernel, part: str) -> bool | None:
    """Whether a kernel has a part: seen at work, tried, or among its modules; None: nothing tells."""
    shown = _AT_WORK.get(part)
    if shown is not None and shown(kernel):
        return True
    tried = facts.pairs(kernel, "proof").get(part)
    if tried is not None and (not tried or tried.startswith(_LACKS)):
        return not tried
    return True if facts.pairs(kernel, "modules").get(part) else None


def support(ground: Ground) -> list[Line]:
    """Whether every kernel has what the mesh is made of (moby#26930, #47496); one that has not is a stop."""
    return each("kernel", ground, _support, "facts")


def _support(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    del host
    release = facts.fact(kernel, "kernel") or "this kernel"
    found = {part: has(kernel, part) for part in _AT_WORK}
    needs = any(pool.required for pool in ground.expected.pools)
    if found["ip_vs"] is None and needs and facts.fact(kernel, "ipvs") is False:
        found["ip_vs"] = False  # services have VIPs, and still no engine could load it
    lacking = [part for part, there in found.items() if there is False]
    entry = CATALOGUE["missing-kernel-support"]
    if lacking:
        told = f"no {listed(lacking, len(lacking))} in kernel {release}: the mesh cannot work there"
        return stop("kernel", told, entry.remedy, kernel.node)
    doubtful = [part for part, there in found.items() if there is None]
    if doubtful:
        told = _UNTRIED.format(listed(doubtful, len(doubtful)))
        return unknown("kernel", told, f"modprobe {' '.join(doubtful)} on the node", kernel.node)
    if any(network.encrypted for network in ground.expected.networks) and not any(
        has(kernel, part) for part in ("xt_bpf", "xt_u32")
    ):
        told = f"neither xt_bpf nor xt_u32 in kernel {release}: encrypted networks need one (moby#43382)"
        return warn("kernel", told, "install the kernel's extra modules, or do not encrypt", kernel.node)
    engine = ground.engine(kernel.node)
    if not at_least(engine, _OWN_BRIDGE_RULES) and not has(kernel, "br_netfilter"):
        told = "no br_netfilter: rules do not see what passes between containers of one bridge"
        return warn("kernel", told, "modprobe br_netfilter, and name it in /etc/modules", kernel.node)
    return ok("kernel", f"{listed(found, len(found))} work", kernel.node)


def firewall(ground: Ground) -> list[Line]:
    """Whether the engine's rules stand in one kind of iptables' tables; nftables of its own have no swarm."""
    return each("firewall", ground, _firewall)


def _firewall(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    node, tables = kernel.node, ground.natives.get((kernel.node, ""), ())
    told_by = {one.node: one.firewall for one in ground.asked.engines}
    own = facts.native(kernel, [one.name for one in tables])
    if own or told_by.get(node, "").startswith("nftables"):
        told = f"{own or 'its firewall backend is nftables'}: such an engine has no swarm (moby#50467)"
        return stop("firewall", told, 'set "firewall-backend": "iptables" in daemon.json', node)
    holding = [rules for rules in read(host) if engines(host, rules)]
    if len(holding) > 1:
        told = "docker's rules stand in both " + " and ".join(rules.backend for rules in holding) + " tables"
        return stop("firewall", told, CATALOGUE["split-brain-tables"].remedy, node)
    dark = [f"{rules.backend}: {rules.unread}" for rules in host.rules if rules.unread]
    dark = dark or ([why] if (why := host.why("rules")) else [])
    if dark:
        told = f"its rules could not be read ({listed(dark)})"
        return unknown("firewall", told, "take an image for the jobs with both iptables tools", node)
    if not holding:
        told = "no rule of docker's: published ports cannot work"
        return stop("firewall", told, 'take "iptables": false out of daemon.json, restart dockerd', node)
    return _foreign(node, holding[0].backend, tables)


def _foreign(node: str, backend: Backend, tables: Sequence[Native]) -> Line:
    """Whether somebody else's tables stand beside the engine's."""
    foreign = [one.name for one in tables if not one.engines]
    if any("firewalld" in one for one in foreign):
        told = "firewalld runs: a reload may flush docker's rules (moby#50443)"
        return warn("firewall", told, "restart dockerd after each reload, or do without firewalld", node)
    if foreign:
        told = f"tables of nf_tables besides, which are not docker's: {listed(foreign)}"
        return warn("firewall", told, "nft list ruleset shows whether they drop the mesh's packets", node)
    return ok("firewall", f"docker's rules are in {backend} tables", node)
