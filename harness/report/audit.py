"""An audit as a document for programs, and on a person's terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.judge.verdict import Finding, State, Verdict
from harness.mesh.explain import Step
from harness.mesh.findings import Audit, Cell
from harness.report.summary import MARK, STYLE
from harness.report.terminal import harmless

_CELLS = {
    Cell.OK: ("ok", "green"),
    Cell.BROKEN: ("BROKEN", "bold red"),
    Cell.UNKNOWN: ("unknown", "yellow"),
    Cell.SETTLING: ("settling", "cyan"),
    Cell.SKIPPED: ("skipped", "dim"),
    Cell.ABSENT: ("-", "dim"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class CellOf(_Part):
    """How a service stands on a node."""

    service: str
    node: str
    state: Cell


class Found(_Part):
    """A finding: ``expected`` and ``seen`` as the kernel prints them, ``command`` as a person types it."""

    name: str
    node: str
    namespace: str
    service: str
    address: str
    sentence: str
    expected: str
    seen: str
    modes: tuple[str, ...]
    cause: str
    remedy: str
    command: str


class Untold(_Part):
    """Something that could not be read or understood, and why."""

    node: str
    namespace: str
    why: str


class Remarked(_Part):
    """Something worth to know that decides nothing; without a node it is about the whole audit."""

    node: str
    namespace: str
    what: str


class Left(_Part):
    """A node that was not asked, and why."""

    node: str
    why: str


class AuditDocument(_Part):
    """The result of ``harness audit``; its keys are an interface with a version."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    run: str
    target: str
    verdict: State
    sentence: str
    seconds: float
    cells: tuple[CellOf, ...] = ()
    findings: tuple[Found, ...] = ()
    unknowns: tuple[Untold, ...] = ()
    remarks: tuple[Remarked, ...] = ()
    skipped: tuple[Left, ...] = ()
    numbers: dict[str, Any] = Field(default_factory=dict)

    def json_text(self) -> str:
        """The document as JSON text."""
        return self.model_dump_json(by_alias=True, indent=2)


def document(run: str, target: str, seconds: float, verdict: Verdict, audit: Audit) -> AuditDocument:
    """The document of an audit and of the verdict on it."""
    return AuditDocument(
        run=run,
        target=target,
        verdict=verdict.state,
        sentence=verdict.sentence,
        seconds=round(seconds, 2),
        cells=tuple(CellOf(service=service, node=node, state=state) for service, node, state in audit.cells),
        findings=tuple(_found(one) for one in verdict.findings),
        unknowns=tuple(Untold(node=node, namespace=place, why=why) for node, place, why in audit.unknowns),
        remarks=tuple(Remarked(node=node, namespace=at, what=what) for node, at, what in audit.remarks),
        skipped=tuple(Left(node=node, why=why) for node, why in audit.skipped),
        numbers=dict(verdict.numbers),
    )


def _found(finding: Finding) -> Found:
    subject = finding.subject
    return Found(
        name=finding.name,
        node=subject.node,
        namespace=subject.namespace,
        service=subject.service,
        address=subject.address,
        sentence=finding.sentence,
        expected=finding.expected,
        seen=finding.seen,
        modes=finding.modes,
        cause=finding.cause,
        remedy=finding.remedy,
        command=finding.command,
    )


def show(found: AuditDocument, console: Console) -> None:
    """Print the verdict, the table of services and nodes, and every finding with what to type."""
    console.print(Text(harmless(f"{found.verdict}: {found.sentence}"), style=STYLE[found.verdict]))
    if found.cells:
        console.print(_table(found))
    for one in found.findings:
        console.print(Text(f"{MARK[State.REFUTED]} {one.name}", style=STYLE[State.REFUTED]))
        where = ", ".join(part for part in (one.node, one.namespace, one.service, one.address) if part)
        facts = (
            ("where   ", where),
            ("expected", one.expected),
            ("seen    ", one.seen),
            ("cause   ", f"{one.cause} ({', '.join(one.modes)})" if one.modes else one.cause),
            ("remedy  ", one.remedy),
            ("look    ", one.command),
        )
        _lines(facts, console)
    for gap in found.unknowns:
        where = ", ".join(part for part in (gap.node, gap.namespace) if part)
        console.print(Text(harmless(f"{MARK[State.UNKNOWN]} {where}: {gap.why}"), style=STYLE[State.UNKNOWN]))
    for noted in found.remarks:
        where = ", ".join(part for part in (noted.node, noted.namespace) if part)
        told = f"{where}: {noted.what}" if where else noted.what
        console.print(Text(harmless(f"- remark: {told}"), style="dim"))
    for left in found.skipped:
        console.print(Text(harmless(f"- {left.node} skipped: {left.why}"), style="dim"))


def show_walk(node: str, steps: Iterable[Step], console: Console) -> None:
    """Print a packet's way through a node, step by step, each with the command that shows it."""
    way = ""
    for step in steps:
        if step.way != way:
            way = step.way
            console.print(Text(harmless(f"{node}, {way}"), style="bold"))
        state = {True: State.UPHELD, False: State.REFUTED, None: State.UNKNOWN}[step.ok]
        told = f"{MARK[state]} {step.title} ({step.place})"
        console.print(Text(harmless(told), style=STYLE[state]))
        _lines((("expected", step.trouble), ("seen    ", step.seen), ("look    ", step.command)), console)


def _table(found: AuditDocument) -> Table:
    nodes = list(dict.fromkeys(cell.node for cell in found.cells))
    states = {(cell.service, cell.node): cell.state for cell in found.cells}
    table = Table("service", *map(harmless, nodes))
    for service in dict.fromkeys(cell.service for cell in found.cells):
        row = [_CELLS[states.get((service, node), Cell.ABSENT)] for node in nodes]
        table.add_row(harmless(service), *(Text(word, style=style) for word, style in row))
    return table


def _lines(facts: Iterable[tuple[str, str]], console: Console) -> None:
    for label, told in facts:
        if told:
            line = Text.assemble((f"{label}  ", "dim"), harmless(told))
            console.print(Padding(line, (0, 0, 0, 4)) if console.is_terminal else Text.assemble("    ", line))
