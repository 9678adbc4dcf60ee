"""``harness audit``: hold every node's kernel tables against what the manager says, in seconds."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from harness import checks, config, lab
from harness.cli import console
from harness.cli.options import Allow, Config, Json, TargetOption
from harness.errors import Exit, RequestError
from harness.inside.allowed import NODE_INSPECT, WARNING
from harness.inside.job import JobSwarm
from harness.lab import enter
from harness.mesh import taking
from harness.progress import Progress, step
from harness.report.terminal import console as terminal
from harness.request import REPORTS, Request, new_run, short_id

CHECK = "mesh.tables"
_EXITS = {"upheld": Exit.UPHELD, "refuted": Exit.REFUTED, "unknown": Exit.UNKNOWN}


def audit_command(
    target: TargetOption = None,
    config_file: Config = Path("harness.toml"),
    as_json: Json = False,
    allow: Allow = None,
    service: Annotated[
        list[str] | None, typer.Option("--service", help="Judge only these services, and the nodes.")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="SERVICE", help="Walk a packet's way to a service on every node."),
    ] = None,
) -> int:
    """Compare the kernel tables of every node with what the manager says must be there.

    A short job reads iptables, IPVS, VIPs, forwarding entries and settings on every node that takes tasks,
    and is removed again; nothing else is touched. The evidence is saved under reports/.
    With --allow node-inspect it also asks each node's engine what gossip told it, and looks for orphan
    containers, foreign listeners, bad certificates and known lines of dockerd's log.
    """
    for one in allow or ():
        if one != NODE_INSPECT:
            raise RequestError(f"unknown permission {one!r}", remedy=f"the only one is {NODE_INSPECT}")
    settings = config.load(config_file, required=config_file != Path("harness.toml"))
    target = target or settings.target
    if target == "lab":
        lab.require()
        if not enter.inside():
            enter.enter([sys.executable, "-m", "harness", *sys.argv[1:]])
    inspect = target == "lab" or bool(allow)
    if explain and as_json:
        raise RequestError("--explain is for people", remedy="leave --json or --explain out")
    if inspect and target != "lab":
        typer.echo(WARNING, err=as_json)
    with _taken(target, settings, config_file, quiet=as_json, inspect=inspect) as (folder, seconds, taken):
        wanted = [*(service or ()), *([explain] if explain else ())]
        known = {one.name for one in taken.after.services} | {one.name for one in taken.before.services}
        for name in wanted:
            if name not in known:
                raise RequestError(f"the swarm has no service {name}", remedy="docker service ls lists them")
        return _told(folder, target, seconds, taken, wanted, explain=explain, as_json=as_json)


@contextlib.contextmanager
def _taken(
    target: str, settings: config.Settings, config_file: Path, *, quiet: bool, inspect: bool
) -> Iterator[tuple[Path, float, taking.Taken]]:
    """The evidence, saved in a run's folder of its own; a folder without evidence is removed again."""
    from harness.journal import Journal  # noqa: PLC0415  after the lab's network was entered
    from harness.stage import opening  # noqa: PLC0415  the engine client is needed from here on
    from harness.swarm.cluster import Swarm  # noqa: PLC0415  see above

    folder = new_run(REPORTS)
    try:
        Request(target, "audit", (CHECK,), config_file.absolute() if config_file.exists() else None).save(
            folder
        )
        began = time.monotonic()
        with (
            console.live(quiet=quiet) as progress,
            Journal(folder / "journal.jsonl") as journal,
            opening.engine(target, settings) as engine,
            Swarm(engine, journal, short_id(folder), addresses=settings.nodes) as swarm,
        ):
            journal.begin(folder.name, profile="audit", checks=[CHECK], target=target)
            swarm.cluster()
            taken = _take(swarm, settings.images.job, progress, inspect=inspect)
            verdict = taken.judged()
            journal.claim(CHECK, checks.claim_of(CHECK), verdict)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    yield folder, time.monotonic() - began, taken


def _take(swarm: JobSwarm, image: str, progress: Progress, *, inspect: bool) -> taking.Taken:
    with step(progress, "read the kernels"):
        return taking.take(swarm, image, inspect=inspect)


def _told(
    folder: Path,
    target: str,
    seconds: float,
    taken: taking.Taken,
    wanted: list[str],
    *,
    explain: str | None,
    as_json: bool,
) -> int:
    from harness import report  # noqa: PLC0415  drawing costs time that errors should not
    from harness.report import audit  # noqa: PLC0415  see above

    report.write_all(folder)
    verdict = taken.judged(wanted)
    found = audit.document(folder.name, target, seconds, verdict, taken.audit())
    if as_json:
        typer.echo(found.json_text())
        return int(_EXITS[verdict.state])
    out = terminal()
    audit.show(found, out)
    if explain:
        for node, steps in taken.walks(explain):
            audit.show_walk(node, steps, out)
    out.print(f"took    {seconds:.1f} s; evidence in {folder}")
    return int(_EXITS[verdict.state])
