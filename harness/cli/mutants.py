"""``harness mutants``: plant every fault there is on a lab, one at a time: is it seen, and is it named?"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness import config, lab
from harness.cli import console
from harness.cli.options import Config, Json
from harness.errors import Exit, HarnessError
from harness.lab import enter
from harness.mutants import mutant as rows
from harness.mutants import pages, result
from harness.mutants.mutant import Mutant
from harness.mutants.result import Result, Results
from harness.progress import Progress
from harness.report.terminal import console as terminal
from harness.request import REPORTS, new_run, short_id

_PAGES = ("README.md", "docs/mutants.md")
_GOODBYE = 120.0  # seconds that a child may take to heal and to remove its services after Ctrl-C


def mutants_command(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID ...]",
            help="Mutants, modes or groups, such as B4a, B4 or B; B2 is one mutant, B2* its whole mode.",
        ),
    ] = None,
    config_file: Config = Path("harness.toml"),
    as_json: Json = False,
    listed: Annotated[bool, typer.Option("--list", help="Only list them.")] = False,
    write: Annotated[
        bool,
        typer.Option("--write", help="Keep the results in tests/mutants/, README.md and docs/mutants.md."),
    ] = False,
    node: Annotated[str, typer.Option(help="The node of the lab that is hurt.")] = "swarm-worker1",
) -> int:
    """Break a lab's node in every known way, one at a time, and see whether the harness notices.

    Each fault is planted on a converged service, looked at by the witnesses that must see it, healed, and the
    swarm is clean again before the next. Exits 0 when every one asked for was caught and named.
    """
    every = rows.load()
    chosen = rows.chosen(every, ids or ())
    if listed:
        return _list(chosen, as_json=as_json)
    settings = config.load(config_file, required=config_file != Path("harness.toml"))
    if lab.find() is None:
        return _with_a_lab_of_its_own(quiet=as_json)
    if not enter.inside():
        enter.enter([sys.executable, "-m", "harness", *sys.argv[1:]])
    with console.live(quiet=as_json) as progress:
        found, kernel, engine = _tried(chosen, settings, node, progress)
    known = [one.id for one in every]
    fresh = Results().with_(found, engine=engine, kernel=kernel, known=known)
    if write:
        kept = result.load(rows.HOME).with_(found, engine=engine, kernel=kernel, known=known)
        result.save(rows.HOME, kept)
        _draw(kept)
    return _told(fresh, as_json=as_json)


def _tried(
    chosen: Sequence[Mutant], settings: config.Settings, node: str, progress: Progress
) -> tuple[list[Result], str, str]:
    from harness.journal import Journal  # noqa: PLC0415  after the lab's network was entered
    from harness.mutants import ground, trial  # noqa: PLC0415  see above
    from harness.stage import opening  # noqa: PLC0415  the engine client is needed from here on
    from harness.swarm.cluster import Swarm  # noqa: PLC0415  see above

    folder, found = new_run(REPORTS), []
    with (
        Journal(folder / "journal.jsonl") as journal,
        opening.engine("lab", settings) as engine,
        Swarm(engine, journal, short_id(folder), progress=progress) as swarm,
    ):
        journal.begin(folder.name, profile="mutants", target="lab")
        info = engine.info()
        with swarm.lock(), ground.prepared(lab.require(), swarm, settings, node) as planted_in:
            for mutant in chosen:
                try:
                    found.append(trial.run(mutant, planted_in, progress))
                except HarnessError as error:  # nothing more can be tried; what was seen is kept
                    found.append(result.failed(mutant, str(error)).model_copy(update={"troubled": True}))
                    break
                finally:
                    for one in found[-1:]:
                        journal.write("mutant", **one.model_dump(mode="json"))
    return found, info.kernel, engine.version().engine


def _with_a_lab_of_its_own(*, quiet: bool) -> int:
    """Bring a lab up, run this very command on it, take it down."""
    with contextlib.ExitStack() as undo:
        with console.live(quiet=quiet) as progress:
            undo.callback(lab.down)
            lab.up(progress=progress)
        child = subprocess.Popen(
            enter.command([sys.executable, "-m", "harness", *sys.argv[1:]]),
            start_new_session=True,  # Ctrl-C goes through us, once
        )
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_GOODBYE)
            raise
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


def _list(chosen: Sequence[Mutant], *, as_json: bool) -> int:
    if as_json:
        typer.echo(
            json.dumps([{"id": one.id, "mode": one.mode, "title": one.title} for one in chosen], indent=1)
        )
        return Exit.UPHELD
    out = terminal()
    for one in chosen:
        wish = ", ".join(dict.fromkeys(wanted.finding for wanted in one.wanted)) or "by design"
        out.print(f"{one.id:5} {one.title}: {wish}")
    return Exit.UPHELD


def _draw(results: Results) -> None:
    root = rows.HOME.parents[1]
    untried = result.untried(rows.HOME)
    for name in _PAGES:
        page = root / name
        page.write_text(pages.drawn(page.read_text(), name, results, untried))


def _told(results: Results, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps(result.document(results), indent=1))
    else:
        out = terminal()
        for one in results.results:
            told = one.by_design or (", ".join(one.findings) if one.passed else pages.lacking(one))
            mark, seen = "✓" if one.passed else "✗", ", ".join(one.caught_by) or "nobody"
            out.print(f"{mark} {one.id:5} {one.title}  {one.seconds:.0f} s: seen by {seen}; {told}")
        score = result.Score.of(results.results)
        out.print(
            f"caught {score.caught} of {score.mutants}, named {score.named}, by design {score.by_design}"
        )
    return results.exit
