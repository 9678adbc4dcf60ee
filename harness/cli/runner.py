"""One run from outside: the lab, the process that runs the suites inside its network, the report.

The suites run in a process of their own (``python -m pytest suites``), which lives in the lab's network and
tells its progress through a pipe. Ctrl-C reaches it exactly once, so that it cleans up undisturbed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from harness import checks, journal, lab, report
from harness.engine.cli import Cli, require_installed
from harness.errors import Exit, HarnessError, Interrupted, RequestError, Unmeasurable
from harness.lab import enter
from harness.probe import browser
from harness.progress import Progress, step
from harness.report import kept
from harness.request import MORE_TIME, REPORTS, Request, new_run

ROOT = Path(__file__).resolve().parents[2]
_GOODBYE = 60.0  # seconds that a child may take to remove its services after Ctrl-C


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended; ``summary`` prints it for a person."""

    exit: int
    document: dict[str, Any] | None = None
    summary: Callable[[], None] | None = None


def run(request: Request, progress: Progress) -> Outcome:
    """Carry out ``request`` and write ``reports/<run>/``.

    Raises:
        RequestError: the request cannot be carried out on this target.
        Unmeasurable: nothing could be measured at all.
        Interrupted: Ctrl-C before anything was measured.
    """
    if any(check.startswith("voting.") for check in request.checks):
        browser.program()  # before minutes are spent
    folder = new_run(REPORTS)
    began = time.monotonic()
    with contextlib.ExitStack() as undo:
        undo.callback(_drop_if_empty, folder)
        log = undo.enter_context(journal.Journal(folder / "journal.jsonl"))
        request.save(folder)
        _require_readable(request, progress)
        command = _command(folder)
        if request.target == "lab":
            brought = _ensure_lab(request, progress, undo, log)
            if any(checks.BY_ID[check].tutorial for check in request.checks):
                with _phase(log, progress, "images of the tutorial"), _stopped_at(request.deadline):
                    lab.serve_tutorial(progress)
            dataclasses.replace(request, lab_goes=brought and not request.keep).save(folder)
            command = enter.command(command)
        interrupted = _supervise(command, folder, request, progress)
        troubles = _troubles(folder)
        if interrupted and not _claims(folder):
            raise Interrupted("interrupted, cleaned up")
        if troubles and not _claims(folder):
            raise _with_kept(troubles[0], folder)
        with _phase(log, progress, "report"):
            written = report.write_all(folder)
        log.write("phase", name="all", seconds=time.monotonic() - began)
    for trouble in troubles:
        print(f"harness: {trouble}", file=sys.stderr)  # noqa: T201  one line per trouble, on stderr
    wrong = any(isinstance(trouble, RequestError) for trouble in troubles)
    code = Exit.INTERRUPTED if interrupted else Exit.BAD_REQUEST if wrong else written.exit
    return Outcome(int(code), written.document, written.summary)


def _require_readable(request: Request, progress: Progress) -> None:
    """Have the docker CLI read the user's compose file before anything is brought up.

    Raises:
        RequestError: it is no compose file that a stack can be made of, or there is no docker CLI.
    """
    if request.stack is None:
        return
    on_lab = request.target == "lab"
    if on_lab:
        lab.fill(progress)  # the lab's own CLI comes with it
    Cli(lab.docker_cli() if on_lab else require_installed()).check(request.stack)


def _ensure_lab(
    request: Request, progress: Progress, undo: contextlib.ExitStack, log: journal.Journal
) -> bool:
    """Bring a lab up if none runs; whether that was needed."""
    if lab.find() is not None:
        return False
    with _phase(log, progress, "lab"):
        if not request.keep:
            undo.callback(_down, progress)
        with _stopped_at(request.deadline):
            lab.up(managers=request.managers, workers=request.workers, progress=progress)
    return True


