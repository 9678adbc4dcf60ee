"""Does the overlay carry packets between every two nodes, with no balancer in between?"""

from __future__ import annotations

from harness.evidence import OverlayMesh, Pair
from harness.judge.failing import TABLES, blame, failing, strangers, ways_of, who
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.ways import Way, explain
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed

_DATA_PATH = "look at the data-path port (4789/udp) in the firewalls of both nodes and between them"


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
    rest = [pair for pair in asked if pair.state != "open" and not cut & ways_of(pair)]
    parts += strangers(mesh, rest)
    parts += failing(mesh, asked, [pair for pair in rest if pair.state != "foreign"])
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
        if not cut & ways_of(pair) and (pair.state != "open" or pair.tries > 1):
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


def cut_ways(mesh: OverlayMesh) -> frozenset[Way]:
    """Ways on which nothing at all arrives: no datagram, and no round trip that would need it."""
    through = {
        way for pair in mesh.pairs if pair.state in {"open", "closed", "foreign"} for way in ways_of(pair)
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
        hit = [pair for pair in asked if pair.state != "open" and cause.ways & ways_of(pair)]
        name = "overlay-pair-cut" if cause.peer else "overlay-node-cut" if cause.node else "overlay-cut"
        told = f"{cause.words}: nothing arrives over {mesh.network or 'the overlay'}"
        told += f" ({count(len(hit), 'pair')} of node and task silent)" if hit else ""
        parts.append(blame(name, cause, mesh, told, ("C1", "C8", "C9"), _DATA_PATH))
    return parts, cut


def _late(mesh: OverlayMesh, pair: Pair) -> Part:
    way = f"{pair.source} -> {pair.target}"
    fate = (
        f"packet {pair.tries} was the first to be answered"
        if pair.state == "open"
        else "no packet was answered"
    )
    told = f"{way}: after {mesh.silence:g} s of silence {fate} by {who(pair)} at {pair.address}"
    subject = Subject(pair.source, mesh.service, way, pair.replica, address=pair.address)
    remedy = f"on {pair.source} and {pair.target}, {TABLES}: learned entries age, permanent ones must stay"
    return bad(told, Finding("lost-after-silence", subject, told, ("C5", "C7"), remedy))


def _protocols(pairs: list[Pair]) -> str:
    return ", ".join(sorted({pair.protocol for pair in pairs}))


__all__ = ["first_packets", "mesh_open"]
