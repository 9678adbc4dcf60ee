"""The packet's way to a service through one node, step by step, as a person follows it by hand.

From outside: DNAT -> docker_gwbridge -> ingress_sbox: MARK -> IPVS -> overlay -> the task's REDIRECT. From a
task: the VIP -> the network's lb_...: MARK -> IPVS -> overlay. What is wrong is what the audit found; a step
says what was seen in either case, and the command that shows it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from harness.mesh import places
from harness.mesh.audit_ports import INGRESS
from harness.mesh.expected import Pool
from harness.mesh.findings import Audit, listed, typed
from harness.mesh.findings import title as title_of
from harness.mesh.join import join, key, marks_of
from harness.mesh.kernel import Kernel, Kind, MarkService, Namespace, Rule
from harness.mesh.places import Scene
from harness.mesh.tables import read

_ENTRY = frozenset(
    {
        "flushed-rules",
        "split-brain-tables",
        "service-not-programmed",
        "missing-ingress-jump",
        "missing-dnat",
        "duplicate-dnat",
        "wrong-dnat-target",
        "shadowed-dnat",
    }
)
_PASSES = frozenset(
    {"missing-ingress-accept", "ingress-forward-blocked", "split-brain-tables", "flushed-rules"}
)
_BRIDGE = frozenset(
    {
        "docker-gwbridge-down",
        "missing-masquerade",
        "route-localnet-off",
        "ip-forward-off",
        "missing-ingress-sandbox",
        "sandbox-device-down",
    }
)
_MARK = frozenset(
    {
        "missing-mark",
        "conflicting-marks",
        "wrong-mark",
        "mark-without-service",
        "missing-vip-mark",
        "missing-vip-alias",
        "missing-lb-sandbox",
        "service-not-programmed",
    }
)
_SOURCE = frozenset({"missing-snat", "ipvs-conntrack-off", "ip-forward-off", "sandbox-device-down"})


@dataclasses.dataclass(frozen=True)
class Step:
    """A step of a packet's way on a node.

    Attributes:
        way: what the packet asked for: ``8080/tcp`` or a VIP.
        title: what happens to the packet there.
        place: the namespace, ``host`` for the node's own network.
        seen: what the kernel holds.
        ok: None where it could not be told.
        trouble: what had to be there, of a step that is not ok.
    """

    way: str
    title: str
    place: str
    seen: str
    ok: bool | None
    command: str
    trouble: str = ""


def walk(service: str, node: str, scene: Scene, audit: Audit) -> tuple[Step, ...]:
    """The ways to a service through a node: one for each published port, one for each VIP.

    Args:
        service: its name; one that has neither ports nor VIPs has no way.
        node: hostname.
        scene: what must be there, and the kernels.
        audit: of the same kernels.
    """
    kernel = scene.kernels.get(node)
    if kernel is None:
        return ()
    guide = _Guide(service, kernel, scene, audit)
    steps: list[Step] = []
    for pool in (one for one in scene.expected.pools if one.service == service):
        if pool.network.ingress:
            steps += guide.published(pool)
        elif scene.expected.extended(node, pool.network) or places.balancer(kernel, pool.network):
            steps += guide.balanced(pool, pool.vip)
    return tuple(steps)


class _Guide:
    """Leads through one node's kernel."""

    def __init__(self, service: str, kernel: Kernel, scene: Scene, audit: Audit) -> None:
        self._service, self._kernel, self._scene, self._audit = service, kernel, scene, audit

    def published(self, pool: Pool) -> Iterator[Step]:
        host, sandbox = self._kernel.the(Kind.HOST), self._kernel.the(Kind.INGRESS)
        for port in pool.ports:
            way = f"{port.published}/{port.protocol}"
            rules = read(host) if host else ()
            found = [rule for one in rules for rule in one.chain("nat", INGRESS)]
            dnat = [rule for rule in found if (rule.dport, rule.protocol) == key(port)]
            yield self._step(
                way, "DNAT to ingress_sbox", host, _texts(dnat), _ENTRY, f"iptables -nvL {INGRESS} -t nat"
            )
            passing = [
                rule
                for one in rules
                for rule in one.chain("filter", INGRESS)
                if port.published in {rule.dport, rule.sport} and rule.protocol == port.protocol
            ]
            yield self._step(
                way, "let through FORWARD", host, _texts(passing), _PASSES, "iptables -nvL FORWARD"
            )
            bridge = places.gateway(host) if host else None
            target = places.behind(bridge, sandbox)
            state = "up" if bridge and bridge.up else "down"
            seen = f"{places.GATEWAY} {state}, ingress_sbox at {target or '?'}"
            yield self._step(way, "over docker_gwbridge", host, seen, _BRIDGE, "ip addr show docker_gwbridge")
            yield from self.balanced(pool, way)
        yield from self._tasks(pool)

    def balanced(self, pool: Pool, way: str) -> Iterator[Step]:
        """MARK, IPVS, SNAT and the overlay, in the load balancer's namespace."""
        space = places.balancer(self._kernel, pool.network)
        rules = read(space)[0] if space and read(space) else None
        marks = marks_of(rules) if rules else None
        by_port = {f"{where[0]}/{where[1]}": found for where, found in marks.ports.items()} if marks else {}
        marked = by_port.get(way, marks.vips.get(way, ()) if marks else ())
        chain = "PREROUTING" if "/" in way else "INPUT"
        yield self._step(
            way,
            "MARK",
            space,
            _texts(marked),
            _MARK,
            f"iptables -nvL {chain} -t mangle",
            absent=_absent(pool),
        )
        pools = self._scene.expected.on[pool.network.id]
        joined = join(space, marks, pools) if space and marks else ()
        own = next((one.service for one in joined if one.pool.vip == pool.vip), None)
        command = f"ipvsadm -ln -f {own.mark}" if own else "ipvsadm -ln"
        yield self._step(way, "IPVS", space, _servers(own), None, command, absent=_absent(pool))
        snat = [rule for rule in (rules.chain("nat", "POSTROUTING") if rules else ()) if rule.ipvs]
        yield self._step(
            way,
            "SNAT",
            space,
            _texts(snat),
            _SOURCE,
            "iptables -nvL POSTROUTING -t nat",
            absent=_absent(pool),
        )
        yield self._overlay(way, pool)

    def _overlay(self, way: str, pool: Pool) -> Step:
        space = places.overlay(self._kernel, pool.network)
        rows = {row.mac: row for row in space.forwarding if row.remote} if space else {}
        remote = [one for one in pool.must.values() if one.node != self._kernel.node]
        seen = listed(
            f"{one.address} dst {rows[mac].remote}" if mac in rows else f"{one.address} has no entry"
            for one in remote
            for mac in (places.mac_of(one.address),)
        )
        return self._step(
            way,
            "overlay to the other nodes",
            space,
            seen if remote else "all replicas are here",
            None,
            "bridge fdb show dev vxlan0",
            absent=f"1-{pool.network.id[:10]}",
        )

    def _tasks(self, pool: Pool) -> Iterator[Step]:
        """The last step happens where the replicas are, so it is looked up on their nodes."""
        for one in pool.must.values():
            kernel = self._scene.kernels.get(one.node)
            found = places.sandboxes(kernel, pool.network).get(one.address) if kernel else None
            space = found[0] if found else None
            rules = space.all_of("nat", "PREROUTING") if space else ()
            wrong = [finding for finding in self._audit.findings if finding.subject.address == one.address]
            wrong = [finding for finding in wrong if space and finding.subject.namespace == space.name]
            place = space.name if space else ""
            yield Step(
                f"{one.address}",
                f"REDIRECT in {one.label}",
                place,
                _texts(rule for rule in rules if rule.target == "REDIRECT"),
                None if space is None else not wrong,
                typed(place, "iptables -nvL PREROUTING -t nat"),
                "; ".join(finding.sentence for finding in wrong),
            )

    def _step(
        self,
        way: str,
        title: str,
        space: Namespace | None,
        seen: str,
        names: frozenset[str] | None,
        command: str,
        *,
        absent: str = "ingress_sbox",
    ) -> Step:
        """A step and what the audit found of it.

        Args:
            way: as in the step, like title, seen and command.
            title: see there.
            space: the namespace; None if it is not there.
            seen: see there.
            names: of the findings that belong to it; None: all in its namespace that no other step names.
            command: without how to enter the namespace.
            absent: how findings call the namespace if it is not there.
        """
        place = absent if space is None else title_of(space)
        wrong = [
            one
            for one in self._audit.findings
            if one.subject.node == self._kernel.node
            and one.subject.namespace in {place, absent}
            and one.subject.service in {"", self._service}
            and (one.name in names if names is not None else one.name not in _MARK | _SOURCE | _BRIDGE)
        ]
        dark = [
            why for node, where, why in self._audit.unknowns if (node, where) == (self._kernel.node, place)
        ]
        ok = False if wrong else None if dark or space is None else True
        trouble = "; ".join([one.sentence for one in wrong] or dark)
        return Step(way, title, place, seen, ok, typed(place, command), trouble)


def _absent(pool: Pool) -> str:
    """How a finding names a balancer's namespace that is not there."""
    return "ingress_sbox" if pool.network.ingress else f"lb_{pool.network.id[:9]}"


def _texts(rules: Iterable[Rule]) -> str:
    return "; ".join(rule.text for rule in rules) or "no rule"


def _servers(service: MarkService | None) -> str:
    if service is None:
        return "no IPVS service"
    rows = listed((f"{row.address} weight {row.weight}" for row in service.servers), most=12)
    return f"FWM {service.mark} {service.scheduler}: {rows}"
