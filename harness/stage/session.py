"""The stage of one run: its folder, journal, promises, and how it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Self

import pytest

from harness import checks, config, request
from harness.config import Settings
from harness.errors import Exit, HarnessError, RequestError
from harness.journal import Journal
from harness.progress import Silent
from harness.request import Request
from harness.stage.artifacts import Artifacts
from harness.stage.interrupts import Interrupts
from harness.stage.machine import MachineWatch
from harness.stage.news import Pipe, Steps
from harness.stage.promises import BrokenPromiseError, OpenPromiseError, Promises


@dataclasses.dataclass
class Stage:
    """What the tests of one run share; opened at session start, closed when pytest is done.

    Attributes:
        hurt: why disruptive checks must not start; empty on a swarm that is whole.
        clear: removes what the run deployed, or lets it go with its lab; None before there is a swarm, and
            once it was called.
        skipped: checks that were left out, which are neither upheld nor unknown.
    """

    session: pytest.Session
    folder: Path
    request: Request
    settings: Settings
    journal: Journal
    promises: Promises
    interrupts: Interrupts
    steps: Steps
    artifacts: Artifacts
    hurt: str = ""
    clear: Callable[[], None] | None = None
    skipped: set[str] = dataclasses.field(default_factory=set)
    troubles: list[HarnessError] = dataclasses.field(default_factory=list)

    @classmethod
    def open(cls, session: pytest.Session) -> Self:
        """Open the run that pytest's options describe.

        Raises:
            RequestError: the configuration or the request is wrong.
        """
        options = session.config.option
        if options.run_dir is None:
            chosen = tuple(check.id for check in checks.of_profile(options.profile))
            asked = Request(options.target, options.profile, chosen, config=options.harness_config)
            folder = request.new_run(request.REPORTS)
            asked.save(folder)
        else:
            folder, asked = options.run_dir, request.load(options.run_dir)
        settings = config.load(asked.config, required=asked.config is not None)
        journal = Journal(folder / "journal.jsonl")
        progress = Silent() if options.progress_fd is None else Pipe(options.progress_fd)
        steps = Steps(progress, journal)
        interrupts = Interrupts(lambda reason: setattr(session, "shouldstop", reason))
        stage = cls(
            session, folder, asked, settings, journal, Promises(journal, frozenset(asked.checks)),
            interrupts, steps, Artifacts(folder, journal, steps),
        )  # fmt: skip
        journal.begin(
            folder.name,
            profile=asked.profile,
            checks=list(asked.checks),
            target=asked.target,
            limits=settings.limits.model_dump(),
            images=settings.images.model_dump(),
            harness=metadata.version("swarm-harness"),
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
            from_host=socket.gethostname(),
        )
        interrupts.install(deadline=asked.deadline)
        return stage

    @property
    def run(self) -> str:
        """The short id that names this run's objects on the swarm."""
        return request.short_id(self.folder)

    def short(self, service: str) -> str:
        """A service of this run as people call it: without what tells runs apart."""
        return service.removeprefix(f"h-{self.run}-")

    @property
    def selected(self) -> frozenset[str]:
        """Ids of the checks to verify."""
        return frozenset(self.request.checks)

    def forbids(self, promised: Iterable[str]) -> str:
        """Why a test with these promises must not start; empty if it may."""
        breaking = {check.id for check in checks.CHECKS if check.disruptive} & set(promised)
        return self.hurt if breaking else ""

    def skip(self, promised: Iterable[str], why: str) -> None:
        """Write down that a test with these promises was left out."""
        for check in sorted(set(promised) & self.selected - self.skipped):
            self.skipped.add(check)
            self.journal.write("skipped", check=check, why=why)

    def note_trouble(self, error: BaseException) -> None:
        """Write down what went wrong beside the swarm; what cannot get better ends the run."""
        if isinstance(error, BrokenPromiseError | OpenPromiseError):
            return
        if isinstance(error, HarnessError):
            known: HarnessError = error
        else:
            known = HarnessError(f"a fault of the harness: {type(error).__name__}: {error}")
        if any(str(known) == str(earlier) for earlier in self.troubles):
            return
        self.troubles.append(known)
        self.journal.write("trouble", text=known.message, remedy=known.remedy, exit=int(known.exit))
        if isinstance(error, RequestError) or not self.promises.claims:
            self.session.shouldstop = known.message

    def keep_artifacts(self, error: BaseException) -> None:
        """A test failed: keep what the swarm says now, unless the run was told to end."""
        if not self.interrupts.reason:
            self.artifacts.keep(self.promises.test, error, judged=bool(self.promises.claims))

    def watch_machine(self, lab: Callable[[], Iterable[int]]) -> MachineWatch:
        """For a block: how much of this machine is used by others than us and ``lab`` (process ids)."""
        return MachineWatch(lab, self.journal, self.promises.machine.append)

    def pause(self, step: str) -> None:
        """Wait here if the request says so, until ``<run>/continue`` appears or the run is interrupted."""
        if self.request.pause_after != step:
            return
        token = self.folder / "continue"
        self.journal.write("paused", step=step)
        self.steps.progress.note("paused", f"after {step}; go on with Enter or: touch {token}")
        with self.steps(f"paused after {step}"):
            while not token.exists():
                time.sleep(0.1)  # a person decides how long

    def clean_up(self) -> None:
        """The tests are over: remove what the run deployed, once; interrupts wait from here on."""
        self.interrupts.cleaning = True
        clear, self.clear = self.clear, None
        if clear is None:
            return
        try:
            with self.steps("clean up"):
                clear()
        except HarnessError as error:  # nobody waits for them again: the services themselves are gone by now
            self.note_trouble(error)

    def exit(self, judged: Exit) -> Exit:
        """The exit code of the run, given the code of its verdict."""
        if self.interrupts.reason == "interrupted":
            return Exit.INTERRUPTED
        if any(trouble.exit is Exit.BAD_REQUEST for trouble in self.troubles):
            return Exit.BAD_REQUEST
        return judged

    def close(self) -> None:
        """Close the journal."""
        if self.interrupts.expired:
            told = "the deadline was reached; what was not verified by then is unknown"
            self.journal.write("trouble", text=told, remedy=request.MORE_TIME, exit=int(Exit.UNKNOWN))
        elif self.interrupts.reason:
            self.journal.write("note", text=f"the run ended early: {self.interrupts.reason}")
        with contextlib.suppress(OSError):
            self.journal.close()
        sys.stdout.flush()
