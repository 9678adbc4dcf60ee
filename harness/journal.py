"""Everything a run did and saw, as JSON lines on one monotonic clock, readable after a crash.

A line is written whole and at once, so a run that was killed leaves at most one torn line at the end.
Samples have lines of their own and are what a judgement is repeated from: alter one and the verdict changes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.clock import SYSTEM, Clock
from harness.errors import RequestError
from harness.evidence import KINDS, Evidence, Span, Traffic, span
from harness.judge.verdict import Basis, State, Subject, Verdict
from harness.model import Sample

SCHEMA = 1
E = TypeVar("E")
_SAMPLE = TypeAdapter(Sample)
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in KINDS.items()}


@dataclasses.dataclass(frozen=True)
class Claim:
    """A promise and what was judged of it, as recorded."""

    check: str
    title: str
    verdict: Verdict
    suite: str = ""


class Journal:
    """The open journal of one run; safe to use from several threads."""

    def __init__(self, path: Path, *, clock: Clock = SYSTEM) -> None:
        self.path = path
        self.clock = clock
        self._lock = threading.Lock()
        self._ids: Counter[str] = Counter()
        self.spans: dict[str, Span] = {}  # from when to when kept evidence was gathered, by its id
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; further writes raise OSError."""
        os.close(self._file)

    def new_id(self, kind: str) -> str:
        """An id for a piece of evidence, unique in this run: ``traffic-3``."""
        with self._lock:
            self._ids[kind] += 1
            return f"{kind}-{self._ids[kind]}"

    def write(self, kind: str, **fields: Any) -> None:
        """Append one line of ``kind``; ``t`` is now (seconds, monotonic) unless given."""
        self._append([{"kind": kind, "t": round(self.clock.now(), 6), **fields}])

    def begin(self, run: str, **environment: Any) -> None:
        """The first line: the run's id, the environment, and how this clock relates to the calendar."""
        self.write("run", schema=SCHEMA, run=run, wall=time.time(), environment=environment)

    def samples(self, traffic: str, samples: Iterable[Sample]) -> None:
        """Append samples of the traffic with this id, in one write."""
        self._append([{"kind": "sample", "in": traffic, **_sparse(sample)} for sample in samples])

    def keep(self, evidence: E) -> E:
        """Save ``evidence``; of a :class:`Traffic` the samples are expected to be written by ``samples``."""
        name = type(evidence).__name__.lower()
        plain = dataclasses.replace(evidence, samples=()) if isinstance(evidence, Traffic) else evidence
        data = _ADAPTERS[name].dump_python(plain, mode="json")
        self.write("evidence", type=name, id=data["id"], data=data)
        if (gathered := span(evidence)) is not None:
            self.spans[data["id"]] = gathered
        return evidence

    def claim(self, check: str, title: str, verdict: Verdict, *, suite: str = "") -> None:
        """Save what was judged, and how to judge it again."""
        self.write("claim", check=check, title=title, suite=suite, verdict=encode_verdict(verdict))

    def _append(self, records: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(record, separators=(",", ":"), default=str) + "\n" for record in records)
        with self._lock:
            os.write(self._file, text.encode())


def _sparse(sample: Sample) -> dict[str, Any]:
    data = _SAMPLE.dump_python(sample, mode="json", exclude_defaults=True)
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in data.items()}


def encode_verdict(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON data; the inverse of :func:`decode_verdict`."""
    return dict(TypeAdapter(Verdict).dump_python(verdict, mode="json", exclude_defaults=True))


def decode_verdict(data: Mapping[str, Any]) -> Verdict:
    """A verdict from JSON data.

    Raises:
        pydantic.ValidationError: the data is not a verdict's.
    """
    return TypeAdapter(Verdict).validate_python({"numbers": {}, **data})


@dataclasses.dataclass(frozen=True)
class Saved:
    """A journal read back.

    Attributes:
        records: every whole line, in file order.
        evidence: by id; a traffic holds its samples again.
        torn: whether the last line was cut off (the run was killed).
    """

    records: tuple[Mapping[str, Any], ...]
    evidence: Mapping[str, Evidence]
    claims: tuple[Claim, ...]
    torn: bool

    @property
    def run(self) -> Mapping[str, Any]:
        """The first line of the run, empty if it never began."""
        return next((record for record in self.records if record["kind"] == "run"), {})

    @property
    def spans(self) -> dict[str, Span]:
        """From when to when each piece of evidence was gathered, by its id."""
        found = {ident: span(kept) for ident, kept in self.evidence.items()}
        return {ident: gathered for ident, gathered in found.items() if gathered is not None}

    def of(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        """The records of one kind."""
        return tuple(record for record in self.records if record["kind"] == kind)


def load(path: Path) -> Saved:
    """Read a journal back.

    Raises:
        RequestError: there is no such file, or a line other than the last is no journal line.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read ({error.strerror})", remedy="name a run's folder"
        ) from error
    records: list[dict[str, Any]] = []
    torn = False
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            records.append(record if "kind" in record else {"kind": "?", **record})
        except (ValueError, TypeError) as error:
            if number != len(lines):
                raise RequestError(
                    f"{path} line {number} is not a journal line", remedy=str(error)
                ) from error
            torn = True
    try:
        return Saved(tuple(records), _evidence(records), _claims(records), torn)
    except (ValidationError, KeyError) as error:
        first = str(error).splitlines()[0]
        raise RequestError(f"{path} holds a record that this version cannot read", remedy=first) from error


def _evidence(records: list[dict[str, Any]]) -> dict[str, Evidence]:
    samples: dict[str, list[Sample]] = {}
    for record in records:
        if record["kind"] == "sample":
            fields = {key: value for key, value in record.items() if key not in {"kind", "in", "t"}}
            samples.setdefault(record["in"], []).append(_SAMPLE.validate_python(fields))
    found: dict[str, Evidence] = {}
    for record in records:
        if record["kind"] == "evidence":
            kept = _ADAPTERS[record["type"]].validate_python(record["data"])
            if isinstance(kept, Traffic):
                mine = sorted(samples.get(kept.id, []), key=lambda sample: (sample.planned, sample.seq))
                kept = dataclasses.replace(kept, samples=tuple(mine))
            found[record["id"]] = kept
    return found


def _claims(records: list[dict[str, Any]]) -> tuple[Claim, ...]:
    return tuple(
        Claim(record["check"], record["title"], decode_verdict(record["verdict"]), record.get("suite", ""))
        for record in records
        if record["kind"] == "claim"
    )


__all__ = ["Basis", "Claim", "Journal", "Saved", "State", "Subject", "load"]
