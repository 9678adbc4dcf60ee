"""Does every replica get its share through every entry node?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.evidence import Balancers, Roster, Traffic
from harness.judge import budget, fair, stats
from harness.judge.symptoms import Entry, diagnose, entries
from harness.judge.verdict import Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, replaced, witness

_LOSSES = frozenset({"dead-backend-at-entry", "requests-lost-at-entry"})  # not a matter of coverage
_TWO = 2


@judge
def covered(
    traffic: Traffic,
    roster: Roster,
    balancers: Balancers | None = None,
    *,
    miss: float = 1e-3,
    false_alarm: float = 1e-6,
    periods: int = 4,
) -> Verdict:
    """Through every entry node every replica of ``roster`` answers, and nobody else.

    Args:
        traffic: fresh connections.
        roster: the replicas that ran during the traffic.
        balancers: IPVS tables of this run; where ``rr`` was read, fewer requests suffice.
        miss: chance to miss a fault per entry node.
        false_alarm: chance of a false alarm per run, split over claims and entry nodes.
        periods: full periods that suffice where ``rr`` was read.
    """
    every = entries(traffic, roster, balancers)
    alarm = budget.alarm(false_alarm, len(every))

    def look(entry: Entry) -> Part:
        wrong = tuple(one for one in diagnose(entry, every) if one.name not in _LOSSES)
        answers, replicas = len(entry.answered), len(roster.replicas)
        if entry.unseen and not entry.dead and not entry.foreign and not _surely_unseen(entry, alarm):
            return _untold(entry)
        if wrong:
            return bad(listed([one.sentence for one in wrong], "; "), *wrong)
        least = _least(entry, replicas, miss=miss, periods=periods)
        if answers < least:
            return blind(f"{entry.node}: {answers} answers, {least} needed for {count(replicas, 'replica')}")
        return GOOD

    good = "each of {entries} reaches all {replicas}, none foreign ({requests} per entry node)"
    return _spread(traffic, roster, every, look, good)


@judge
def even(
    traffic: Traffic,
    roster: Roster,
    balancers: Balancers | None = None,
    *,
    miss: float = 1e-3,
    false_alarm: float = 1e-6,
    periods: int = 4,
    margin: float = 0.2,
    confidence: float = 0.99,
) -> Verdict:
    """Every replica gets its share of the connections, through every entry node, and none is lost.

    Where ``rr`` was read in this run: counts differ by at most 1 and the sequence is periodic. Where no
    ``rr`` was read, the random-choice rule, whenever the traffic was stopped: refuted when the evidence
    against equal chances suffices for the budget and the margin is not shown; upheld when every replica's
    interval lies within the margin, or the answers came in strict turns; else unknown. If others' connections
    took a turn in between (the order is round robin with single gaps), the order shows the turns, and the
    rule can refute only.

    Args:
        traffic: fresh connections, sequential per entry node.
        roster: the replicas that ran during the traffic.
        balancers: the IPVS tables read in this run; None: none were read.
        miss: chance to miss a fault per entry node.
        false_alarm: chance of a false alarm per run, split over claims and entry nodes.
        periods: full periods that each entry node must have been asked.
        margin: relative: at random choice, shares from ``1 - margin`` to ``1 + margin`` of the fair one count
            as equal.
        confidence: that all shares, of every replica through every entry node, lie where the sentence says.
    """
    every = entries(traffic, roster, balancers)
    terms = fair.Terms.of(
        len(roster.replicas),
        len(every),
        false_alarm=false_alarm,
        miss=miss,
        margin=margin,
        confidence=confidence,
    )

    def look(entry: Entry) -> Part:
        wrong = diagnose(entry, every)
        if entry.lost or entry.foreign or (wrong and _surely_unseen(entry, terms.alarm)):
            told = listed([one.sentence for one in wrong], "; ")
            return bad(told or f"{entry.node}: {entry.shares()}", *wrong)
        if entry.unseen:
            return _untold(entry)
        replicas = len(roster.replicas)
        least = _least(entry, replicas, miss=miss, periods=periods)
        if len(entry.answered) < least:
            return blind(
                f"{entry.node}: {len(entry.answered)} answers, {least} needed for "
                f"{count(replicas, 'replica')}"
            )
        return _rule(entry, terms)

    good = "each of {entries} gives all {replicas} an equal share ({requests} per entry node; {rule})"
    return _spread(traffic, roster, every, look, good, terms)


@judge
def pinned(traffic: Traffic, roster: Roster) -> Verdict:
    """A kept connection stays with the replica it was opened to: balancing is per connection, by design.

    Args:
        traffic: with ``kept_alive``, at least two requests on some connection of every entry node.
        roster: the replicas that ran during the traffic.
    """
    if not traffic.kept_alive:
        return unknown("the traffic used a fresh connection per request: nothing could be pinned")
    every = entries(traffic, roster)
    parts, connections = [], 0
    for entry in every:
        kept: dict[int, list[str]] = {}
        for one in entry.answered:
            kept.setdefault(one.connection, []).append(one.replica)
        told = [answers for answers in kept.values() if len(answers) >= _TWO]
        moved = [answers for answers in told if len(set(answers)) > 1]
        connections += len(told)
        if entry.lost or entry.foreign:
            wrong = diagnose(entry, every) if entry.dead or entry.foreign else ()
            parts.append(bad(f"{entry.node}: {entry.shares()}", *wrong))
        elif moved:
            parts.append(bad(f"{entry.node}: {len(moved)} of {len(told)} kept connections changed replica"))
        elif not told:
            parts.append(blind(f"{entry.node}: no connection with two answers"))
        else:
            parts.append(GOOD)
    return conclude(
        parts,
        f"all {count(connections, 'kept connection')} through {count(len(every), 'entry node')} stayed with "
        f"one replica each ({count(len(traffic.samples), 'request')})",
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers={"connections": connections, "requests": len(traffic.samples), "entries": _numbers(every)},
    )


def _untold(entry: Entry) -> Part:
    return blind(
        f"{entry.node}: {count(len(entry.answered), 'answer')} cannot tell whether "
        f"{listed([one.label for one in entry.unseen])} is missing"
    )


def _rule(entry: Entry, terms: fair.Terms) -> Part:
    counts = entry.counts
    if entry.table is None or not entry.table.exact:
        return fair.judged(entry, terms)
    order = [one.replica for one in entry.answered]
    apart = max(counts.values()) - min(counts.values())
    if apart <= 1 and stats.periodic(order, len(counts)):
        return GOOD
    if stats.skipped(order, len(counts)):
        return fair.suspicious(entry, terms)
    if apart <= 1:
        return blind(
            f"{entry.node}: {count(len(order), 'answer')} differ by at most 1, but do not come in turns "
            f"of {len(counts)}: connections of others, or no round robin"
        )
    return bad(
        f"{entry.node}: {fair.extremes(counts)} of {len(order)} answers",
        fair.uneven(entry, f"round robin allows a difference of 1, seen {apart}"),
    )


def _surely_unseen(entry: Entry, alarm: float) -> bool:
    """Whether so many answers without a replica are no matter of chance."""
    if entry.dead or (entry.unseen and entry.lost):
        return True
    replicas, answers = len(entry.live or ()), len(entry.answered)
    if entry.table is not None and entry.table.exact:
        return bool(entry.unseen) and answers >= _TWO * replicas
    return bool(entry.unseen) and stats.unseen_chance(replicas, answers) <= alarm


def _least(entry: Entry, replicas: int, *, miss: float, periods: int) -> int:
    if entry.table is not None and entry.table.exact:
        return periods * replicas
    return max(periods * replicas, stats.to_see_all(replicas, miss), stats.to_hit_extra(replicas, miss))


def _spread(
    traffic: Traffic,
    roster: Roster,
    every: tuple[Entry, ...],
    look: Callable[[Entry], Part],
    good: str,
    terms: fair.Terms | None = None,
) -> Verdict:
    """Judge each entry that has samples; the sentence's fields are filled from the traffic."""
    if traffic.kept_alive:
        return unknown("the traffic kept its connections: balancing is per connection")
    if not roster.replicas:
        return unknown(f"no running replica of {traffic.service} was known: nothing to compare with")
    if told := replaced(roster):
        return unknown(f"{told}: nothing can be said of shares")
    parts = [look(entry) if entry.samples else blind(f"{entry.node}: not one request") for entry in every]
    read = [entry for entry in every if entry.table is not None]
    exact = [entry for entry in every if entry.table is not None and entry.table.exact]
    rule = (
        "exact round robin rule"
        if len(exact) == len(every)
        else (f"random-choice rule for {len(every) - len(exact)} of {len(every)}: no rr read there")
    )
    numbers: dict[str, Any] = {
        "requests": len(traffic.samples),
        "replicas": len(roster.replicas),
        "scheduler": {entry.node: entry.table.scheduler if entry.table else "" for entry in every},
        "rule": rule,
        "entries": _numbers(every),
    }
    if terms is not None:
        shares = fair.told(every, terms)
        rule = f"{rule}; {shares}" if shares else rule
        numbers |= {"margin": terms.margin, "confidence": terms.confidence}
        for entry in every:
            numbers["entries"][entry.node] |= fair.numbers(entry, terms)
    sizes = sorted({len(entry.samples) for entry in every})
    told = (
        good.format(
            entries=count(len(every), "entry node"),
            replicas=count(len(roster.replicas), "replica"),
            requests=f"{sizes[0]}-{sizes[-1]} requests" if len(sizes) > 1 else count(sizes[0], "request"),
            rule=rule,
        )
        if sizes
        else ""
    )
    return conclude(
        parts,
        told,
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path), "kernel") if read else (witness(traffic.path),),
        numbers=numbers,
    )


def _numbers(every: tuple[Entry, ...]) -> dict[str, Any]:
    return {
        entry.node: {
            "requests": len(entry.samples),
            "answered": len(entry.answered),
            "lost": entry.outcomes,
            "foreign": len(entry.foreign),
            "counts": entry.counts,
        }
        for entry in every
    }


__all__ = ["covered", "even", "pinned"]
