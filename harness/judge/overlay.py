"""Does the overlay carry packets between every two nodes, with no balancer in between?"""

from __future__ import annotations

from collections.abc import Iterable

from harness.evidence import OverlayMesh, Pair
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.ways import Cause, Way, explain
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed

_DATA_PATH = "look at the data-path port (4789/udp) in the firewalls of both nodes and between them"
_TABLES = "compare the overlay's FDB and neighbours there with the tasks' nodes (harness audit)"


@judge
def mesh_open(mesh: OverlayMesh) -> Verdict:
    """From every node every task answers at its own overlay address: ICMP, TCP, and UDP among our own.

    Args:
        mesh: one pair per node, address and protocol, and whose datagrams arrived where.
    """
    asked = [pair for pair in mesh.pairs if pair.state != "skipped"]
    if not any(pair.source != pair.target for pair in asked):
        return unknown(_nobody(mesh))
    parts, cut = _cut(mesh, asked)
    rest = [pair for pair in asked if pair.state != "open" and not cut & _ways(pair)]
    parts += _strangers(mesh, rest)
    parts += _lost(mesh, asked, [pair for pair in rest if pair.state != "foreign"])
    parts += _blind(mesh)
    good = (
        f"all {count(len(asked), 'pair')} of node and task open between "
        f"{count(len(mesh.nodes), 'node')} ({_protocols(asked)}), without a balancer in between"
    )
    return conclude(
        parts or [GOOD],
        good,
        subject=Subject(service=mesh.service, path="overlay"),
        witnesses=("inside",),
        numbers={
            "pairs": len(asked),
            "open": sum(pair.state == "open" for pair in asked),
            "cut": sorted(" -> ".join(way) for way in cut),
            "again": sum(pair.tries > 1 for pair in asked if pair.state == "open"),
            "missing": dict(mesh.missing),
        },
    )


@judge
def first_packets(mesh: OverlayMesh) -> Verdict:
    """After a silence the first packet of either side arrives and is answered.

    Args:
        mesh: of the quiet job: one exchange per ordered pair, its tries counted.
    """
    asked = [pair for pair in mesh.pairs if pair.state != "skipped"]
    if not asked or mesh.silence <= 0:
        return unknown(_nobody(mesh) if mesh.silence > 0 else "nobody was silent: nothing to show")
    if mesh.silence <= mesh.ageing:
        return unknown(
            f"a silence of {mesh.silence:g} s shows nothing: what was learned ages after {mesh.ageing:g} s"
        )
    parts, cut = _cut(mesh, asked)
    for pair in asked:
        if not cut & _ways(pair) and (pair.state != "open" or pair.tries > 1):
            parts.append(_late(mesh, pair))
    parts += _blind(mesh)
    return conclude(
        parts or [GOOD],
        f"after {mesh.silence:g} s of silence{_forgotten(mesh)} the first packet of all "
        f"{count(len(asked), 'pair')} of node and task between {count(len(mesh.nodes), 'node')} was answered",
        subject=Subject(service=mesh.service, path="overlay"),
        witnesses=("inside",),
        numbers={
            "silence": mesh.silence,
            "ageing": mesh.ageing,
            "pairs": len(asked),
            "missing": dict(mesh.missing),
        },
    )


def _forgotten(mesh: OverlayMesh) -> str:
    return f" (what was learned is forgotten after {mesh.ageing:g} s)" if mesh.ageing else ""


def _nobody(mesh: OverlayMesh) -> str:
    told = listed([f"{node}: {why}" for node, why in mesh.missing], "; ")
    return f"no pair of two nodes was asked ({told})" if told else "no pair of two nodes was asked"


def _blind(mesh: OverlayMesh) -> list[Part]:
    """Nodes that did not tell all, and pairs of which a node told nothing though it told all."""
    missing = dict(mesh.missing)
    parts = [blind(f"{node}: no whole answer ({why})") for node, why in missing.items()]
    silent = {
        pair.source: pair for pair in mesh.pairs if pair.state == "skipped" and pair.source not in missing
    }
    parts += [blind(f"{node}: {pair.address} {pair.proof}") for node, pair in silent.items()]
    met = {(pair.source, pair.target) for pair in mesh.pairs if pair.protocol == "udp"}
    apart = {way.source: way for way in mesh.ways if (way.source, way.target) not in met}
    return parts + [
        blind(f"{node}: it did not find our own task on {way.target} by its name")
        for node, way in apart.items()
        if node not in missing
    ]


