"""Do large payloads pass wherever small ones do?"""

from __future__ import annotations

import dataclasses

from harness.evidence import PayloadSizes, SizeTry
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.ways import Cause, Way, explain
from harness.judge.words import GOOD, Part, bad, blind, conclude, count

_SEGMENTS = 8192  # bytes of a payload that takes several full segments on any MTU
_SMALLEST = 1000  # bytes that any Ethernet carries in one segment, also with twice the usual overhead
_FEW = 2  # lost payloads of an entry that have a cause; a single one was not tried again


@dataclasses.dataclass(frozen=True)
class _Line:
    """All payloads that took one way in one direction."""

    tries: tuple[SizeTry, ...]

    @property
    def passed(self) -> list[int]:
        return [one.size for one in self.tries if one.passed]

    @property
    def lost(self) -> list[int]:
        return [one.size for one in self.tries if not one.passed]

    @property
    def hole(self) -> bool:
        """Whether something larger is lost where something smaller passes."""
        return bool(self.lost and self.passed) and min(self.passed) < max(self.lost)

    @property
    def dead(self) -> bool:
        return bool(self.lost) and not self.passed


@judge
def sizes_pass(sizes: PayloadSizes) -> Verdict:
    """Payloads of every size arrive, up and down, over the overlay and through every entry node.

    Where not even the smallest passes, that is another promise's matter, and nothing is said of sizes.

    Args:
        sizes: growing sizes per source, target, path and direction.
    """
    overlay, ingress = _lines(sizes, "overlay"), _lines(sizes, "ingress")
    if not overlay and not ingress:
        return unknown("no payload was tried", missing=dict(sizes.missing))
    ways: dict[Way, list[_Line]] = {}
    for (source, target, direction), line in overlay.items():
        ways.setdefault((source, target) if direction == "up" else (target, source), []).append(line)
    holes = {way for way, lines in ways.items() if any(line.hole for line in lines) and len(set(way)) > 1}
    judged = {way for way, lines in ways.items() if len(set(way)) > 1 and not all(one.dead for one in lines)}
    parts = [_black_hole(sizes, cause, ways) for cause in explain(holes, judged | holes)]
    parts += [_on_node(sizes, way[0], lines) for way, lines in ways.items() if len(set(way)) == 1]
    parts += [_unsaid(way, lines) for way, lines in ways.items()]
    dead = {way for way, lines in ways.items() if any(line.dead for line in lines)}
    touched = {node for way in holes | dead for node in way}
    entries: dict[str, list[_Line]] = {}
    for (entry, *_), line in ingress.items():
        entries.setdefault(entry, []).append(line)
    parts += [_entry(sizes, entry, lines, entry in touched) for entry, lines in entries.items()]
    parts += (
        [] if any(len(set(way)) > 1 for way in ways) else [blind("no two nodes were asked over the overlay")]
    )
    parts += [blind(f"{node}: no whole answer ({why})") for node, why in sizes.missing]
    lost = sum(not one.passed for one in sizes.tries)
    largest = max((one.size for one in sizes.tries if one.passed), default=0)
    return conclude(
        parts or [GOOD],
        f"{'all' if not lost else f'{len(sizes.tries) - lost} of'} {count(len(sizes.tries), 'payload')} of "
        f"{_size(min(o.size for o in sizes.tries))} to "
        f"{_size(largest)} arrived, up and down, on {count(len(ways), 'way')} over the overlay and through "
        f"{count(len({key[0] for key in ingress}), 'entry node')}",
        subject=Subject(service=sizes.service),
        witnesses=("inside", "outside") if ingress else ("inside",),
        numbers={
            "payloads": len(sizes.tries),
            "lost": lost,
            "again": sum(one.passed and one.tries > 1 for one in sizes.tries),
            "holes": {" -> ".join(way): _edge(ways[way]) for way in sorted(holes)},
            "slowest": max((one.seconds for one in sizes.tries if one.passed), default=0.0),
            "missing": dict(sizes.missing),
        },
    )


