"""What the rules of a node drop: published traffic on its way to the sandbox, and the swarm's own ports."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from harness.mesh import places
from harness.mesh.audit_ports import INGRESS, HostEntry, accepts
from harness.mesh.findings import Notes, listed
from harness.mesh.kernel import Kernel, Namespace, Rule, Rules
from harness.mesh.matches import mentions
from harness.mesh.packets import Fate, Packet, Passage, met, walk
from harness.mesh.places import Scene
from harness.mesh.tables import engines, read
from harness.model import Port, Role

GOSSIP, CONTROL = 7946, 2377
_LENGTHS = (100, 600, 900, 1200, 1400, 1500)  # bytes: a rule may drop only packets of some size
_WAYS = {
    "ARRIVAL": (("raw", "PREROUTING"), ("mangle", "PREROUTING")),
    "INPUT": (("raw", "PREROUTING"), ("mangle", "PREROUTING"), ("mangle", "INPUT"), ("filter", "INPUT")),
    "OUTPUT": (("raw", "OUTPUT"), ("mangle", "OUTPUT"), ("filter", "OUTPUT"), ("mangle", "POSTROUTING")),
    "FORWARD": (("mangle", "FORWARD"), ("filter", "FORWARD"), ("mangle", "POSTROUTING")),
}
_NAMES = {
    "data path": "data-path-blocked",
    "encrypted data path": "encrypted-path-blocked",
    "gossip": "gossip-blocked",
    "control": "control-blocked",
}


@dataclasses.dataclass
class _Block:
    """What one rule or policy drops; ``alien``: it stands in the tables that are not the engine's."""

    culprit: str
    way: str
    alien: bool
    peers: set[str] = dataclasses.field(default_factory=set)
    whats: set[str] = dataclasses.field(default_factory=set)
    shortest: int = _LENGTHS[-1]

    @property
    def name(self) -> str:
        """The finding that it amounts to."""
        if self.alien:
            return "split-brain-tables"
        return _NAMES[min(self.whats)] if len(self.whats) == 1 else "peer-blocked"

    def __str__(self) -> str:
        sizes = f" (packets of {self.shortest} bytes or more)" if self.shortest > _LENGTHS[0] else ""
        return f"{self.culprit}{sizes}"


def swarm_ports(kernel: Kernel, host: Namespace, scene: Scene, notes: Notes) -> None:
    """Send packets of data path, gossip and control between the node and each peer through its rules."""
    if ":" in scene.data.get(kernel.node, ""):
        notes.unknown(host, "its address is IPv6, and the rules of ip6tables are not read")
        return
    blocks: dict[tuple[str, str, bool], _Block] = {}
    tried: dict[tuple[str, str], set[str]] = {}
    for rules in read(host):
        alien = _alien(host, rules)
        for peer, what, way, packet in _swarm_packets(kernel, host, scene):
            notes.count("passages")
            tried.setdefault((what, way), set()).add(peer)
            ended = pass_through(rules, way, packet)
            if ended.fate is Fate.UNSURE:
                notes.unknown(
                    host, f"{what} ({packet.dport}/{packet.protocol}) may be dropped: {ended.culprit}"
                )
            if ended.fate is Fate.DROP:
                block = blocks.setdefault((ended.culprit, way, alien), _Block(ended.culprit, way, alien))
                block.peers.add(peer)
                block.whats.add(what)
                block.shortest = min(block.shortest, packet.length)
    peers = scene.peers(kernel.node)
    for name in sorted({block.name for block in blocks.values()}):
        found = [block for block in blocks.values() if block.name == name]
        hit = sorted(set().union(*(block.peers for block in found)))
        whats = sorted(set().union(*(block.whats for block in found)))
        meant = max(len(tried[what, block.way]) for block in found for what in block.whats)
        notes.find(
            name,
            host,
            address=peers[hit[0]] if len(hit) == 1 < meant else "",
            expected=f"{listed(whats)} passes between {kernel.node} and {listed(hit)}",
            seen="dropped by " + listed(str(block) for block in found),
            command=f"iptables -vnL {found[0].way}",
        )


def published(kernel: Kernel, entry: HostEntry, scene: Scene, notes: Notes) -> None:
    """Send a request to every published port, and its answer, through the rules between host and sandbox."""
    blocked: dict[tuple[str, str, str, str], list[str]] = {}
    untracked: dict[tuple[str, str], list[str]] = {}
    for port, pool in entry.ports:
        if not all(accepts(entry, port)) or not _jumps(entry):
            continue  # told: what else drops it does not matter
        label = f"{port.published}/{port.protocol}"
        for rules in read(entry.space):
            arrival = _arrival(kernel, entry, scene, port)
            for rule in _untracking(rules, arrival):
                known = untracked.setdefault(
                    (rule.text, pool.service if port.published == rule.dport else ""), []
                )
                known.extend([] if label in known else [label])
            passing = [("FORWARD", one) for one in _published_packets(kernel, entry, scene, port)]
            for way, packet in [("ARRIVAL", arrival), *passing]:
                notes.count("passages")
                ended = pass_through(rules, way, packet)
                if ended.fate is Fate.UNSURE:
                    notes.unknown(entry.space, f"{label} may be dropped: {ended.culprit}")
                if ended.fate is Fate.DROP:
                    name = "split-brain-tables" if _alien(entry.space, rules) else "ingress-forward-blocked"
                    service = pool.service if _names_port(ended, port.published) else ""
                    known = blocked.setdefault((name, ended.culprit, service, way), [])
                    known.extend([] if label in known else [label])
    for (name, culprit, service, way), labels in blocked.items():
        early = way == "ARRIVAL"
        notes.find(
            name,
            entry.space,
            service=service,
            expected=f"{listed(labels)} is let in, to be translated"
            if early
            else f"{listed(labels)} passes from the host to {entry.target or 'ingress_sbox'} and back",
            seen=f"dropped by {culprit}",
            command=" ; ".join(f"iptables -t {table} -vnL {chain}" for table, chain in _WAYS[way])
            if early
            else "iptables -vnL FORWARD",
        )
    for (culprit, service), labels in untracked.items():
        notes.find(
            "published-port-untracked",
            entry.space,
            service=service,
            expected=f"every packet to {listed(labels)} is tracked, and so translated",
            seen=f"not by {culprit}",
            command="iptables -t raw -vnL PREROUTING",
        )


