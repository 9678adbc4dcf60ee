"""The rules of DOCKER-INGRESS for every published port, both ways."""

from __future__ import annotations

import dataclasses

from harness.mesh.expected import Pool
from harness.mesh.findings import Notes
from harness.mesh.join import PortKey, key
from harness.mesh.kernel import Device, Namespace, Rule, Rules
from harness.mesh.packets import Fate, Packet, walk
from harness.mesh.places import Scene
from harness.model import Port

INGRESS = "DOCKER-INGRESS"


@dataclasses.dataclass(frozen=True)
class HostEntry:
    """What the host's rules have to do on a node.

    Attributes:
        rules: those of the engine; ``target``: the address of ingress_sbox behind the bridge, or empty.
        ports: every published port with its service, without services of which the node has nothing.
        engine: version of the node's engine.
    """

    space: Namespace
    rules: Rules
    bridge: Device
    target: str
    ports: tuple[tuple[Port, Pool], ...]
    engine: str = ""


def audit(entry: HostEntry, scene: Scene, notes: Notes) -> None:
    """Hold DNAT and ACCEPT rules against the published ports."""
    dnat = _dnat(entry)
    for port, pool in entry.ports:
        notes.count("ports")
        _translation(entry, port, pool.service, dnat.get(key(port), []), scene, notes)
        _acceptance(entry, port, pool.service, notes)
    stale(entry, scene, notes)


def accepts(entry: HostEntry, port: Port) -> tuple[bool, bool]:
    """Whether DOCKER-INGRESS accepts requests to a port, and answers from it."""
    rules = [
        rule
        for rule in entry.rules.chain("filter", INGRESS)
        if rule.target == "ACCEPT" and rule.protocol == port.protocol
    ]
    return (
        any(rule.dport == port.published for rule in rules),
        any(rule.sport == port.published for rule in rules),
    )


def stale(entry: HostEntry, scene: Scene, notes: Notes) -> None:
    """Rules for ports that no service publishes; an ACCEPT rule is told only where its DNAT is gone."""
    if scene.expected.ingress is None or scene.expected.ingress.id in scene.expected.leaving:
        return
    nat = {port: rules for port, rules in _dnat(entry).items() if port not in scene.expected.ports}
    for (port, protocol), rules in nat.items():
        notes.find(
            "stale-dnat",
            entry.space,
            expected=f"no DNAT rule for {port}/{protocol}: no service publishes it",
            seen="; ".join(rule.text for rule in rules),
            command=f"iptables -t nat -S {INGRESS}",
        )
    left: dict[PortKey, list[Rule]] = {}
    for rule in entry.rules.chain("filter", INGRESS):
        number = rule.dport if rule.dport is not None else rule.sport
        if rule.target == "ACCEPT" and number is not None:
            left.setdefault((number, rule.protocol), []).append(rule)
    for (port, protocol), rules in left.items():
        if (port, protocol) not in scene.expected.ports and (port, protocol) not in nat:
            notes.find(
                "stale-ingress-accept",
                entry.space,
                expected=f"no ACCEPT rule for {port}/{protocol}: no service publishes it",
                seen="; ".join(rule.text for rule in rules),
                command=f"iptables -S {INGRESS}",
            )


def _dnat(entry: HostEntry) -> dict[PortKey, list[Rule]]:
    found: dict[PortKey, list[Rule]] = {}
    for rule in entry.rules.chain("nat", INGRESS):
        if rule.target == "DNAT" and rule.dport is not None:
            found.setdefault((rule.dport, rule.protocol), []).append(rule)
    return found


def _translation(
    entry: HostEntry, port: Port, service: str, rules: list[Rule], scene: Scene, notes: Notes
) -> None:
    target = f"{entry.target}:{port.published}"
    wish = f"-A {INGRESS} -p {port.protocol} --dport {port.published} -j DNAT --to-destination {target}"
    command = f"iptables -t nat -S {INGRESS}"
    seen = "; ".join(rule.text for rule in rules) or "no such rule"
    if not rules:
        name = "missing-dnat"
    elif entry.target and any(rule.to != target for rule in rules):
        name = "wrong-dnat-target"
    elif len(rules) > 1:
        name = "duplicate-dnat"
    else:
        _shadow(entry, port, service, rules[0], scene, notes)
        return
    wrong = next((rule.to.partition(":")[0] for rule in rules if rule.to != target), "")
    address = wrong if name == "wrong-dnat-target" else ""
    notes.find(name, entry.space, service=service, address=address, expected=wish, seen=seen, command=command)


def _shadow(entry: HostEntry, port: Port, service: str, right: Rule, scene: Scene, notes: Notes) -> None:
    """A rule before the engine's that takes requests from elsewhere to this port."""
    own = scene.data.get(notes.node, "")
    client = next(iter(scene.peers(notes.node).values()), "")
    if not own or not any(rule.target == INGRESS for rule in entry.rules.chain("nat", "PREROUTING")):
        return
    packet = Packet(port.protocol, client, own, port.published, local=True)
    ended = walk(entry.rules, "nat", "PREROUTING", packet)
    if ended.fate is Fate.PASS and ended.rule is not None and ended.rule is not right:
        notes.find(
            "shadowed-dnat",
            entry.space,
            service=service,
            expected=right.text,
            seen=f"{ended.culprit} before it",
            command="iptables -t nat -S PREROUTING",
        )


def _acceptance(entry: HostEntry, port: Port, service: str, notes: Notes) -> None:
    inward, outward = accepts(entry, port)
    wishes = []
    if not inward:
        wishes.append(f"-A {INGRESS} -p {port.protocol} --dport {port.published} -j ACCEPT")
    if not outward:
        wishes.append(
            f"-A {INGRESS} -p {port.protocol} --sport {port.published} "
            "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        )
    if wishes:
        notes.find(
            "missing-ingress-accept",
            entry.space,
            service=service,
            expected="; ".join(wishes),
            seen="no such rule",
            command=f"iptables -S {INGRESS}",
        )
