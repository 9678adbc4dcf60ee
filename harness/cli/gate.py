"""``harness gate``: the main job. Brings a lab up when none runs, has the suites run, reports, cleans up."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from harness import checks, config
from harness.cli import console, runner
from harness.cli.options import Config, Json, Profile, TargetOption
from harness.errors import Exit, RequestError
from harness.probe.contract import Pattern
from harness.request import Request

STEPS = ("deploy", "look", "end")


def gate_command(
    target: TargetOption = None,
    profile: Profile = None,
    config_file: Config = Path("harness.toml"),
    as_json: Json = False,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds after which what is known is reported, the rest is unknown.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Verify just these check ids or groups.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Leave these check ids or groups out.")] = None,
    list_checks: Annotated[bool, typer.Option("--list", help="List the checks and stop.")] = False,
    stack: Annotated[
        Path | None,
        typer.Option(help="Deploy this compose file as a stack, and verify its services.", metavar="FILE"),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(help="Verify this service, which runs already; it is neither updated nor removed."),
    ] = None,
    identity: Annotated[
        list[str] | None,
        typer.Option(
            help="Where an answer says which replica gave it: [SERVICE=]header:NAME or [SERVICE=]body:REGEX. "
            "Without it container ids are looked for; else the kernels' counters tell.",
            metavar="WHERE",
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up afterwards.")] = False,
    keep_workloads: Annotated[
        bool,
        typer.Option(
            "--keep-workloads", help="Leave the services up afterwards (harness sweep removes them)."
        ),
    ] = False,
    pause_after: Annotated[
        str | None, typer.Option(help=f"Wait for Enter after a step, to look around: {', '.join(STEPS)}.")
    ] = None,
    managers: Annotated[int, typer.Option(min=1, max=7, help="Managers of a lab that is brought up.")] = 1,
    workers: Annotated[int, typer.Option(min=0, max=8, help="Workers of a lab that is brought up.")] = 2,
) -> int:
    """Verify a swarm: run a profile's checks, judge them, write reports/<run>/ and say the verdict.

    Without --target it verifies a lab of its own: three nodes with real kernels and real engines,
    brought up first and removed afterwards.
    """
    settings = config.load(config_file, required=config_file != Path("harness.toml"))
    target = target or settings.target
    theirs = stack is not None or bool(service)
    _require_sound(stack, service, identity)
    if theirs:  # theirs, and with a profile named all of that besides
        besides = checks.of_profile(profile) if profile else ()
        asked = (*checks.of_stack(ours=stack is not None), *(check.id for check in besides))
        chosen = checks.select("full", only=only or asked, skip=skip or ())
        profile = "full"
    else:
        profile = profile or ("release" if target == "lab" else "smoke")
        chosen = checks.select(profile, only=only or (), skip=skip or ())
    wrong = [check.id for check in chosen if check.id in checks.OF_OUR_STACKS]
    if service and wrong:
        raise RequestError(
            f"{wrong[0]} is for what the run itself deploys", remedy="use --stack with the compose file"
        )
    if list_checks:
        return _list(chosen, as_json=as_json)
    if pause_after is not None and pause_after not in STEPS:
        raise RequestError(f"unknown step {pause_after!r}", remedy=f"choose one of {', '.join(STEPS)}")
    if deadline is not None and deadline <= 0:
        raise RequestError("--deadline must be more than 0 seconds")
    breaking = [check.id for check in chosen if check.disruptive]
    if target != "lab" and breaking:
        raise RequestError(
            f"{breaking[0]} breaks things on purpose, which only a lab of ours allows",
            remedy="use --profile smoke on other targets",
        )
    request = Request(
        target=target,
        profile=profile,
        checks=tuple(check.id for check in chosen),
        config=config_file.absolute() if config_file.exists() else None,
        deadline=time.monotonic() + deadline if deadline else None,
        keep=keep,
        keep_workloads=keep_workloads,
        pause_after=pause_after,
        managers=managers,
        workers=workers,
        stack=None if stack is None else stack.absolute(),
        services=tuple(service or ()),
        identity=tuple(identity or ()),
    )
    with console.live(quiet=as_json) as progress:
        outcome = runner.run(request, progress)
    if as_json and outcome.document is not None:
        typer.echo(json.dumps(outcome.document, indent=2))
    elif outcome.summary is not None:
        outcome.summary()
    return outcome.exit


def _require_sound(stack: Path | None, service: list[str] | None, identity: list[str] | None) -> None:
    """Refuse what cannot be meant, before anything is set up."""
    if stack is not None and service:
        raise RequestError("--stack and --service exclude one another", remedy="use one run for each")
    if identity and stack is None and not service:
        raise RequestError("--identity is of no use without --stack or --service")
    for text in identity or ():
        kind, equals, rest = text.partition("=")
        Pattern.read(rest if equals and kind.partition(":")[0] not in {"header", "body"} else text)
    if stack is not None and not stack.is_file():
        raise RequestError(f"there is no compose file {stack}", remedy="check --stack")


def _list(chosen: tuple[checks.Check, ...], *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps([{"id": check.id, "claim": check.claim} for check in chosen], indent=2))
    else:
        width = max(len(check.id) for check in chosen)
        for check in chosen:
            typer.echo(f"{check.id:<{width}}  {check.claim}")
    return int(Exit.UPHELD)
