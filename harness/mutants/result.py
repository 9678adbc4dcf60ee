"""What came of trials: values, the versioned file they are kept in, and the tables drawn from it."""

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
_BEGIN, _END = "<!-- mutants: written by harness mutants --write -->", "<!-- end of mutants -->"
_GROUPS = {
    "A": "host entry",
    "B": "IPVS, ingress sandbox, load balancers",
    "C": "overlay, vxlan",
    "D": "gossip",
    "E": "names",
    "F": "addresses",
}


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
        """Whether it was caught and named."""
        return self.caught and (self.named or bool(self.by_design))

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


def summary(results: Results, untried: Mapping[str, str]) -> str:
    """The README's table: a line per group, the score, and all that is missing."""
    rows = [
        "| group | mutants | by traffic | by the audit | by both | caught | named |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for group, title in _GROUPS.items():
        some = [one for one in results.results if one.mode.startswith(group)]
        if some:
            rows.append(_line(f"{group}: {title}", Score.of(some)))
    rows.append(_line("all", Score.of(results.results)))
    told = [f"- {one.id}, {one.title}: {lacking(one)}" for one in results.results if not one.passed]
    design = [f"- {one.id}, {one.title}: {one.by_design}" for one in results.results if one.by_design]
    head = f"Engine {results.engine}, kernel {results.kernel}, {results.date}."
    parts = [head, "\n".join(rows)]
    parts += ["By design, measured instead of judged:\n\n" + "\n".join(design)] if design else []
    parts += ["Not caught, or not named:\n\n" + "\n".join(told)] if told else []
    left = [f"- {mode}: {why}" for mode, why in untried.items()]
    parts += ["Not tried:\n\n" + "\n".join(left)] if left else []
    return "\n\n".join(parts)


def drawn(text: str, name: str, results: Results, untried: Mapping[str, str]) -> str:
    """A page as it must be: its table drawn from the results."""
    return written_into(text, summary(results, untried) if name == "README.md" else details(results))


def details(results: Results) -> str:
    """Every mutant in a line, for the page in docs/."""
    rows = ["| id | what is broken | seen by | finding | |", "|---|---|---|---|---|"]
    for one in results.results:
        names = ", ".join(dict.fromkeys(f"`{told.partition(' ')[0]}`" for told in one.findings)) or "-"
        seen = ", ".join(one.caught_by) or "-"
        verdict = (
            "by design" if one.by_design else "named" if one.passed else "caught" if one.caught else "missed"
        )
        rows.append(f"| {one.id} | {one.title} | {seen} | {names} | {verdict} |")
    return "\n".join(rows)


def lacking(one: Result) -> str:
    """What a result lacks, in words."""
    silent = sorted(set(one.witnesses) - set(one.caught_by))
    return one.why or (f"{', '.join(silent)} did not refute" if silent else "not named exactly")


def written_into(text: str, table: str) -> str:
    """A page with the part between its marks replaced.

    Raises:
        RequestError: the page has no marks.
    """
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise RequestError(f"the page has no line {_BEGIN} with {_END} after it")
    return f"{head}{begin}\n\n{table}\n\n{end}{tail}"


def _line(title: str, score: Score) -> str:
    counts = (score.mutants, score.black_box, score.audited, score.both, score.caught)
    return f"| {title} | {' | '.join(map(str, counts))} | {_named(score)} |"


def _named(score: Score) -> str:
    return f"{score.named}, {score.by_design} by design" if score.by_design else str(score.named)


def document(results: Results) -> Mapping[str, object]:
    """For programs."""
    score = Score.of(results.results)
    return {
        "schema": SCHEMA,
        **results.model_dump(mode="json", exclude={"schema_"}),
        "score": dataclasses.asdict(score),
    }
