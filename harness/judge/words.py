"""How judges put parts together into one verdict with one sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.evidence import Roster
from harness.judge.verdict import Finding, State, Subject, Verdict, worst
from harness.model import Path, Replica

SHOWN = 3  # troubles that a sentence spells out; the findings hold all


@dataclasses.dataclass(frozen=True)
class Part:
    """What was found of one entry node, link or phase: its state, and why in a clause without full stop."""

    state: State
    text: str = ""
    findings: tuple[Finding, ...] = ()


GOOD = Part(State.UPHELD)


def bad(text: str, *findings: Finding) -> Part:
    """A broken part."""
    return Part(State.REFUTED, text, findings)


def blind(text: str) -> Part:
    """A part that could not be told."""
    return Part(State.UNKNOWN, text)


def replaced(roster: Roster) -> str:
    """Which replicas came and went while they were asked, in a clause; empty if none did."""
    return changed(roster.came, roster.went)


def changed(came: Iterable[Replica], went: Iterable[Replica]) -> str:
    """The same of replicas by themselves."""
    told = [
        f"{listed([one.label for one in replicas])} {verb}"
        for verb, replicas in (("ended", tuple(went)), ("came", tuple(came)))
        if replicas
    ]
    return f"while it was asked, {' and '.join(told)}" if told else ""


def conclude(
    parts: Sequence[Part],
    good: str,
    *,
    subject: Subject,
    witnesses: tuple[str, ...],
    numbers: Mapping[str, Any],
) -> Verdict:
    """One verdict of ``parts``: the worst of their states.

    Args:
        parts: none at all gives *unknown*.
        good: the whole sentence of an upheld verdict, with its numbers.
        subject: what all parts have in common; with a single finding, that finding's subject.
        witnesses: of ``outside``, ``inside``, ``kernel``.
        numbers: JSON values.
    """
    state = worst(part.state for part in parts)
    findings = unique(finding for part in parts for finding in part.findings)
    if state is State.UPHELD:
        sentence = good
    else:
        broken = listed([part.text for part in parts if part.state is State.REFUTED and part.text], "; ")
        dark = listed([part.text for part in parts if part.state is State.UNKNOWN and part.text], "; ")
        pieces = [broken] if broken else []
        if dark:
            pieces.append(f"could not be told: {dark}" if broken else dark)
        sentence = "; ".join(pieces) or "nothing was measured"
    return Verdict(
        state,
        sentence,
        dict(numbers),
        findings,
        findings[0].subject if len(findings) == 1 else subject,
        witnesses,
    )


def unique(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings without repetition, in order."""
    return tuple(dict.fromkeys(findings))


def listed(items: Sequence[str], glue: str = ", ") -> str:
    """Items in one line; more than a sentence can hold are counted."""
    shown = list(items[:SHOWN])
    if len(items) > SHOWN:
        shown.append(f"and {len(items) - SHOWN} more")
    return glue.join(shown)


def count(number: int, noun: str) -> str:
    """``3 replicas``, ``1 replica``; nouns in -ch, -s, -x take -es, in -y preceded by a consonant -ies."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith(("ch", "s", "x")):
        return f"{number} {noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}s"


def tally(counts: Mapping[str, int]) -> str:
    """``3 refused, 1 read-timeout``; the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {name}" for name, number in ordered)


def seconds(value: float) -> str:
    """``5.42 s``, without useless zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") + " s"


def witness(path: Path) -> str:
    """Who saw traffic of this path: from outside the swarm, or a job within it."""
    return "outside" if path is Path.INGRESS else "inside"
