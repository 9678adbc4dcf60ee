"""flask-redis counts its requests: does the sum agree with what was sent?"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from harness.evidence import Complaint, Counter, Fault, Roster, Traffic
from harness.judge.behind import cause
from harness.judge.symptoms import Entry, diagnose, entries
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, tally, witness
from harness.model import Outcome


@judge
def counts_exactly(
    counter: Counter,
    traffic: Traffic,
    roster: Roster,
    complaint: Complaint | None = None,
    *,
    least: int = 300,
    readings: int = 0,
) -> Verdict:
    """Without failures the counter grows by exactly the number of requests, and every replica answers.

    Args:
        counter: the count before and after.
        traffic: all requests between the two readings.
        roster: the replicas that ran.
        complaint: what the web tier wrote, if requests failed: whose fault that is.
        least: requests that each entry node must have been asked.
        readings: increments that reading the counter itself caused between the two values.
    """
    whose = cause(complaint)
    if whose and any(one.outcome is Outcome.SERVER_ERROR for one in traffic.samples):
        return conclude(
            [bad(whose.sentence, whose)],
            "",
            subject=whose.subject,
            witnesses=(witness(traffic.path),),
            numbers=_numbers(counter, traffic, readings),
        )
    if counter.before is None or counter.after is None:
        return unknown(f"the counter of {counter.service} could not be read", **_numbers(counter, traffic, 0))
    grown = counter.after - counter.before - readings
    every = entries(traffic, roster)
    parts = [_entry(entry, every, least) for entry in every]
    silent = [one for one in roster.replicas if not any(entry.counts.get(one.task) for entry in every)]
    if not roster.replicas:
        parts.append(blind("no running replica was known"))
    elif silent and traffic.samples:
        parts.append(bad(f"no answer from {listed([one.label for one in silent])}"))
    if grown != len(traffic.samples):
        parts.append(
            _differs(counter, traffic, f"grew by {grown} for {count(len(traffic.samples), 'request')}")
        )
    return conclude(
        parts,
        f"the counter grew by exactly {grown} for {count(len(traffic.samples), 'request')} through "
        f"{count(len(every), 'node')}, all {count(len(roster.replicas), 'replica')} answered",
        subject=Subject(service=counter.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers=_numbers(counter, traffic, readings),
    )


@judge
def counts_through_kill(
    counter: Counter, traffic: Traffic, fault: Fault | None = None, *, least: int = 1, readings: int = 0
) -> Verdict:
    """While a task is killed: successes <= growth <= attempts.

    A request may count and lose its answer; none may be answered and not counted, or count twice.

    Args:
        counter: the count before and after.
        traffic: all requests between the two readings.
        fault: the kill; without proof that it bit during the traffic nothing was shown.
        least: requests in all that must have been sent.
        readings: increments that reading the counter itself caused between the two values.
    """
    numbers = _numbers(counter, traffic, readings)
    if counter.before is None or counter.after is None:
        return unknown(f"the counter of {counter.service} could not be read", **numbers)
    if fault is not None and (fault.proved is None or not traffic.began <= fault.began <= traffic.ended):
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit during the traffic", **numbers)
    grown = counter.after - counter.before - readings
    answered, sent = numbers["answered"], len(traffic.samples)
    parts: list[Part] = []
    if sent < max(1, least):
        parts.append(blind(f"{count(sent, 'request')} sent, {max(1, least)} needed"))
    if not answered and sent:
        parts.append(blind(f"none of {count(sent, 'request')} answered: nothing to compare with"))
    if not answered <= grown <= sent:
        parts.append(
            _differs(counter, traffic, f"grew by {grown}, outside {answered} answered to {sent} sent")
        )
    return conclude(
        parts or [GOOD],
        f"{answered} answered <= {grown} counted <= {sent} sent",
        subject=Subject(service=counter.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers=numbers,
    )


@judge
def falls_once(counter: Counter, traffic: Traffic, fault: Fault) -> Verdict:
    """While Redis itself is killed the counter never runs backwards, but for one fall, and that is said.

    A Redis without a volume starts empty: one fall, after the kill, is its nature. What falls twice, or
    before, has another cause.

    Args:
        counter: the count before and after.
        traffic: all requests between the two readings.
        fault: the kill of the Redis.
    """
    numbers = _numbers(counter, traffic, 0)
    told = [one for one in traffic.samples if one.counter is not None]
    after = [one for one in told if fault.proved is not None and one.began > fault.proved]
    if fault.proved is None or not traffic.began <= fault.began <= traffic.ended:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit during the traffic", **numbers)
    if not after or len(after) == len(told):
        return unknown("the counter was not read before and after the kill", **numbers)
    falls = _falls(counter, traffic)
    lost = sum(not one.ok for one in traffic.samples)
    cost = f"{lost} of {count(len(traffic.samples), 'request')} lost meanwhile"
    early = [fall for fall in falls if fall.at < fault.began]
    if len(falls) > 1 or early:
        shown = listed([f"from {one.before} to {one.after}" for one in falls])
        parts = [_differs(counter, traffic, f"fell {count(len(falls), 'time')}, {shown}")]
    else:
        parts = [GOOD]
    return conclude(
        parts,
        f"it fell once, from {falls[0].before} to {falls[0].after}, when Redis was killed: its data is gone, "
        f"for it has no volume; {cost}"
        if falls
        else f"it never fell: what Redis had written was there again; {cost}",
        subject=Subject(service=counter.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers={**numbers, "falls": [[one.before, one.after] for one in falls]},
    )


def _entry(entry: Entry, every: tuple[Entry, ...], least: int) -> Part:
    if entry.lost or entry.foreign:
        wrong = tuple(one for one in diagnose(entry, every) if not one.name.startswith("replica-"))
        return bad(f"{entry.node}: {entry.shares()}", *wrong)
    if len(entry.samples) < least:
        return blind(f"{entry.node}: {count(len(entry.samples), 'request')}, {least} needed")
    return GOOD


@dataclasses.dataclass(frozen=True)
class _Fall:
    """The count fell; ``at``: when the answer was asked for that told less (seconds, monotonic)."""

    at: float
    before: int
    after: int


def _falls(counter: Counter, traffic: Traffic) -> list[_Fall]:
    """Every time that the count fell: an answer told less than another that had come before it was asked."""
    told = [(one.began, one.ended, one.counter) for one in traffic.samples if one.counter is not None]
    told.append((traffic.began, -math.inf, counter.before or 0))  # read before all of them
    falls: list[_Fall] = []
    since = traffic.began
    for began, _, seen in sorted(told):
        highest = max((count for start, ended, count in told if since <= start and ended < began), default=0)
        if seen < highest:
            falls.append(_Fall(began, highest, seen))
            since = began
    return falls


def _differs(counter: Counter, traffic: Traffic, told: str) -> Part:
    sentence = f"the counter {told}"
    falls = _falls(counter, traffic)
    if len(falls) == 1:  # two Redises behind one name make it fall again and again: then nothing was lost
        fell = f"the counter fell from {falls[0].before} to {falls[0].after}"
        return bad(
            fell,
            Finding(
                "data-lost",
                Subject(service=counter.service),
                f"{fell}: what the Redis of {counter.service} had written is gone",
                (),
                "a task without a volume of its node starts empty (docker volume ls on the node): is the "
                "volume named, of the right driver, and is the task bound to its node?",
            ),
        )
    return bad(
        sentence,
        Finding(
            "counter-differs",
            Subject(service=counter.service),
            f"{sentence} (from {counter.before} to {counter.after})",
            ("B3", "G7"),
            "look for a second redis task that answers to the name, for other clients of the service, "
            "and for redis restarts",
        ),
    )


def _numbers(counter: Counter, traffic: Traffic, readings: int) -> dict[str, Any]:
    outcomes: dict[str, int] = {}
    for one in traffic.samples:
        outcomes[one.outcome.value] = outcomes.get(one.outcome.value, 0) + 1
    return {
        "before": counter.before,
        "after": counter.after,
        "readings": readings,
        "sent": len(traffic.samples),
        "answered": sum(one.ok for one in traffic.samples),
        "outcomes": tally(outcomes),
        "per_entry": {node: len(traffic.at(node)) for node in traffic.entries},
    }


__all__ = ["counts_exactly", "counts_through_kill", "falls_once"]