def _lines(sizes: PayloadSizes, path: str) -> dict[tuple[str, str, str], _Line]:
    found: dict[tuple[str, str, str], list[SizeTry]] = {}
    for one in sizes.tries:
        if one.path == path:
            found.setdefault((one.source, one.target, one.direction), []).append(one)
    return {key: _Line(tuple(tries)) for key, tries in found.items()}


def _edge(lines: list[_Line]) -> list[int]:
    """The largest size that passed on a way below the smallest that did not, and that one."""
    least = min((size for line in lines if line.hole for size in line.lost), default=0)
    return [max((size for line in lines for size in line.passed if size < least), default=0), least]


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} B"


def _black_hole(sizes: PayloadSizes, cause: Cause, ways: dict[Way, list[_Line]]) -> Part:
    edges = [_edge(ways[way]) for way in cause.ways]
    most, least = min(edge[0] for edge in edges), min(edge[1] for edge in edges)
    told = f"{cause.words}: payloads of up to {_size(most)} pass, of {_size(least)} hang"
    subject = Subject(cause.node, sizes.service, cause.words, address=cause.peer)
    if least > _SEGMENTS:
        remedy = "look at packet loss, conntrack (INVALID) and the interfaces' queues on this way"
        return bad(told, Finding("bulk-transfer-lost", subject, told, ("B16", "C14"), remedy))
    modes = ("C4", "C3") if least <= _SMALLEST else ("C3", "C4")
    remedy = (
        f"compare the MTU of the overlay (1450 unless set) plus 50 bytes with what the network "
        f"{'to ' + cause.node if cause.node else 'between the nodes'} carries in one packet "
        "(ping -M do -s 1472), and look for rules on 4789/udp that match a length"
    )
    return bad(told, Finding("mtu-black-hole", subject, told, modes, remedy))


def _on_node(sizes: PayloadSizes, node: str, lines: list[_Line]) -> Part:
    """From a task to one on the same node there is no data path: what is lost is lost on the node."""
    if not any(line.hole for line in lines):
        return GOOD
    most, least = _edge(lines)
    told = f"{node}: between its own tasks payloads of up to {_size(most)} pass, of {_size(least)} do not"
    remedy = f"on {node}, compare the MTU of the overlay's bridge with that of the tasks' interfaces"
    return bad(
        told, Finding("payload-lost-on-node", Subject(node, sizes.service), told, ("C3", "H5"), remedy)
    )


def _unsaid(way: Way, lines: list[_Line]) -> Part:
    if all(line.dead for line in lines):
        return blind(f"{' -> '.join(way)}: not even the smallest payload passed")
    return GOOD


def _entry(sizes: PayloadSizes, entry: str, lines: list[_Line], touched: bool) -> Part:
    """An entry's payloads; the balancer may have sent them over a way that is known to be bad."""
    lost = [one for line in lines for one in line.tries if not one.passed]
    tried = sum(len(line.tries) for line in lines)
    if lost and len(lost) == tried:
        return blind(f"{entry}: not even the smallest payload passed through its port")
    if len(lost) < _FEW or touched:
        return GOOD
    least = min(one.size for one in lost)
    if least < _SMALLEST:
        return blind(f"{entry}: {len(lost)} of {count(tried, 'payload')} lost through its port, of any size")
    wards = " and ".join(f"{way}wards" for way in sorted({one.direction for one in lost}))
    told = (
        f"{entry}: {len(lost)} of {count(tried, 'payload')} through its port lost {wards}, from "
        f"{_size(least)} on, though the overlay carries them"
    )
    subject = Subject(entry, sizes.service, "ingress")
    remedy = (
        f"on {entry}, compare the MTUs of the interface, docker_gwbridge and the ingress network, and look "
        "whether ICMP 'fragmentation needed' is dropped"
    )
    return bad(told, Finding("mtu-black-hole-at-entry", subject, told, ("C3", "B16"), remedy))


__all__ = ["sizes_pass"]
