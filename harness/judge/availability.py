"""What a fault cost the clients, per entry node."""

from __future__ import annotations

import collections
import itertools
from typing import Any

from harness.evidence import Fault, History, Roster, Traffic
from harness.judge.settle import even_again
from harness.judge.symptoms import NO_CONNECTION
from harness.judge.timeline import lives
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.windows import Effect, effects
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds, tally, witness
from harness.model import Sample

_TABLES = "compare /proc/net/ip_vs on that node with the running tasks, before the next change overwrites it"


@judge
def outage(traffic: Traffic, fault: Fault, *, within: float, timeout: float = 2.0) -> Verdict:
    """Through every surviving entry node the outage stays within the bound.

    The outage of an entry node is the time since the fault in which a newly started request could fail to be
    answered within ``timeout``: the length of all windows with losses (see ``windows``).

    Args:
        traffic: open loop, from before the fault until at least ``within`` after it.
        fault: with its proof; the node it names is not judged as an entry.
        within: seconds, such as ``bounds.gossip(nodes)``.
        timeout: seconds after which an answer is too late.
    """
    if (dark := _unproved(traffic, fault)) is not None:
        return dark
    every = effects(traffic, fault, timeout=timeout)
    parts = [_within(traffic, fault, one, within) for one in every]
    return _cost(traffic, fault, every, parts, bound=within)


@judge
def kill_outage(
    traffic: Traffic, fault: Fault, *, outage: float = 2.0, lost_share: float = 0.05, timeout: float = 2.0
) -> Verdict:
    """A killed task costs each entry node at most so much time and such a share of its requests.

    Args:
        traffic: open loop, from before the kill until after the replacement serves.
        fault: the kill with its proof.
        outage: seconds, all windows with losses together, per entry node.
        lost_share: of the requests due since the kill, per entry node.
        timeout: seconds after which an answer is too late.
    """
    if (dark := _unproved(traffic, fault)) is not None:
        return dark
    every = effects(traffic, fault, timeout=timeout)
    parts = []
    for one in every:
        part = _within(traffic, fault, one, outage)
        share = len(one.lost) / one.requests if one.requests else 0.0
        if part is GOOD and share > lost_share:
            told = f"{one.node}: {len(one.lost)} of {one.requests} requests lost"
            told += f" ({share:.1%}, bound {lost_share:.1%})"
            part = bad(told, _too_much(traffic, one, told))
        parts.append(part)
    return _cost(traffic, fault, every, parts, bound=outage, lost_share=lost_share)


@judge
def silent_after_death(traffic: Traffic, roster: Roster, history: History, *, within: float = 2.0) -> Verdict:
    """No entry node sends requests to a dead task later than the bound after its end.

    What the outside can tell: an answer of the dead task; or losses as dense as a row without a task gives
    (two in two periods), while no replacement was starting. Single losses are counted, not blamed on it.

    Args:
        traffic: open loop, across the death.
        roster: the replicas before it.
        history: the service's tasks across it.
        within: seconds after the end was seen; reading it costs up to the history's resolution.
    """
    known = lives(history)
    old = {one.task for one in roster.replicas}
    dead = {name: end for name in old if name in known and (end := known[name].ended) is not None}
    if not dead:
        return unknown(f"none of {count(len(roster.replicas), 'replica')} was seen to end")
    spans = [
        (life.starting - history.resolution, (life.running or life.starting) + within)
        for life in known.values()
        if life.task not in old and life.starting is not None
    ]
    begin, period = max(dead.values()) + within, len(old) - len(dead) + 1
    parts: list[Part] = []
    numbers: dict[str, Any] = {"within": within, "dead": sorted(dead), "entries": {}}
    for node in traffic.entries:
        mine = sorted((one for one in traffic.at(node) if one.began > begin), key=lambda one: one.began)
        quiet = [one for one in mine if not any(start <= one.began <= end for start, end in spans)]
        answered = [one for one in mine if one.replica in dead]
        stray = [one for one in quiet if not one.ok]
        numbers["entries"][node] = {"requests": len(quiet), "lost": len(stray), "answered": len(answered)}
        told = _strays(node, answered, stray if _dense(quiet, 2 * period) else [], within)
        if told:
            parts.append(bad(told, _stale(traffic, node, told)))
        elif len(quiet) < 2 * period:
            parts.append(
                blind(
                    f"{node}: {count(len(quiet), 'request')} later than {seconds(within)} after the end "
                    f"while nothing started, {2 * period} needed"
                )
            )
        else:
            parts.append(GOOD)
    asked = sum(one["requests"] for one in numbers["entries"].values())
    return conclude(
        parts,
        f"none of {count(asked, 'request')} through {count(len(parts), 'entry node')} went to the "
        f"{count(len(dead), 'dead task')} later than {seconds(within)} after its end",
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers=numbers,
    )