def _ways(pair: Pair) -> frozenset[Way]:
    """Both ways that a question and its answer take."""
    return frozenset({(pair.source, pair.target), (pair.target, pair.source)})


def cut_ways(mesh: OverlayMesh) -> frozenset[Way]:
    """Ways on which nothing at all arrives: no datagram, and no round trip that would need it."""
    through = {
        way for pair in mesh.pairs if pair.state in {"open", "closed", "foreign"} for way in _ways(pair)
    }
    return frozenset(
        (way.source, way.target)
        for way in mesh.ways
        if not way.arrived and (way.source, way.target) not in through
    )


def _cut(mesh: OverlayMesh, asked: list[Pair]) -> tuple[list[Part], frozenset[Way]]:
    cut = cut_ways(mesh)
    judged = {(way.source, way.target) for way in mesh.ways}
    parts = []
    for cause in explain(cut, judged):
        hit = [pair for pair in asked if pair.state != "open" and cause.ways & _ways(pair)]
        name = "overlay-pair-cut" if cause.peer else "overlay-node-cut" if cause.node else "overlay-cut"
        told = f"{cause.words}: nothing arrives over {mesh.network or 'the overlay'}"
        told += f" ({count(len(hit), 'pair')} of node and task silent)" if hit else ""
        parts.append(_bad(name, cause, mesh, told, ("C1", "C8", "C9"), _DATA_PATH))
    return parts, cut


def _bad(name: str, cause: Cause, mesh: OverlayMesh, told: str, modes: tuple[str, ...], remedy: str) -> Part:
    subject = Subject(node=cause.node, service=mesh.service, path=cause.words, address=cause.peer)
    return bad(told, Finding(name, subject, told, modes, remedy))


def _strangers(mesh: OverlayMesh, rest: list[Pair]) -> list[Part]:
    """Addresses at which somebody else answered: one finding each."""
    parts = []
    for address, pairs in _by_address(pair for pair in rest if pair.state == "foreign").items():
        one = pairs[0]
        told = f"{address} of {_who(one)}: {one.proof}, seen from {listed(sorted({p.source for p in pairs}))}"
        subject = Subject(one.target, mesh.service, "overlay", one.replica, address=address)
        remedy = "look for the address twice: in the manager's tasks and in the tasks' own namespaces"
        parts.append(bad(told, Finding("foreign-answer-at-address", subject, told, ("F1", "C6"), remedy)))
    return parts


def _lost(mesh: OverlayMesh, asked: list[Pair], lost: list[Pair]) -> list[Part]:
    """What fails though the way is open: a task, a protocol between nodes, or a task seen from one node."""
    parts = []
    gone: set[str] = set()
    for address, pairs in _by_address(lost).items():
        everywhere = [pair for pair in asked if pair.address == address]
        down = {pair.protocol for pair in pairs}
        dead = all(pair.state != "open" for pair in everywhere if pair.protocol in down)
        if dead and pairs[0].replica and _known(asked, everywhere):
            gone.add(address)
            parts.append(_task_down(mesh, pairs, everywhere))
    left = [pair for pair in lost if pair.address not in gone]
    whole = _whole_protocols(asked, [pair for pair in left if pair.source != pair.target])
    for protocol, ways in whole.items():
        judged = {(p.source, p.target) for p in asked if p.protocol == protocol and p.source != p.target}
        parts += [_protocol_lost(mesh, protocol, cause) for cause in explain(ways, judged)]
    named = {(protocol, way) for protocol, ways in whole.items() for way in ways}
    left = [pair for pair in left if (pair.protocol, (pair.source, pair.target)) not in named]
    seen: dict[tuple[str, str], list[Pair]] = {}
    for pair in left:
        seen.setdefault((pair.source, pair.address), []).append(pair)
    return parts + [_hidden(mesh, pairs) for pairs in seen.values()]


