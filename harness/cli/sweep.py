"""``harness sweep``: remove by label what any earlier run left on a target, and say what it was."""

from __future__ import annotations

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import typer

from harness import config, lab
from harness.cli.options import Config, Json, TargetOption
from harness.clock import Deadline
from harness.engine.protocol import Engine
from harness.engine.spec import RUN_LABEL
from harness.lab import enter
from harness.lab.protocol import Lab
from harness.swarm import lock, sweep
from harness.swarm.sweeping import STACK_LABEL

_VOLUMES = 30.0  # seconds for a node to remove its volumes
# those of a stack bear its name, which begins as all names of a run do
_REMOVE_VOLUMES = f"""
{{
    docker volume ls -q --filter label={RUN_LABEL}
    docker volume ls -q --filter label={STACK_LABEL} | grep -E '^h-[0-9a-f]{{6}}-'
}} | xargs -r docker volume rm
"""
_GOODBYE = 60.0  # seconds that a run whose gate was killed may take to remove its services


def sweep_command(
    target: TargetOption = None,
    config_file: Config = Path("harness.toml"),
    as_json: Json = False,
) -> int:
    """Remove whatever earlier runs left: services, configs, secrets, networks; on a lab also volumes."""
    settings = config.load(config_file, required=config_file != Path("harness.toml"))
    target = target or settings.target
    if target == "lab":
        _enter_the_lab()
    from harness.stage import opening  # noqa: PLC0415  the engine client is needed from here on

    with opening.engine(target, settings) as engine:
        _await_orphans(engine)
        removed = sweep(engine)
        if target == "lab":
            removed += _volumes(lab.require())
    if as_json:
        typer.echo(json.dumps({"removed": removed}))
    elif removed:
        typer.echo("\n".join(f"removed {thing}" for thing in removed))
    else:
        typer.echo("nothing was left")
    return 0


def _volumes(running: Lab) -> list[str]:
    """Remove local volumes with our label from a lab's nodes: no manager knows of them."""

    def remove(name: str) -> list[str]:
        done = running.exec(name, ["sh", "-c", _REMOVE_VOLUMES], bound=_VOLUMES)
        return [f"volume {volume} on {name}" for volume in done.out.split()]

    with ThreadPoolExecutor(len(running.nodes)) as threads:
        return [
            one for found in threads.map(remove, (node.hostname for node in running.nodes)) for one in found
        ]


def _await_orphans(engine: Engine) -> None:
    """Let a run clean up whose gate was killed: its own process does so, which takes seconds."""
    deadline = Deadline.after(_GOODBYE)
    while not deadline.passed:
        found = lock.holder(engine)
        ours = found is not None and found.host == socket.gethostname()
        if found is None or not ours or found.dead or not _orphaned(found.process):
            return
        deadline.clock.sleep(0.2)


def _orphaned(process: str) -> bool:
    """Whether it is a process of this machine (as the lock names it) that no ``harness gate`` waits for."""
    pid = process.split("/")[-2:][0]
    try:
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        return b"harness" not in Path(f"/proc/{parent}/cmdline").read_bytes()
    except OSError:
        return False


def _enter_the_lab() -> None:
    lab.require()
    if not enter.inside():
        enter.enter([sys.executable, "-m", "harness", *sys.argv[1:]])