@judge
def nobody_refused(traffic: Traffic, history: History, *, grace: float = 2.0) -> Verdict:
    """A replacement refuses nobody: with a health check it enters the tables only when it listens (mode H6).

    Args:
        traffic: open loop, across the replacement.
        history: the service's tasks across it.
        grace: seconds after a task's end in which refusals are the old task's.
    """
    known = lives(history)
    ends = [life.ended for life in known.values() if life.ended is not None]
    born = [
        life
        for life in known.values()
        if life.starting is not None and ends and life.first >= min(ends) - history.resolution
    ]
    if not born:
        return unknown(f"no replacement of {history.service} was seen to start")
    since = min(life.starting or life.first for life in born) - history.resolution
    if any(life.running is None for life in born):
        return unknown("the replacement was never seen running: nobody could be refused by it")

    def old(one: Sample) -> bool:
        return any(end - history.resolution <= one.began <= end + grace for end in ends)

    parts, per_entry = [], {}
    for node in traffic.entries:
        mine = [one for one in traffic.at(node) if one.began >= since and not old(one)]
        turned = [one for one in mine if one.outcome in NO_CONNECTION]
        per_entry[node] = {"requests": len(mine), "refused": len(turned)}
        if turned:
            kinds = tally(collections.Counter(one.outcome.value for one in turned))
            told = f"{node}: {len(turned)} of {len(mine)} requests turned away since a replacement started"
            told += f" ({kinds})"
            parts.append(bad(told, _early(traffic, node, told)))
        else:
            parts.append(GOOD if mine else blind(f"{node}: not one request since the replacement started"))
    asked = sum(one["requests"] for one in per_entry.values())
    return conclude(
        parts,
        f"none of {count(asked, 'request')} refused since {count(len(born), 'replacement')} started",
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers={"replacements": [life.task for life in born], "entries": per_entry, "grace": grace},
    )


def _unproved(traffic: Traffic, fault: Fault) -> Verdict | None:
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    if not traffic.began <= fault.began <= traffic.ended:
        return unknown(f"the traffic did not span {fault.kind} of {fault.subject}")
    return None


def _within(traffic: Traffic, fault: Fault, one: Effect, bound: float) -> Part:
    if one.trouble:
        return blind(f"{one.node}: {one.trouble}")
    if one.outage > bound:
        told = (
            f"{one.node}: outage of {seconds(one.outage)} (bound {seconds(bound)}), {one.share:.0%} of the "
            f"requests in it lost"
        )
        return bad(told, _too_much(traffic, one, told))
    if one.last < (fault.proved or fault.began) + bound:
        return blind(
            f"{one.node}: traffic ended {seconds(max(0.0, one.last - fault.began))} after the fault, "
            f"the bound is {seconds(bound)}"
        )
    return GOOD


def _cost(
    traffic: Traffic,
    fault: Fault,
    every: tuple[Effect, ...],
    parts: list[Part],
    *,
    bound: float,
    **more: float,
) -> Verdict:
    lost: dict[str, int] = {}
    for sample in (sample for one in every for sample in one.lost):
        name = sample.outcome.value if not sample.ok else "too-late"
        lost[name] = lost.get(name, 0) + 1
    requests = sum(one.requests for one in every)
    worst = max((one.outage for one in every), default=0.0)
    share = max((one.share for one in every), default=0.0)
    order = sorted(every, key=lambda one: (one.healed, one.node))
    healed = (
        f"; {order[0].node} healed first ({seconds(order[0].healed)}), {order[-1].node} last "
        f"({seconds(order[-1].healed)})"
        if lost and len(order) > 1
        else ""
    )
    return conclude(
        parts,
        f"outage at most {seconds(worst)} per entry node (bound {seconds(bound)}), up to {share:.0%} of the "
        f"requests in it lost; in all {sum(lost.values())} of {count(requests, 'request')} lost"
        + (f" ({tally(lost)})" if lost else "")
        + healed,
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers={
            "within": bound,
            "outage": round(worst, 3),
            "share": round(share, 4),
            "requests": requests,
            "lost": lost,
            "healed_first": [order[0].node, round(order[0].healed, 3)] if order else None,
            "healed_last": [order[-1].node, round(order[-1].healed, 3)] if order else None,
            "entries": {one.node: one.numbers(fault, bound) for one in every},
            **more,
        },
    )


def _too_much(traffic: Traffic, one: Effect, told: str) -> Finding:
    lost: dict[str, int] = {}
    for sample in one.lost:
        lost[sample.outcome.value] = lost.get(sample.outcome.value, 0) + 1
    return Finding(
        "outage-too-long",
        Subject(node=one.node, service=traffic.service, path=traffic.path.value),
        f"{told} ({tally(lost)})",
        ("B1", "D1", "H1"),
        f"on {one.node}: {_TABLES}; gossip between the nodes (7946) decides how soon dead backends go",
    )


def _dense(quiet: list[Sample], size: int) -> bool:
    """Whether two requests within ``size`` in a row were lost."""
    lost = [index for index, one in enumerate(quiet) if not one.ok]
    return any(later - earlier < size for earlier, later in itertools.pairwise(lost))


def _strays(node: str, answered: list[Sample], stray: list[Sample], within: float) -> str:
    told = []
    if answered:
        told.append(f"{count(len(answered), 'answer')} of a dead task")
    if stray:
        kinds: dict[str, int] = {}
        for one in stray:
            kinds[one.outcome.value] = kinds.get(one.outcome.value, 0) + 1
        told.append(f"{count(len(stray), 'request')} lost ({tally(kinds)}) while no replacement started")
    return f"{node}: {listed(told)}, later than {seconds(within)} after its end" if told else ""


def _stale(traffic: Traffic, node: str, told: str) -> Finding:
    subject = Subject(node=node, service=traffic.service, path=traffic.path.value)
    return Finding("dead-task-in-table", subject, told, ("B1", "H1"), f"on {node}: {_TABLES}")


def _early(traffic: Traffic, node: str, told: str) -> Finding:
    subject = Subject(node=node, service=traffic.service, path=traffic.path.value)
    remedy = "give the service a health check: only a healthy task enters the tables"
    return Finding("replacement-too-early", subject, told, ("H6", "H5"), remedy)


__all__ = ["even_again", "kill_outage", "nobody_refused", "outage", "silent_after_death"]
