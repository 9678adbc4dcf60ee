"""How long until traffic is even again over the new set of replicas."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from harness.evidence import Balancers, Roster, Traffic
from harness.judge import budget, fair, stats
from harness.judge.chance import Odds, bounds
from harness.judge.symptoms import Entry, diagnose, entries
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds, witness
from harness.model import Sample

TURNS = 2  # full periods in one window
SLACK = 2  # difference of counts in a window: open loop requests may overtake each other at its edges
EDGE = 32  # requests on either side of a window that may have been under way together with one in it
LEAST_WINDOWS = 2  # even windows at the end of the traffic that make a statement


@dataclasses.dataclass(frozen=True)
class Settled:
    """Since when one entry node was even until the traffic's end; None: it was not, at its end.

    Attributes:
        requests: even ones, from then to the end.
        needed: requests that this must be to count.
    """

    since: float | None
    requests: int
    needed: int


@judge
def even_again(
    traffic: Traffic,
    roster: Roster,
    balancers: Balancers | None,
    since: float,
    *,
    within: float = 5.0,
    false_alarm: float = 1e-6,
    miss: float = 1e-3,
    confidence: float = 0.99,
) -> Verdict:
    """After a change every entry node is even over the new replicas again, soon after the last of them runs.

    Where ``rr`` was read: even since the earliest moment from which on every window of two full periods, up
    to the end of the traffic, holds no loss, and counts that differ by at most 2 (they differ by 3 or more
    where a replica is missing). Elsewhere, at random choice: since every replica has answered, nothing was
    lost, and the answers from the end backwards give no evidence against equal chances
    (:mod:`harness.judge.chance`, which holds wherever it begins); the sentence states between what bounds the
    shares of later than ``within`` lie. Refuted there only for what came later than ``within``: a request
    lost, or evidence that suffices for the budget.

    Args:
        traffic: open loop, fresh connections, until well after ``since + within``.
        roster: the new set of replicas; a lost node's address must not be among the traffic's entries.
        balancers: IPVS tables read after the change.
        since: when the last replica was seen running (seconds, monotonic).
        within: seconds after ``since``.
        false_alarm: chance of a false alarm per run.
        miss: chance to miss a fault per entry node.
        confidence: that all shares lie where the sentence says, where random choice is judged.
    """
    if not roster.replicas:
        return unknown(f"no running replica of {traffic.service} was known")
    if len(roster.replicas) < roster.asked:  # one that comes later would be called foreign
        return unknown(
            f"only {len(roster.replicas)} of {count(roster.asked, 'replica')} ran when the wait for them "
            "ended: there was no new set to be even over"
        )
    every = entries(traffic, roster, balancers)
    alarm = budget.alarm(false_alarm, len(every))
    doubt = budget.doubt(confidence, len(every), len(roster.replicas))
    parts, settled = [], {}
    for entry in every:
        if not entry.samples:
            parts.append(blind(f"{entry.node}: not one request"))
            continue
        found = settled[entry.node] = _settled(entry, alarm, miss)
        parts.append(_judged(entry, found, since, within, every, alarm))
    took = {
        node: None if one.since is None else round(max(0.0, one.since - since), 3)
        for node, one in settled.items()
    }
    worst = max((value for value in took.values() if value is not None), default=0.0)
    exact = sum(entry.table is not None and entry.table.exact for entry in every)
    requests = [one.requests for one in settled.values()]
    late = [_after(entry, since + within) for entry in every if not _exact(entry)]
    shares = {one.node: bounds(one.counts.values(), doubt) for one in late if one.answered}
    return conclude(
        parts,
        f"all {count(len(every), 'entry node')} even over {count(len(roster.replicas), 'replica')} again "
        f"{seconds(worst)} after the last one ran (bound {seconds(within)}), and so for the "
        f"{min(requests, default=0)} or more requests to each until the end" + _supported(shares, confidence),
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path), "kernel") if exact else (witness(traffic.path),),
        numbers={
            "within": within,
            "took": took,
            "requests": {node: one.requests for node, one in settled.items()},
            "replicas": len(roster.replicas),
            "exact": exact,
            "share": {node: [round(low, 4), round(high, 4)] for node, (low, high) in shares.items()},
        },
    )


def _judged(
    entry: Entry, found: Settled, since: float, within: float, every: tuple[Entry, ...], alarm: float
) -> Part:
    end = entry.samples[-1].began
    if found.since is not None and found.since <= since + within:
        if found.requests >= found.needed:
            return GOOD
        return blind(f"{entry.node}: {found.requests} even requests until the end, {found.needed} needed")
    late = _after(entry, since + within)
    after = late.samples
    if len(after) < found.needed:
        return blind(
            f"{entry.node}: not even yet, {len(after)} requests later than {seconds(within)} after the last "
            f"replica ran, {found.needed} needed"
        )
    if not _exact(entry) and not _proved(late, alarm):
        return blind(
            f"{entry.node}: {count(len(after), 'request')} later than {seconds(within)} after the last "
            "replica ran cannot tell chance from uneven shares"
        )
    if found.since is not None and found.requests >= found.needed:
        told = f"{entry.node}: even only {seconds(found.since - since)} after the last replica ran"
    else:
        told = f"{entry.node}: still not even {seconds(end - since)} after the last replica ran"
    causes = diagnose(late, tuple(_after(other, since + within) for other in every))
    told = f"{told} (bound {seconds(within)}; then {late.shares()})"
    return bad(told, *(causes or (_not_even(entry, told),)))


def _after(entry: Entry, at: float) -> Entry:
    return dataclasses.replace(entry, samples=tuple(one for one in entry.samples if one.began > at))


def _exact(entry: Entry) -> bool:
    return entry.table is not None and entry.table.exact


def _proved(late: Entry, alarm: float) -> bool:
    """Whether these requests, of a time fixed beforehand, are no matter of chance."""
    if late.lost or late.foreign:
        return True
    odds = Odds(list(late.counts))
    for one in late.answered:
        odds.see(one.replica)
    return odds.highest >= -math.log(alarm)


def _supported(shares: Mapping[str, tuple[float, float]], confidence: float) -> str:
    if not shares:
        return ""
    low, high = min(low for low, _ in shares.values()), max(high for _, high in shares.values())
    return (
        f"; random-choice rule for {len(shares)}: no rr read there; every share {fair.span(low, high)} later "
        f"than the bound, with {fair.percent(confidence)} confidence"
    )


def _settled(entry: Entry, alarm: float, miss: float) -> Settled:
    return _by_windows(entry) if _exact(entry) else _by_chance(entry, alarm, miss)


def _by_windows(entry: Entry) -> Settled:
    replicas = len(entry.live or ())
    size = TURNS * replicas
    samples = entry.samples
    start = len(samples)
    while start >= size and _is_even(samples, start - size, start, entry):
        start -= size
    good = samples[start:]
    return Settled(good[0].began if good else None, len(good), LEAST_WINDOWS * size)


def _is_even(samples: tuple[Sample, ...], start: int, end: int, entry: Entry) -> bool:
    """Whether one window is even; requests that were under way across its edges may belong to either side."""
    window = samples[start:end]
    part = dataclasses.replace(entry, samples=window)
    if part.lost or part.foreign:
        return False
    counts = part.counts.values()
    latest = max(one.ended for one in window)
    across = sum(one.ended > window[0].began for one in samples[max(0, start - EDGE) : start])
    across += sum(one.began < latest for one in samples[end : end + EDGE])
    return max(counts) - min(counts) <= SLACK + across


def _by_chance(entry: Entry, alarm: float, miss: float) -> Settled:
    replicas = len(entry.live or ())
    needed = max(stats.to_see_all(replicas, miss), stats.to_hit_extra(replicas, miss))
    wrong = set(map(id, (*entry.lost, *entry.foreign)))
    last_wrong = max((i for i, one in enumerate(entry.samples) if id(one) in wrong), default=-1)
    good = entry.samples[last_wrong + 1 :]
    firsts: dict[str, int] = {}
    for index, one in enumerate(good):
        firsts.setdefault(one.replica, index)
    if len(firsts) < replicas:
        return Settled(None, len(good), needed)
    good = good[max(0, max(firsts.values()) - replicas + 1) :]
    good = _from_the_end(good, tuple(entry.counts), alarm)
    return Settled(good[0].began if good else None, len(good), needed)


def _from_the_end(samples: tuple[Sample, ...], names: tuple[str, ...], alarm: float) -> tuple[Sample, ...]:
    """The longest end of ``samples`` with no shorter end that speaks against equal chances.

    The end that is truly even is cut with chance at most ``alarm``, however long it is (Ville, last first);
    of what was uneven before, the evidence cuts most and not all.
    """
    odds = Odds(names)
    for index in range(len(samples) - 1, -1, -1):
        odds.see(samples[index].replica)
        if odds.highest >= -math.log(alarm):
            return samples[index + 1 :]
    return samples


def _not_even(entry: Entry, told: str) -> Finding:
    return Finding(
        "not-even-again",
        entry.subject(),
        told,
        ("B2", "B4", "H6"),
        f"on {entry.node}, compare /proc/net/ip_vs with {listed([one.label for one in entry.live or ()])}",
    )


__all__ = ["even_again"]