def _known(asked: list[Pair], mine: list[Pair]) -> bool:
    """Whether it is known to be the task: its own node asked it too, or all asked others of its node."""
    one = mine[0]
    others = {p.source for p in asked if p.target == one.target and p.address != one.address}
    sources = {pair.source for pair in mine}
    return len(sources) > 1 and (one.target in sources or sources <= others)


def _task_down(mesh: OverlayMesh, pairs: list[Pair], everywhere: list[Pair]) -> Part:
    one = pairs[0]
    alive = sorted({pair.protocol for pair in everywhere if pair.state == "open"})
    lost = sorted({pair.protocol for pair in pairs})
    told = f"{_who(one)} at {one.address} answers no {', '.join(lost)} from any of "
    told += count(len({pair.source for pair in pairs}), "node") + (
        f", {', '.join(alive)} well" if alive else ""
    )
    subject = Subject(one.target, mesh.service, "overlay", one.replica, address=one.address)
    name = "task-silent" if alive else "task-unreachable"
    modes = ("H5", "B19") if alive else ("H5", "C7", "C13")
    remedy = f"look at the task's log and what listens in it on {one.target}"
    return bad(told, Finding(name, subject, told, modes, remedy))


def _whole_protocols(asked: list[Pair], lost: list[Pair]) -> dict[str, set[Way]]:
    """Ways on which a protocol reaches no address at all, where it reaches more than one or others do."""
    found: dict[str, set[Way]] = {}
    for pair in lost:
        way = (pair.source, pair.target)
        mine = [p for p in asked if (p.source, p.target) == way and p.protocol == pair.protocol]
        reached = {p.address for p in asked if (p.source, p.target) == way and p.state == "open"}
        if all(p.state != "open" for p in mine) and (len(mine) > 1 or pair.address in reached):
            found.setdefault(pair.protocol, set()).add(way)
    return found


def _protocol_lost(mesh: OverlayMesh, protocol: str, cause: Cause) -> Part:
    told = f"{cause.words}: no {protocol} though other protocols pass"
    tcp = protocol == "tcp"
    remedy = (
        "look at checksum offload (ethtool -K ... tx-checksum-ip-generic off) and at rules on the overlay"
        if tcp
        else f"look for a rule that drops {protocol} on the overlay; {_TABLES}"
    )
    return _bad(f"overlay-{protocol}-dead", cause, mesh, told, ("C2",) if tcp else ("C2", "A5"), remedy)


def _hidden(mesh: OverlayMesh, pairs: list[Pair]) -> Part:
    one = pairs[0]
    lost = ", ".join(sorted({pair.protocol for pair in pairs}))
    told = f"{one.source}: {_who(one)} at {one.address} gives no {lost}, though others there or elsewhere do"
    subject = Subject(one.source, mesh.service, "overlay", one.replica, address=one.address)
    remedy = f"on {one.source}, {_TABLES}"
    return bad(told, Finding("task-unreachable-from-node", subject, told, ("C5", "C6", "C7"), remedy))


def _late(mesh: OverlayMesh, pair: Pair) -> Part:
    way = f"{pair.source} -> {pair.target}"
    fate = (
        f"packet {pair.tries} was the first to be answered"
        if pair.state == "open"
        else "no packet was answered"
    )
    told = f"{way}: after {mesh.silence:g} s of silence {fate} by {_who(pair)} at {pair.address}"
    subject = Subject(pair.source, mesh.service, way, pair.replica, address=pair.address)
    remedy = f"on {pair.source} and {pair.target}, {_TABLES}: learned entries age, permanent ones must stay"
    return bad(told, Finding("lost-after-silence", subject, told, ("C5", "C7"), remedy))


def _who(pair: Pair) -> str:
    return f"task {pair.replica[:12]} on {pair.target}" if pair.replica else f"our own task on {pair.target}"


def _by_address(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.address, []).append(pair)
    return found


def _protocols(pairs: list[Pair]) -> str:
    return ", ".join(sorted({pair.protocol for pair in pairs}))


__all__ = ["first_packets", "mesh_open"]