def _untracking(rules: Rules, packet: Packet) -> Iterator[Rule]:
    """Rules that leave a packet out of connection tracking, or may: those that name its port."""
    for rule, surely in met(rules, "raw", "PREROUTING", packet):
        named = rule.dport == packet.dport or mentions(rule.others, packet.dport)
        untracks = rule.target == "NOTRACK" or (rule.target == "CT" and "--notrack" in rule.text)
        if untracks and (surely or named):
            yield rule


def pass_through(rules: Rules, way: str, packet: Packet) -> Passage:
    """Send a packet through all tables on its way; the first that drops it, or is unsure, ends it."""
    ended = Passage(Fate.PASS)
    for table, chain in _WAYS[way]:
        ended = walk(rules, table, chain, packet)
        if ended.fate is not Fate.PASS:
            return ended
    return ended


def _swarm_packets(kernel: Kernel, host: Namespace, scene: Scene) -> Iterator[tuple[str, str, str, Packet]]:
    """Peer, what it is, its way, the packet."""
    own = scene.data.get(kernel.node, "")
    device = places.underlay(host, own)
    link = device.name if device else ""
    managers = {node.hostname for node in scene.expected.nodes if node.role is Role.MANAGER}
    encrypted = any(
        one.encrypted and scene.expected.extended(kernel.node, one) for one in scene.expected.networks
    )
    for peer, end in scene.peers(kernel.node).items():
        wishes = [("data path", "udp", scene.expected.data_port, length) for length in _LENGTHS]
        wishes += [("encrypted data path", "esp", 0, _LENGTHS[0])] if encrypted else []
        wishes += [("gossip", protocol, GOSSIP, _LENGTHS[0]) for protocol in ("tcp", "udp")]
        for what, protocol, port, length in wishes:
            yield (
                peer,
                what,
                "INPUT",
                Packet(protocol, end, own, port, in_interface=link, local=True, length=length),
            )
            yield (
                peer,
                what,
                "OUTPUT",
                Packet(protocol, own, end, port, out_interface=link, own=True, length=length),
            )
        if kernel.node in managers:
            yield peer, "control", "INPUT", Packet("tcp", end, own, CONTROL, in_interface=link, local=True)
        if peer in managers:
            yield peer, "control", "OUTPUT", Packet("tcp", own, end, CONTROL, out_interface=link, own=True)


def _arrival(kernel: Kernel, entry: HostEntry, scene: Scene, port: Port) -> Packet:
    """A request of a peer's (a firewall that admits nodes only is no fault), as it reaches the node."""
    client, link = _client(kernel, entry, scene)
    own = scene.data.get(kernel.node, "")
    return Packet(port.protocol, client, own, port.published, in_interface=link, local=True)


def _published_packets(kernel: Kernel, entry: HostEntry, scene: Scene, port: Port) -> Iterator[Packet]:
    """That request once its destination was translated, and the answer to it."""
    client, link = _client(kernel, entry, scene)
    inner, asked = entry.bridge.name, port.published
    yield Packet(
        port.protocol, client, entry.target, asked, in_interface=link, out_interface=inner, asked_port=asked
    )
    yield Packet(
        port.protocol,
        entry.target,
        client,
        40000,
        sport=asked,
        in_interface=inner,
        out_interface=link,
        state="ESTABLISHED",
        asked_port=asked,
    )


def _client(kernel: Kernel, entry: HostEntry, scene: Scene) -> tuple[str, str]:
    """A peer's address, and the device that its packets come through."""
    clients = [peer for peer in scene.peers(kernel.node).values() if ":" not in peer]
    device = places.underlay(entry.space, scene.data.get(kernel.node, ""))
    return clients[0] if clients else "203.0.113.1", device.name if device else ""


def _jumps(entry: HostEntry) -> bool:
    return any(
        rule.target == INGRESS
        for chain in ("FORWARD", "DOCKER-FORWARD")
        for rule in entry.rules.chain("filter", chain)
    )


def _names_port(ended: Passage, port: int) -> bool:
    rule = ended.rule
    return rule is not None and (port in {rule.dport, rule.sport} or mentions(rule.others, port))


def _alien(host: Namespace, rules: Rules) -> bool:
    """Whether these are not the engine's tables, and others are."""
    return not engines(host, rules) and engines(host, read(host)[0])
