"""What a change cost: requests that were lost while it went on, against a share that may be."""

from __future__ import annotations

from collections import Counter

from harness.evidence import Traffic
from harness.judge.verdict import Finding, Subject
from harness.judge.words import Part, bad, blind, count, tally

_REMEDY = (
    "start-first with a health check lets a new task answer before the old one ends; "
    "what is lost through one entry node alone is that node's"
)


def told(traffic: Traffic) -> str:
    """How many of how many were lost, in a clause."""
    lost = sum(not one.ok for one in traffic.samples)
    return f"{lost} of {count(len(traffic.samples), 'request')} lost"


def within(traffic: Traffic, share: float, change: str, remedy: str = _REMEDY) -> list[Part]:
    """Nothing if every entry node kept to ``share``; else what is wrong, with each node that did not.

    Args:
        traffic: fresh connections at a steady rate while it went on.
        share: of the requests through an entry node, what may be lost.
        change: what went on, in a clause (``it was updated``).
        remedy: what a person can do, or look at, next.
    """
    parts = []
    for entry in traffic.entries:
        samples = traffic.at(entry)
        lost = [one for one in samples if not one.ok]
        if not samples:
            parts.append(blind(f"{entry}: no request was sent while {change}"))
        elif len(lost) > share * len(samples):
            kinds = tally(Counter(one.outcome.value for one in lost))
            sentence = f"{entry}: {len(lost)} of {count(len(samples), 'request')} lost while {change}"
            parts.append(
                bad(
                    sentence,
                    Finding(
                        "lost-in-change",
                        Subject(node=entry, service=traffic.service),
                        f"{sentence} ({kinds}), {share:.1%} allowed",
                        (),
                        remedy,
                    ),
                )
            )
    return parts or ([] if traffic.entries else [blind(f"no node was asked while {change}")])


__all__ = ["told", "within"]
