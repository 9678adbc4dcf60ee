"""What an engine has written for the services of a network on a node, and for which of them nothing."""

from __future__ import annotations

from harness.mesh.audit_ports import INGRESS
from harness.mesh.expected import Pool
from harness.mesh.findings import unread
from harness.mesh.join import Joined, join, key, marks_of
from harness.mesh.kernel import Kernel, Kind, Namespace, Rules
from harness.mesh.places import Scene
from harness.mesh.tables import read
from harness.model import Network


def joined(space: Namespace, rules: Rules, network: Network, scene: Scene) -> tuple[Joined, ...]:
    """The services of a network, each with its mark and IPVS service in a balancer's namespace."""
    return join(space, marks_of(rules), scene.expected.on[network.id])


def bare(kernel: Kernel, scene: Scene) -> dict[str, Pool]:
    """Published services without DNAT, marks and IPVS service on a node, by VIP (mode A11)."""
    ingress, host, sandbox = scene.expected.ingress, kernel.the(Kind.HOST), kernel.the(Kind.INGRESS)
    if ingress is None or host is None or sandbox is None:
        return {}
    outer, inner = read(host), read(sandbox)
    if unread(host, "rules") or unread(sandbox, "rules") or unread(sandbox, "ipvs") or not (outer and inner):
        return {}
    marks = marks_of(inner[0])
    balanced = {one.pool.vip for one in joined(sandbox, inner[0], ingress, scene) if one.service is not None}
    dnat = {(rule.dport, rule.protocol) for rule in outer[0].chain("nat", INGRESS) if rule.target == "DNAT"}
    return {
        pool.vip: pool
        for _, pool in scene.expected.published()
        if pool.vip not in balanced
        and not any(key(port) in dnat or key(port) in marks.ports for port in pool.ports)
    }
