"""``harness doctor``: the preflight. Can this swarm work, and what can be verified on it?"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import typer

from harness import checks, config, lab
from harness.cli import console
from harness.cli.options import Config, Json, TargetOption
from harness.doctor.lines import Line, exit_of
from harness.doctor.preflight import examine
from harness.lab import enter
from harness.report.terminal import console as terminal
from harness.request import REPORTS, Request, new_run, short_id

CHECK = "swarm.preflight"


def doctor_command(
    target: TargetOption = None,
    config_file: Config = Path("harness.toml"),
    as_json: Json = False,
) -> int:
    """Look before the swarm is verified: kernels, firewalls, subnets, versions, clocks, room, images, ports.

    One line per check: ok, warn, stop or unknown, each with the remedy. Exits with 0 where nothing stops,
    1 where the swarm itself cannot work, 2 where it can but a run on it cannot be carried out (a port is
    taken, an image is nowhere, too few nodes), 3 where what might stop could not be told.

    A short job reads every node that takes tasks, and is removed again; its kernel may load modules that an
    engine would load. The evidence is saved under reports/.
    """
    settings = config.load(config_file, required=config_file != Path("harness.toml"))
    target = target or settings.target
    if target == "lab":
        lab.require()
        if not enter.inside():
            enter.enter([sys.executable, "-m", "harness", *sys.argv[1:]])
    folder = new_run(REPORTS)
    try:
        seconds, lines = _examined(folder, target, settings, config_file, quiet=as_json)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # without evidence
        raise
    return _told(folder, target, seconds, lines, as_json=as_json)


def _examined(
    folder: Path, target: str, settings: config.Settings, config_file: Path, *, quiet: bool
) -> tuple[float, tuple[Line, ...]]:
    """The lines, and how long they took; the evidence and the verdict on it are in the run's folder."""
    from harness.journal import Journal  # noqa: PLC0415  after the lab's network was entered
    from harness.stage import opening, preflight  # noqa: PLC0415  the engine client is needed from here on
    from harness.swarm.cluster import Swarm  # noqa: PLC0415  see above

    named = config_file.absolute() if config_file.exists() else None
    Request(target, "doctor", (CHECK,), named).save(folder)
    began = time.monotonic()
    with (
        console.live(quiet=quiet) as progress,
        Journal(folder / "journal.jsonl") as journal,
        opening.engine(target, settings) as engine,
        Swarm(engine, journal, short_id(folder), addresses=settings.nodes) as swarm,
    ):
        journal.begin(folder.name, profile="doctor", checks=[CHECK], target=target)
        taken = preflight.take(swarm, settings, progress, in_lab=target == "lab")
        journal.claim(CHECK, checks.claim_of(CHECK), taken.judged())
    return time.monotonic() - began, examine(taken.ground)


def _told(folder: Path, target: str, seconds: float, lines: tuple[Line, ...], *, as_json: bool) -> int:
    from harness import report  # noqa: PLC0415  drawing costs time that errors should not
    from harness.report import doctor  # noqa: PLC0415  see above

    report.write_all(folder)
    found = doctor.document(folder.name, target, seconds, lines)
    if as_json:
        typer.echo(found.json_text())
        return int(exit_of(lines))
    out = terminal()
    doctor.show(found, out)
    out.print(f"took    {seconds:.1f} s; evidence in {folder}")
    return int(exit_of(lines))
