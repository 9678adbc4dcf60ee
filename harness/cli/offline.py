"""``harness judge RUN`` and ``harness report RUN``: work on a saved run, with the swarm gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from harness import journal, report
from harness.cli.options import Json
from harness.errors import RequestError
from harness.journal import Claim
from harness.report import write
from harness.request import REPORTS

Run: TypeAlias = Annotated[
    str, typer.Argument(help="A folder with a journal, the name of one in reports/, or latest.")
]


def judge_command(run: Run = "latest", as_json: Json = False) -> int:
    """Judge a saved run again: the recorded claims on the evidence that its journal holds now.

    Writes verdicts.json, junit.xml and report.html anew and exits with the code of the verdict.
    """
    folder = find_run(run)
    saved = journal.load(folder / write.JOURNAL)
    again = report.rejudge(saved)
    written = write.write(folder, saved, report.document(saved, again), latest=False)
    if as_json:
        typer.echo(json.dumps(written.document, indent=2))
    else:
        written.summary()
        for line in changes(saved.claims, again):
            typer.echo(line)
    return int(written.exit)


def report_command(run: Run = "latest") -> int:
    """Draw report.html of a saved run again, from its verdicts.json and its journal."""
    typer.echo(report.redraw(find_run(run)))
    return 0


def changes(before: tuple[Claim, ...], after: tuple[Claim, ...]) -> list[str]:
    """A line per claim whose verdict is another one now."""
    return [
        f"{old.check}: {old.verdict.state} when it ran, {new.verdict.state} now"
        for old, new in zip(before, after, strict=True)
        if old.verdict.state is not new.verdict.state
    ]


def find_run(name: str, reports: tuple[Path, ...] | None = None) -> Path:
    """The folder of a saved run.

    Args:
        name: a folder, or the name of one in ``reports``; ``latest`` is the newest.
        reports: where runs are looked for; by default ``reports`` here, then the project's.

    Raises:
        RequestError: there is no such run, or it has no journal.
    """
    places = (Path("reports"), REPORTS) if reports is None else reports
    for folder in (*(place / name for place in places), Path(name)):
        if (folder / write.JOURNAL).is_file():
            return folder.resolve()
    if name == "latest":
        raise RequestError("there is no saved run yet", remedy="harness gate makes one")
    runs = sorted(
        {path.parent.name for place in places for path in place.glob(f"*/{write.JOURNAL}")} - {"latest"}
    )
    known = f"known are {', '.join(runs[-3:])}" if runs else "there is none in reports/"
    raise RequestError(f"{name} is no saved run", remedy=known)
