"""The way out: tasks reach a host outside, which sees their node and not them."""

from __future__ import annotations

from harness.evidence import WayOut
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count


@judge
def leaves_by_its_node(out: WayOut) -> Verdict:
    """Every connection of a task arrives, with its node's address as source.

    Args:
        out: what the host saw.
    """
    if not any(seen for _, seen, _ in out.seen):
        return unknown(
            f"no task of any node reached {out.host}: can the nodes reach this machine at all?",
            missing=[list(one) for one in out.missing],
        )
    parts = [_node(out, node, address) for node, address in out.addresses]
    return conclude(
        parts,
        f"tasks of {count(len(out.addresses), 'node')} reach {out.host}, which sees their node's address",
        subject=Subject(),
        witnesses=("inside",),
        numbers={"seen": [list(one) for one in out.seen], "skipped": [list(one) for one in out.skipped]},
    )


def _node(out: WayOut, node: str, address: str) -> Part:
    told = [(seen, why) for name, seen, why in out.seen if name == node]
    if not told:
        return blind(f"{node}: {dict(out.missing).get(node, 'no answer')}")
    lost = [why for seen, why in told if not seen]
    if lost:
        share = f"{len(lost)} of {count(len(told), 'connection')}"
        sentence = f"{node}: {share} to {out.host} did not arrive ({lost[0]})"
        remedy = (
            "iptables -t nat -S POSTROUTING on the node: is there a MASQUERADE rule for docker_gwbridge? "
            "And ip_forward?"
        )
        return bad(sentence, Finding("outside-unreached", Subject(node=node), sentence, (), remedy))
    others = sorted({seen for seen, _ in told} - {address})
    if others:
        sentence = f"{node}: {out.host} sees {others[0]}, not the node's {address}"
        remedy = "another NAT on the way, or a node with several addresses: which one does its route take?"
        return bad(sentence, Finding("foreign-source", Subject(node=node), sentence, (), remedy))
    return GOOD


__all__ = ["leaves_by_its_node"]
