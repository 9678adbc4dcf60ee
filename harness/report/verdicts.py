"""From a saved run to its verdicts document: the one thing that the page, JUnit and CI read.

The document's keys are an interface with a version; ``Document`` refuses what does not fit.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness import checks as known
from harness import judge
from harness.errors import Exit
from harness.evidence import Balancers, Cluster
from harness.journal import Claim, Saved
from harness.judge import machine
from harness.judge.verdict import Finding, State, Subject, Verdict, replay, unknown, worst

SCHEMA = 1
_RUN = re.compile(r"^h-[0-9a-f]{6}-")  # what tells the names of runs apart


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class About(_Part):
    """What a check is about; empty fields do not apply."""

    node: str = ""
    service: str = ""
    path: str = ""
    replica: str = ""
    namespace: str = ""
    address: str = ""

    @property
    def text(self) -> str:
        """``node swarm-worker1, path ingress``; empty if nothing applies."""
        named = {"node": self.node, "path": self.path, "replica": self.replica[:12], "service": self.service}
        return ", ".join(f"{what} {value}" for what, value in named.items() if value)


class Checked(_Part):
    """One claim and what was judged of it; ``numbers`` holds JSON values."""

    id: str
    claim: str
    verdict: State
    sentence: str
    subject: About = About()
    witnesses: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    finding: str = ""
    remedy: str = ""
    numbers: dict[str, Any] = Field(default_factory=dict)


class Skipped(_Part):
    """A check that was left out, and why; it changes no verdict."""

    id: str
    why: str


class Document(_Part):
    """All verdicts of a run."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    run: str
    target: dict[str, Any]
    verdict: State
    checks: tuple[Checked, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def total(self) -> int:
        """Number of claims, those skipped included."""
        return len(self.checks) + len(self.skipped)

    @property
    def exit(self) -> Exit:
        """The exit code of a run with this verdict."""
        return {State.UPHELD: Exit.UPHELD, State.REFUTED: Exit.REFUTED, State.UNKNOWN: Exit.UNKNOWN}[
            self.verdict
        ]

    def of(self, state: State) -> tuple[Checked, ...]:
        """The checks with this verdict, in order."""
        return tuple(check for check in self.checks if check.verdict is state)

    def grouped(self, state: State) -> tuple[tuple[Checked, ...], ...]:
        """The checks with this verdict; those that tell of the same thing in the same words together."""
        groups: dict[tuple[str, str], list[Checked]] = {}
        for check in self.of(state):
            groups.setdefault((check.finding, check.sentence), []).append(check)
        return tuple(tuple(checks) for checks in groups.values())

    def label(self, check: Checked) -> str:
        """The check's id; where claims share it, with what tells them apart: ``spread.even (vip)``."""
        same = [one for one in self.checks if one.id == check.id]
        if len(same) == 1:
            return check.id
        services = [_RUN.sub("", one.subject.service) for one in same]
        ports = [f"{name}:{one.numbers.get('port', '')}" for name, one in zip(services, same, strict=True)]
        for values in ([one.subject.path for one in same], services, ports):
            if len(set(values)) == len(values) and all(values):
                return f"{check.id} ({values[next(n for n, one in enumerate(same) if one is check)]})"
        return f"{check.id} (claim {next(n for n, one in enumerate(same, start=1) if one is check)})"

    def json_text(self) -> str:
        """The document as JSON text; infinities become null."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"

    def data(self) -> dict[str, Any]:
        """The document as JSON data."""
        return dict(json.loads(self.json_text()))


def document(saved: Saved, claims: Iterable[Claim] | None = None) -> Document:
    """The verdicts of a run.

    Checks that the run was asked for and never reached are *unknown*; of a run in which nothing was
    verified the verdict is *unknown*.

    Args:
        saved: the run's journal.
        claims: judged again; by default as recorded.
    """
    environment = saved.run.get("environment", {})
    expected = [str(check) for check in environment.get("checks", ())]
    judged = [_checked(claim) for claim in (saved.claims if claims is None else claims)]
    reached = {check.id for check in judged}
    skipped = tuple(
        Skipped(id=check, why=why)
        for check, why in {str(one["check"]): str(one.get("why", "")) for one in saved.of("skipped")}.items()
        if check not in reached
    )
    left_out = {one.id for one in skipped}
    missed = [
        Checked(id=check, claim=_claim_of(check), verdict=State.UNKNOWN, sentence=_why_unreached(saved))
        for check in expected
        if check not in reached | left_out
    ]
    order = {check: number for number, check in enumerate(expected)}
    every = sorted([*judged, *missed], key=lambda check: order.get(check.id, len(order)))
    return Document(
        run=str(saved.run.get("run", "")),
        target=_target(saved, environment),
        verdict=worst(check.verdict for check in every),
        checks=tuple(every),
        skipped=skipped,
    )


def rejudge(saved: Saved) -> tuple[Claim, ...]:
    """Judge a saved run again: each claim's judge on the evidence that the journal holds now.

    A claim without a basis (nothing could be judged then) stays as it was; one whose judge or evidence is
    not there any more becomes *unknown*.
    """
    for module in pkgutil.iter_modules(judge.__path__):
        importlib.import_module(f"{judge.__name__}.{module.name}")
    for beside in ("verdict", "walking"):  # the third witness judges beside its tables
        importlib.import_module(f"harness.mesh.{beside}")
    seen, spans = machine.uses(saved.of("machine")), saved.spans
    return tuple(
        dataclasses.replace(claim, verdict=machine.excused(_again(claim, saved), seen, spans))
        for claim in saved.claims
    )


def _again(claim: Claim, saved: Saved) -> Verdict:
    basis = claim.verdict.basis
    if basis is None:
        return claim.verdict
    try:
        return replay(basis, saved.evidence)
    except (KeyError, TypeError, ValueError) as error:
        told = f"{error} is not there" if isinstance(error, KeyError) else str(error)
        return dataclasses.replace(
            unknown(f"it cannot be judged again: {told}"), basis=basis, subject=claim.verdict.subject
        )


def _checked(claim: Claim) -> Checked:
    verdict, findings = claim.verdict, claim.verdict.findings
    numbers = dict(verdict.numbers)
    if len(findings) > 1:
        numbers["findings"] = [dataclasses.asdict(finding) for finding in findings]
    return Checked(
        id=claim.check,
        claim=claim.title,
        verdict=verdict.state,
        sentence=verdict.sentence,
        subject=_about(verdict.subject, findings),
        witnesses=verdict.witnesses,
        modes=tuple(dict.fromkeys(mode for finding in findings for mode in finding.modes)),
        finding=findings[0].name if findings else "",
        remedy=findings[0].remedy if findings else "",
        numbers=numbers,
    )


def _about(subject: Subject, findings: tuple[Finding, ...]) -> About:
    """The verdict's subject, completed by what all its findings have in common."""
    told = dataclasses.asdict(subject)
    for field, value in told.items():
        common = {getattr(finding.subject, field) for finding in findings}
        if not value and len(common) == 1:
            told[field] = common.pop()
    return About(**told)


def _claim_of(check: str) -> str:
    try:
        return known.claim_of(check)
    except KeyError:
        return check


def _why_unreached(saved: Saved) -> str:
    reasons = [str(one.get("text", "")) for kind in ("trouble", "note") for one in saved.of(kind)]
    if saved.torn:
        reasons.append("the run was killed")
    return f"never reached: {reasons[0]}" if reasons else "never reached"


def _target(saved: Saved, environment: Mapping[str, Any]) -> dict[str, Any]:
    clusters = [one for one in saved.evidence.values() if isinstance(one, Cluster)]
    tables = [one for one in saved.evidence.values() if isinstance(one, Balancers)]
    last = clusters[-1] if clusters else None
    return {
        "name": str(environment.get("target", "")),
        "engine": last.engine if last else "",
        "api": last.api if last else "",
        "kernel": dict(last.kernels) if last else {},
        "nodes": [dataclasses.asdict(node) for node in last.nodes] if last else [],
        "scheduler": sorted({server.scheduler for table in tables for server in table.servers}),
    }
