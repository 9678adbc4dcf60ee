"""What came of trials: values, and the versioned file they are kept in."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import Exit, RequestError
from harness.mutants.mutant import INSIDE, KERNEL, OUTSIDE, Mutant, place

FILE = "result.json"
SCHEMA = 1


class Result(BaseModel):
    """What came of one mutant.

    Attributes:
        witnesses: who had to refute; ``caught_by``: who did.
        named: whether the audit told exactly the wanted findings and no other.
        findings: all that the audit told, as ``name at node, namespace, service, address``.
        by_design: what was measured of a mode that is no fault; empty otherwise.
        why: what is missing if it was not caught or not named.
        troubled: it could not be planted, looked at or healed: nothing is known of it.
        seconds: from planted to healed and clean again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    mode: str
    title: str
    witnesses: tuple[str, ...]
    caught_by: tuple[str, ...] = ()
    named: bool = False
    findings: tuple[str, ...] = ()
    by_design: str = ""
    why: str = ""
    seconds: float = 0.0
    measured: str = ""
    troubled: bool = False

    @property
    def caught(self) -> bool:
        """Whether every witness that had to see it refuted; of a mode by design, whether it was measured."""
        return bool(self.by_design) or (bool(self.witnesses) and set(self.witnesses) <= set(self.caught_by))

    @property
    def passed(self) -> bool:
        """Whether it was caught and named, and all was clean again afterwards."""
        return self.caught and not self.troubled and (self.named or bool(self.by_design))

    @property
    def black_box(self) -> bool:
        """Whether traffic saw it."""
        return bool({OUTSIDE, INSIDE} & set(self.caught_by))

    @property
    def audited(self) -> bool:
        """Whether the audit saw it."""
        return KERNEL in self.caught_by

    def after(self, seconds: float) -> Result:
        """The same, dated, with how long it took."""
        return self.model_copy(
            update={"seconds": round(seconds, 1), "measured": time.strftime("%Y-%m-%d", time.gmtime())}
        )


class Results(BaseModel):
    """All that was measured: on which engine and kernel, and of which mutants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: int = SCHEMA
    engine: str = ""
    kernel: str = ""
    date: str = ""
    results: tuple[Result, ...] = ()

    def with_(self, more: Iterable[Result], *, engine: str, kernel: str, known: Sequence[str]) -> Results:
        """These results replace earlier ones of the same ids; those of mutants no longer known go."""
        found = {one.id: one for one in (*self.results, *more) if one.id in known}
        ordered = tuple(found[key] for key in sorted(found, key=place))
        date = max((one.measured for one in ordered), default="")
        return Results(engine=engine, kernel=kernel, date=date, results=ordered)

    @property
    def exit(self) -> Exit:
        """0 if every one was caught and named, 1 if one was not, 3 if one could not be tried."""
        missed = [one for one in self.results if not one.passed]
        if any(not one.troubled for one in missed):
            return Exit.REFUTED
        return Exit.UNKNOWN if missed else Exit.UPHELD


@dataclasses.dataclass(frozen=True)
class Score:
    """Counts over some results."""

    mutants: int
    black_box: int
    audited: int
    both: int
    caught: int
    named: int
    by_design: int

    @classmethod
    def of(cls, results: Sequence[Result]) -> Score:
        """Count."""
        return cls(
            len(results),
            sum(one.black_box for one in results),
            sum(one.audited for one in results),
            sum(one.black_box and one.audited for one in results),
            sum(one.caught for one in results),
            sum(one.named for one in results),
            sum(bool(one.by_design) for one in results),
        )


def failed(mutant: Mutant, why: str) -> Result:
    """A trial that came to nothing."""
    return Result(
        id=mutant.id,
        mode=mutant.mode,
        title=mutant.title,
        witnesses=tuple(sorted(mutant.witnesses)),
        why=why,
    )


def load(home: Path) -> Results:
    """The versioned file; nothing measured if there is none.

    Raises:
        RequestError: it is not what it should be.
    """
    file = home / FILE
    if not file.exists():
        return Results()
    try:
        return Results.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise RequestError(f"{file} holds no results", remedy=str(error).splitlines()[0]) from error


def untried(home: Path) -> dict[str, str]:
    """Modes of the scope without a mutant, with the reason."""
    found: dict[str, str] = json.loads((home / "untried.json").read_text())
    return found


def save(home: Path, results: Results) -> None:
    """Write the versioned file."""
    text = json.dumps(results.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (home / FILE).write_text(text + "\n")


def document(results: Results) -> Mapping[str, object]:
    """For programs."""
    score = Score.of(results.results)
    return {
        "schema": SCHEMA,
        **results.model_dump(mode="json", exclude={"schema_"}),
        "score": dataclasses.asdict(score),
    }
