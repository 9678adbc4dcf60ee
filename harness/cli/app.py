"""The command line: mounts the commands and turns errors into one line and the exit code of the table."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import typer
import typer.exceptions

from harness.cli import audit, doctor, gate, lab, mutants, offline, sweep
from harness.errors import Exit, HarnessError

_INTERRUPTED = "harness: interrupted, cleaned up"
app = typer.Typer(
    name="harness",
    help="Tells, in minutes and with evidence, whether a Docker Swarm balances and heals as it must.",
    epilog="Exit codes: 0 upheld, 1 the swarm broke a promise, 2 wrong request, 3 unknown, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("gate")(gate.gate_command)
app.add_typer(lab.app, name="lab")
app.command("audit")(audit.audit_command)
app.command("doctor")(doctor.doctor_command)
app.command("mutants")(mutants.mutants_command)
app.command("judge")(offline.judge_command)
app.command("report")(offline.report_command)
app.command("sweep")(sweep.sweep_command)


def run(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code and prints at most one line of error on stderr."""
    interrupts = _listen()
    try:
        code = app(args=list(argv), standalone_mode=False)
        if code == Exit.INTERRUPTED and interrupts:
            raise KeyboardInterrupt  # noqa: TRY301  typer makes a mere 130 of it, without a word
    except typer.exceptions.TyperException as error:
        # without words the help has been shown already
        told = " ".join(error.format_message().split()).rstrip(".")
        return _say(f"harness: {told}: harness --help lists what there is", Exit.BAD_REQUEST) if told else 2
    except HarnessError as error:
        return _say(f"harness: {error}", error.exit)
    except (KeyboardInterrupt, typer.Abort):
        return _say(_INTERRUPTED, Exit.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads: nothing more to say
        return Exit.UPHELD
    except Exception as error:  # the last door: a fault of ours is "unknown", in one line
        if os.environ.get("HARNESS_TRACEBACK"):
            raise
        text = f"harness: a fault of its own: {type(error).__name__}: {error}"
        return _say(f"{' '.join(text.split())}; HARNESS_TRACEBACK=1 shows where", Exit.UNKNOWN)
    return code if isinstance(code, int) else Exit.UPHELD


def _say(text: str, code: Exit) -> int:
    print(text, file=sys.stderr)  # noqa: T201  the one line on stderr
    return int(code)


def _listen() -> list[int]:
    """Let SIGINT and SIGTERM interrupt the command; the list tells which came."""
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # clean up once, undisturbed
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    return came
