"""The terminal summary: the verdict with counts, broken promises, where the time went, the report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from harness.judge.verdict import State
from harness.report.terminal import duration, harmless
from harness.report.verdicts import Checked, Document

STYLE = {State.UPHELD: "green", State.REFUTED: "bold red", State.UNKNOWN: "yellow"}
MARK = {State.UPHELD: "✓", State.REFUTED: "✗", State.UNKNOWN: "?"}
_LONG = 160  # characters of a reason in the first line; it stands whole below
_WORTH_NAMING = 1.0  # seconds of a step that stands for itself where the time went
_NAMED = 3  # causes or reasons that the first line spells out


@dataclasses.dataclass(frozen=True)
class Phase:
    """A step of the run and its length in seconds."""

    name: str
    seconds: float


def headline(document: Document) -> str:
    """The verdict in one line with counts: ``refuted 2 of 24: dead-backend-at-entry at swarm-worker1``."""
    counts = {state: len(document.of(state)) for state in State}
    state = document.verdict
    if not document.checks:
        line = "unknown: nothing was verified"
    elif state is State.UPHELD:
        line = f"upheld {counts[state]} of {document.total}"
    else:
        named = _causes(document) if state is State.REFUTED else _reasons(document)
        line = f"{state} {counts[state]} of {document.total}: {named}"
    tail = []
    if state is State.REFUTED and counts[State.UNKNOWN]:
        tail.append(f"{counts[State.UNKNOWN]} unknown")
    if document.skipped:
        why = _listed([one.why for one in document.skipped if one.why])
        tail.append(f"{len(document.skipped)} skipped" + (f": {why}" if why else ""))
    return "; ".join([line, *tail])


def show(
    document: Document,
    phases: tuple[Phase, ...],
    page: Path,
    console: Console,
    kept: tuple[tuple[Path, str], ...] = (),
) -> None:
    """Print the summary.

    Args:
        document: the verdicts.
        phases: in the order in which they ended; one named ``all`` is the whole run.
        page: the report's page.
        console: where to; without a terminal plain lines, nothing decorative.
        kept: folders of what was kept at failures, each with the test that had failed.
    """
    console.print(Text(harmless(headline(document)), style=STYLE[document.verdict]))
    for state in (State.REFUTED, State.UNKNOWN):
        for same in document.grouped(state):
            _show_checks(same, document, console)
    if console.is_terminal:
        held = document.of(State.UPHELD)
        if held:
            console.print()
        for check in held:
            console.print(
                Text.assemble(
                    (f"{MARK[check.verdict]} ", "green"), document.label(check), (f"  {check.claim}", "dim")
                )
            )
    for one in document.skipped:
        console.print(Text.assemble("- ", one.id, (f"  skipped: {harmless(one.why)}", "dim")))
    if console.is_terminal:
        console.print()
    told = time_line(phases)
    if told:
        console.print(Text.assemble(("time    ", "dim"), told))
    for folder, test in kept:
        failed = harmless(f"  when {test} failed")
        console.print(Text.assemble(("kept    ", "dim"), str(folder), (failed, "dim")))
    console.print(Text.assemble(("report  ", "dim"), str(page)))


def time_line(phases: tuple[Phase, ...]) -> str:
    """Where the time went: the whole, then the steps, the longest first, the short ones as one sum.

    Empty if no step was recorded.
    """
    whole = [phase.seconds for phase in phases if phase.name == "all"]
    spent: dict[str, float] = {}
    for phase in phases:
        if phase.name != "all":
            spent[phase.name] = spent.get(phase.name, 0.0) + phase.seconds
    long = {name: seconds for name, seconds in spent.items() if seconds >= _WORTH_NAMING}
    rest = sum(spent.values()) - sum(long.values())
    between = whole[-1] - sum(spent.values()) if whole and spent else 0.0
    told = sorted(long.items(), key=lambda item: -item[1]) + ([("short steps", rest)] if rest else [])
    told += [("between steps", between)] if between >= _WORTH_NAMING else []
    steps = ", ".join(f"{name} {duration(seconds)}" for name, seconds in told)
    return ": ".join(part for part in (duration(whole[-1]) if whole else "", steps) if part)


def _show_checks(same: tuple[Checked, ...], document: Document, console: Console) -> None:
    """Several checks that tell of the same thing: their claims, then once what was seen."""
    if console.is_terminal:
        console.print()
    for one in same:
        mark = f"{MARK[one.verdict]} {document.label(one)}"
        console.print(Text.assemble((mark, STYLE[one.verdict]), f"  {one.claim}"))
    check = same[0]
    facts = [("", check.sentence)]
    if check.finding:
        where = f" at {check.subject.node}" if check.subject.node else ""
        modes = f" ({', '.join(check.modes)})" if check.modes else ""
        facts.append(("cause   ", f"{check.finding}{where}{modes}"))
    if check.remedy:
        facts.append(("remedy  ", check.remedy))
    for label, text in facts:
        line = Text.assemble((label, "dim"), harmless(text))
        # padding wraps at the terminal's width; elsewhere a line stays whole so that it can be searched
        console.print(Padding(line, (0, 0, 0, 4)) if console.is_terminal else Text.assemble("    ", line))


def _causes(document: Document) -> str:
    causes = []
    for check in document.of(State.REFUTED):
        where = f" at {check.subject.node}" if check.subject.node else ""
        causes.append(f"{check.finding}{where}" if check.finding else document.label(check))
    return _listed(causes)


def _reasons(document: Document) -> str:
    checks = document.of(State.UNKNOWN)
    sentences = {check.sentence for check in checks}
    return (
        _cut(sentences.pop()) if len(sentences) == 1 else _listed([document.label(check) for check in checks])
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _listed(items: list[str]) -> str:
    distinct = list(dict.fromkeys(items))
    rest = len(distinct) - _NAMED
    return ", ".join([*distinct[:_NAMED], *([f"and {rest} more"] if rest > 0 else [])])
