"""The marks that lead to a service, and the VIPs that a load balancer carries."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from harness.mesh import places
from harness.mesh.expected import Pool
from harness.mesh.findings import Notes, listed
from harness.mesh.join import Joined, Marks, key
from harness.mesh.kernel import Namespace, Rule
from harness.mesh.places import Scene
from harness.model import Network


def audit(
    space: Namespace,
    network: Network,
    found: tuple[Joined, ...],
    required: list[Pool],
    scene: Scene,
    notes: Notes,
    marks: Marks,
) -> None:
    """Hold the MARK rules of a load balancer against what its services publish, both ways."""
    owners = {one.mark: one.pool.service for one in found if one.service is not None and one.mark is not None}
    wanted = {pool.vip for pool in required}
    for one in found:
        if one.pool.vip in wanted and one.service is not None:
            for what, rules, wish, name in _wishes(one.pool, marks):
                notes.count("marks")
                _check(space, one, owners, notes, (what, rules, wish, name))
    if network.id not in scene.expected.leaving:
        _stale(space, network, found, scene, notes, marks)


def _wishes(pool: Pool, marks: Marks) -> Iterator[tuple[str, tuple[Rule, ...], str, str]]:
    """What is marked, with which rules, how the right rule reads, and what its absence is called."""
    for port in pool.ports:
        rules = marks.ports.get(key(port), ())
        wish = f"-A PREROUTING -p {port.protocol} --dport {port.published} -j MARK"
        yield f"{port.published}/{port.protocol}", rules, wish, "missing-mark"
    yield pool.vip, marks.vips.get(pool.vip, ()), f"-A INPUT -d {pool.vip}/32 -j MARK", "missing-vip-mark"


def _check(
    space: Namespace,
    one: Joined,
    owners: dict[int, str],
    notes: Notes,
    wanted: tuple[str, tuple[Rule, ...], str, str],
) -> None:
    what, rules, wish, missing = wanted
    values = [rule.mark for rule in rules]
    name, seen = "", "; ".join(rule.text for rule in rules)
    if not rules:
        name, seen = missing, "no such rule"
    elif len(set(values)) > 1:
        name = "conflicting-marks"
    elif values[-1] != one.mark:
        leads = values[-1] is not None and any(row.mark == values[-1] for row in space.ipvs)
        name = "wrong-mark" if leads else "mark-without-service"
        owner = owners.get(values[-1] or 0, "")
        seen += f", the mark of {owner}" if owner else ""
    if name:
        notes.find(
            name,
            space,
            service=one.pool.service,
            address=one.pool.vip if what == one.pool.vip else "",
            expected=f"{wish} --set-mark {one.mark:#x}",
            seen=seen,
            command=f"iptables -t mangle -S {'INPUT' if what == one.pool.vip else 'PREROUTING'}",
        )


def _stale(
    space: Namespace, network: Network, found: tuple[Joined, ...], scene: Scene, notes: Notes, marks: Marks
) -> None:
    """Marks of ports and VIPs that nobody has; one that leads to a stale IPVS service is told with that."""
    expected = scene.expected
    owned = {one.mark for one in found}
    loose = {row.mark for row in space.ipvs} - owned
    ports = [(rules, "") for where, rules in marks.ports.items() if where not in expected.ports]
    vips = [(rules, vip) for vip, rules in marks.vips.items() if (network.id, vip) not in expected.vips]
    for rules, vip in ports + vips:
        if rules[-1].mark not in loose:
            notes.find(
                "stale-mark",
                space,
                address=vip,
                expected="no such rule: no service has it",
                seen=rules[-1].text,
                command=f"iptables -t mangle -S {rules[-1].chain}",
            )


def aliases(
    space: Namespace,
    network: Network,
    required: list[Pool],
    scene: Scene,
    notes: Notes,
    told: Collection[str],
) -> None:
    """Hold the VIPs that a load balancer carries against those of the network's services, both ways.

    ``told``: VIPs whose mark leads to an IPVS service that is nobody's, which is told with that.
    """
    carried = places.aliases(space)
    for pool in required:
        notes.count("vips")
        if pool.vip not in carried:
            notes.find(
                "missing-vip-alias",
                space,
                service=pool.service,
                address=pool.vip,
                expected=f"{pool.vip}/32 on the overlay device",
                seen=listed(sorted(carried)),
                command="ip -4 addr show",
            )
    if network.id in scene.expected.leaving:
        return
    for address in sorted(carried):
        live = scene.expected.at[network.id].get(address)
        known = (network.id, address) in scene.expected.vips or live is not None or address in told
        if not known:
            notes.find(
                "stale-vip-alias",
                space,
                address=address,
                expected="no such address: no service has this VIP",
                seen=f"{address}/32",
                command="ip -4 addr show",
            )