@contextlib.contextmanager
def _stopped_at(deadline: float | None) -> Iterator[None]:
    """End the block with an error at the deadline (point on the monotonic clock).

    Raises:
        Unmeasurable: the deadline was reached.
    """

    def expired(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Unmeasurable("the deadline was reached before the lab was up", remedy=MORE_TIME)

    if deadline is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _down(progress: Progress) -> None:
    with step(progress, "lab down"):
        lab.down()


@contextlib.contextmanager
def _phase(log: journal.Journal, progress: Progress, name: str) -> Iterator[None]:
    began = time.monotonic()
    with step(progress, name):
        yield
    log.write("phase", name=name, seconds=time.monotonic() - began)


def _command(folder: Path) -> list[str]:
    # what a newer Python says of a library is no verdict on a swarm
    quiet = [f"-Wignore::{kind}" for kind in ("DeprecationWarning", "PendingDeprecationWarning")]
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *quiet, str(ROOT / "suites")]
    # long tracebacks print arguments, and among those of a request may be a secret
    return [*words, "--tb=short", "--run-dir", str(folder)]


def _supervise(command: list[str], folder: Path, request: Request, progress: Progress) -> bool:
    """Run the child to its end; returns whether it was interrupted."""
    reader, writer = os.pipe()
    interrupted = False
    with (folder / "artifacts" / "pytest.log").open("wb") as log:
        child = subprocess.Popen(
            [*command, "--progress-fd", str(writer)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[writer],
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C goes through us, once
        )
        os.close(writer)
        listener = threading.Thread(target=_listen, args=(reader, progress), daemon=True)
        listener.start()
        if request.pause_after and sys.stdin.isatty():
            threading.Thread(target=_continue_on_enter, args=(folder,), daemon=True).start()
        try:
            child.wait()
        except KeyboardInterrupt:
            interrupted = True
            _stop(child)
        listener.join(timeout=2)
    if child.returncode not in {int(code) for code in Exit} and not interrupted:
        raise Unmeasurable(
            f"the suites' process ended with {child.returncode}", remedy=f"see {folder}/artifacts/pytest.log"
        )
    return interrupted


def _stop(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGINT)
    with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
        child.wait(timeout=_GOODBYE)
        return
    child.kill()
    child.wait()


def _listen(reader: int, progress: Progress) -> None:
    with os.fdopen(reader, "r", errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, KeyError):
                news = json.loads(line)
                if news["news"] == "begin":
                    progress.begin(news["step"])
                elif news["news"] == "note":
                    progress.note(news["step"], news["text"])
                elif news["news"] == "end":
                    progress.end(news["step"], news["seconds"], ok=news["ok"])


def _continue_on_enter(folder: Path) -> None:
    if sys.stdin.readline():
        (folder / "continue").touch()


def _troubles(folder: Path) -> list[HarnessError]:
    kinds: dict[int, type[HarnessError]] = {Exit.BAD_REQUEST: RequestError}
    return [
        kinds.get(record["exit"], Unmeasurable)(record["text"], remedy=record.get("remedy", ""))
        for record in journal.load(folder / "journal.jsonl").of("trouble")
        if "exit" in record
    ]


def _claims(folder: Path) -> bool:
    return bool(journal.load(folder / "journal.jsonl").claims)


def _with_kept(trouble: HarnessError, folder: Path) -> HarnessError:
    """The error that ends the run, in its one line also where what was kept of the swarm lies."""
    found = kept.folders(folder, journal.load(folder / "journal.jsonl"))
    if not found:
        return trouble
    where = f"what the swarm said then is in {found[0][0]}"
    remedy = f"{trouble.remedy}; {where}" if trouble.remedy else where
    return type(trouble)(trouble.message, remedy=remedy)


def _drop_if_empty(folder: Path) -> None:
    """A run that verified nothing and kept nothing leaves nothing."""
    with contextlib.suppress(HarnessError, OSError):
        saved = journal.load(folder / "journal.jsonl")
        if not saved.claims and not saved.of("artifacts"):
            shutil.rmtree(folder)
