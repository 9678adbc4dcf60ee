"""``harness lab ...``: the embedded lab by hand."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from harness import lab
from harness.cli import console
from harness.cli.options import Json
from harness.errors import Exit, RequestError
from harness.lab import enter
from harness.lab.uml import channel

app = typer.Typer(
    help="A real multi-node Swarm on this machine: every node a kernel of its own.", no_args_is_help=True
)
Node = Annotated[str, typer.Argument(metavar="NODE", help="A node's host name, such as swarm-worker1.")]
_LONG = 3600.0  # seconds that a command given by hand may take


class AfterDashes(TyperCommand):
    """A command whose words after ``--`` are somebody else's command line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep what follows the first ``--`` aside, in ``ctx.meta``, and parse the rest."""
        if "--" in args:
            at = args.index("--")
            ctx.meta["harness.command"] = args[at + 1 :]
            args = args[:at]
        return super().parse_args(ctx, args)


@app.command("up")
def up_command(
    managers: Annotated[int, typer.Option(help="How many managers.")] = 1,
    workers: Annotated[int, typer.Option(help="How many workers.")] = 2,
    as_json: Json = False,
) -> int:
    """Bring the lab up, or put the running one in order: all nodes on, plugged in and ready."""
    with console.live(quiet=as_json) as progress:
        lab.up(managers, workers, progress)
    return status_command(as_json=as_json)


@app.command("status")
def status_command(as_json: Json = False) -> int:
    """Ask every kernel process and every engine how it is; exits 2 when no lab is running."""
    found = lab.require()
    nodes = found.status()
    if as_json:
        document = {
            "nodes": [{**dataclasses.asdict(one.node), **_state(one)} for one in nodes],
            "endpoint": {name: str(value) for name, value in dataclasses.asdict(found.endpoint).items()},
            "versions": found.versions,
        }
        typer.echo(json.dumps(document, indent=2))
        return Exit.UPHELD
    table = Table("node", "address", "role", "power", "cable", "engine", "swarm", "seen as")
    for one in nodes:
        power, cable = "on" if one.powered else "off", "in" if one.plugged else "out"
        node = one.node
        words = (node.hostname, node.address, str(node.role), power, cable, one.engine, one.swarm, one.seen)
        table.add_row(*(word or "-" for word in words))
    _show(table)
    return Exit.UPHELD


def _show(table: Table) -> None:
    # a pipe has no width, and nothing of a table may be lost there
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _state(one: lab.NodeStatus) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("powered", "plugged", "engine", "swarm", "seen")}


@app.command("exec", cls=AfterDashes)
def exec_command(
    context: typer.Context,
    node: Annotated[str | None, typer.Argument(help="A node's host name; none: the lab's network.")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", "-i", help="Give it our standard input.")] = False,
) -> int:
    """Run a command as root on NODE, also with its cable out or its engine dead: exec [NODE] -- CMD ...

    Without NODE the command runs in the lab's network with this machine's files.
    """
    argv = context.meta.get("harness.command") or []
    if not argv:
        raise RequestError("no command was given", remedy="harness lab exec [NODE] -- CMD ...")
    found = lab.require()
    if node is None:
        enter.enter(argv)
    data = sys.stdin.buffer.read() if stdin else None
    done, _, _ = found.exec_bytes(node, argv, bound=_LONG, stdin=data, sink=_pass_on)
    return done.code


def _pass_on(stream: str, data: bytes) -> None:
    out = sys.stdout.buffer if stream == "out" else sys.stderr.buffer
    out.write(data)
    out.flush()


@app.command("shell")
def shell_command(
    node: Annotated[str | None, typer.Argument(help="A node's host name; none: the lab's network.")] = None,
) -> int:
    """Open a shell as root on NODE, or in the lab's network; ends with the shell's exit code."""
    found = lab.require()
    if node is None:
        enter.enter([os.environ.get("SHELL", "/bin/sh")])
    where = found.where.node(found.node(node).hostname)
    begin = f"TERM={shlex.quote(os.environ.get('TERM', 'dumb'))} exec bash -l"
    if sys.stdin.isatty():
        size = os.get_terminal_size(sys.stdin.fileno())
        begin = f"stty rows {size.lines} cols {size.columns}; {begin}"
    return channel.interact(where, node, ["script", "-qec", begin, "/dev/null"])


@app.command("power-off")
def power_off_command(node: Node) -> int:
    """Power failure: kill the node's kernel at once."""
    lab.require().power_off(node)
    return Exit.UPHELD


@app.command("power-on")
def power_on_command(node: Node) -> int:
    """Boot the node from the disk it had."""
    lab.require().power_on(node)
    return Exit.UPHELD


@app.command("unplug")
def unplug_command(node: Node) -> int:
    """Pull the node's network cable; it keeps running."""
    lab.require().unplug(node)
    return Exit.UPHELD


@app.command("plug")
def plug_command(node: Node) -> int:
    """Put the node's network cable back."""
    lab.require().plug(node)
    return Exit.UPHELD


@app.command("down")
def down_command() -> int:
    """Remove the lab: processes, namespaces, mounts, disks. Does nothing when there is none."""
    if not lab.down():
        typer.echo("no lab was running")
    return Exit.UPHELD


@app.command("cache")
def cache_command(
    fill: Annotated[
        bool, typer.Option("--fill", help="Make what a lab needs and is missing; takes about a minute.")
    ] = False,
    tutorial: Annotated[
        bool, typer.Option("--tutorial", help="With --fill: also the images that only profile full needs.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what this version does not use.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --prune: remove all but running labs.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show what first set-up left for later runs, make it ahead of them, or remove it."""
    if fill and prune:
        raise RequestError("--fill makes what --prune removes", remedy="ask for one of them")
    if tutorial and not fill:
        raise RequestError("--tutorial says what --fill makes", remedy="harness lab cache --fill --tutorial")
    if everything and not prune:
        raise RequestError("--all says what --prune removes", remedy="harness lab cache --prune --all")
    if fill:
        with console.live(quiet=as_json) as progress:
            (lab.fill_tutorial if tutorial else lab.fill)(progress)
    entries = lab.cache_prune(everything=everything) if prune else lab.cache_report()
    if as_json:
        listed = [{"path": str(one.path), "bytes": one.size, "used": one.used} for one in entries]
        typer.echo(json.dumps(listed, indent=2))
        return Exit.UPHELD
    table = Table("removed" if prune else "path", "MB", *([] if prune else ["used"]))
    for one in entries:
        row = (_short(one.path), f"{one.size / 1e6:.0f}")
        table.add_row(*row, *([] if prune else ["yes" if one.used else "no"]))
    _show(table)
    return Exit.UPHELD


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
