"""An encrypted overlay network on the wire: ESP leaves every node, and never what it carries."""

from __future__ import annotations

from harness.evidence import Capture, Frames, Sent
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed

_MARKED = (
    "iptables -t mangle -S OUTPUT on the node: is there a MARK rule for this network's VXLAN? ip xfrm policy"
)
_KEYS = "ip xfrm policy and ip xfrm state on the node: is there a policy, and keys, towards the peer?"
_PASSES = "does every firewall between these nodes let IP protocol 50 (ESP) pass?"
_Ways = dict[tuple[str, str], Frames]


@judge
def sealed(capture: Capture) -> Verdict:
    """What tasks send over an encrypted network leaves their nodes as ESP, and nowhere in clear text.

    The same capture must see what they send over a network that is not encrypted, on every way: without that
    control silence says nothing.

    Args:
        capture: of what left every node for the others while known payloads were sent.
    """
    ways: _Ways = {(one.source, one.target): one for one in capture.frames}
    sent = {(one.source, one.target, one.kind): one for one in capture.sent}
    if not ways:
        return unknown("nothing was captured", missing=dict(capture.missing))
    open_nodes = {one.source for one in ways.values() if one.sealed}
    parts = [_clear(capture, node) for node in sorted(open_nodes)]
    parts += [_way(capture, way, sent) for way in ways.values() if way.source not in open_nodes]
    parts += [blind(f"{node}: {number} frames were not looked at") for node, number in capture.lost]
    parts += [blind(f"{node}: {why}") for node, why in capture.missing]
    return conclude(
        parts,
        f"what {capture.network} carries left {count(len(capture.nodes), 'node')} as ESP alone, on all "
        f"{count(len(ways), 'way')}: at least {min(one.esp for one in ways.values())} packets each, and its "
        f"payload in clear text in none; that of a plain network was seen on all of them",
        subject=Subject(),
        witnesses=("inside",),
        numbers={
            "ways": [[one.source, one.target, one.esp, one.sealed, one.plain] for one in ways.values()],
            "sent": [[one.source, one.target, one.kind, one.sent, one.answered] for one in capture.sent],
            "skipped": dict(capture.skipped),
        },
    )


def _clear(capture: Capture, node: str) -> Part:
    seen = [one for one in capture.frames if one.source == node and one.sealed]
    to = listed(sorted(one.target for one in seen))
    frames = count(sum(one.sealed for one in seen), "frame")
    told = f"{node}: {frames} to {to} hold in clear text what {capture.network} carries"
    remedy = f"on {node}, {_MARKED}"
    return bad(told, Finding("clear-text-on-the-wire", Subject(node=node), told, ("C12",), remedy))


def _way(capture: Capture, way: Frames, sent: dict[tuple[str, str, str], Sent]) -> Part:
    where = f"{way.source} -> {way.target}"
    mine, plain = (sent.get((way.source, way.target, kind)) for kind in ("sealed", "plain"))
    if not way.plain:
        return blind(f"{where}: not even what a plain network carries was seen, so silence says nothing")
    if mine is None or plain is None or not mine.sent:
        return blind(f"{where}: nothing was sent over {capture.network}")
    if not way.esp:
        told = f"{where}: of {count(mine.sent, 'datagram')} over {capture.network} none left, as ESP or not"
        return _fault(way, "not-sent-as-esp", told, _KEYS)
    back = next((one for one in capture.frames if (one.source, one.target) == (way.target, way.source)), None)
    if not mine.answered and plain.answered and not (back and back.sealed):
        told = f"{where}: {count(way.esp, 'ESP packet')} left, and none of {mine.sent} datagrams was answered"
        return _fault(way, "esp-lost", told, f"{_PASSES} {_KEYS}")
    return GOOD


def _fault(way: Frames, name: str, told: str, remedy: str) -> Part:
    return bad(told, Finding(name, Subject(node=way.source), told, ("C12",), remedy))


__all__ = ["sealed"]
