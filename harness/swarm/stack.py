"""A stack: deployed by the docker CLI as users do, waited for as the CLI does not, and removed whole."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.clock import Deadline
from harness.engine.cli import Cli
from harness.engine.protocol import InUseError
from harness.errors import RequestError, WaitTimeout
from harness.evidence import Stacked, StackedService, StackRemoval
from harness.model import Service
from harness.swarm import convergence, sweeping
from harness.swarm.cluster import Swarm
from harness.swarm.sweeping import STACK_LABEL
from harness.swarm.undoing import REMOVAL
from harness.swarm.view import View

_UNFIT = re.compile(r"[^a-zA-Z0-9_.-]+")
_LONGEST = 24  # characters of a file's name that a stack's repeats: names of services are short


def name_of(run: str, file: Path) -> str:
    """The name of the stack that a run makes of a file."""
    return f"h-{run}-{_UNFIT.sub('-', file.stem)[:_LONGEST].strip('-.') or 'stack'}"


class Stack:
    """A deployed stack; made by :func:`deployed`.

    Attributes:
        name: of the stack.
        file: its compose file.
        ignored: what the CLI said that a stack ignores.
    """

    def __init__(self, swarm: Swarm, cli: Cli, file: Path, name: str) -> None:
        self.name, self.file = name, file
        self.ignored: tuple[str, ...] = ()
        self._swarm, self._cli = swarm, cli
        self._began = swarm.clock.now()

    def services(self) -> tuple[Service, ...]:
        """Its services now, by name.

        Raises:
            Unmeasurable: the manager does not answer.
        """
        return tuple(self._swarm.engine.services(f"{STACK_LABEL}={self.name}"))

    def deploy(self) -> None:
        """Create what the file describes; does not wait.

        Raises:
            RequestError: the file, or what it names, is refused.
            Unmeasurable: the engine does not answer.
        """
        self._began = self._swarm.clock.now()
        self.ignored = self._cli.deploy(self.file, self.name)

    def force(self, service: Service) -> None:
        """Replace every task of one of its services; does not wait."""
        self._cli.force(service.name)

    def converge(self, within: float) -> Stacked:
        """Wait until all of it runs as asked, and for a while; journals what was seen.

        Raises:
            RequestError: it never will: an image that is not found, a task that no node suits...
            Unmeasurable: not within so many seconds.
        """
        services = self.services()
        if not services:
            raise RequestError(f"{self.file.name} describes no service", remedy="is it the right file?")
        short = [replace(one, name=one.name.removeprefix(f"{self.name}_")) for one in services]
        view = wait(self._swarm, short, within, f"{self.name} runs")
        return saw(self._swarm, view, services, self._began, self)

    def remove(self) -> StackRemoval:
        """Remove all of it, wait until it is gone, and journal what was left of it.

        Raises:
            Unmeasurable: the manager does not answer.
        """
        began = self._swarm.clock.now()
        there = self._there()
        with contextlib.suppress(WaitTimeout, InUseError):  # what is left then is looked up
            _remove(self._swarm, self.name)
        left = self._there()
        ended = self._swarm.clock.now()
        journal = self._swarm.journal
        return journal.keep(
            StackRemoval(journal.new_id("removal"), self.name, began, ended, tuple(there), tuple(left))
        )

    def _there(self) -> list[str]:
        engine, select = self._swarm.engine, sweeping.of_stack(self.name)
        return [
            *(f"service {one.name}" for one in select(engine.services)),
            *(f"config {one.name}" for one in select(engine.configs)),
            *(f"secret {one.name}" for one in select(engine.secrets)),
            *(f"network {one.name}" for one in select(engine.networks)),
        ]


@contextlib.contextmanager
def deployed(swarm: Swarm, cli: Cli, file: Path, name: str) -> Iterator[Stack]:
    """A stack for the block; it is not waited for. At the end all of it is gone.

    Raises:
        RequestError: the file, or what it names, is refused.
        Unmeasurable: the engine does not answer.
    """
    stack = Stack(swarm, cli, file, name)

    with swarm.undone(f"stack {name}", lambda: _remove(swarm, name)):
        stack.deploy()
        yield stack


def _remove(swarm: Swarm, name: str) -> None:
    """Remove a stack; its tasks may take as long to end as they ask for."""
    select = sweeping.of_stack(name)
    grace = max((one.grace for one in select(swarm.engine.services)), default=0.0)
    sweeping.remove(swarm.engine, select, Deadline.after(REMOVAL + grace, swarm.clock))


def wait(swarm: Swarm, services: Sequence[Service], within: float, what: str) -> View:
    """Wait until these services run as they ask, and for a while.

    Raises:
        RequestError: they never will.
        Unmeasurable: not within so many seconds.
    """
    try:
        return swarm.wait(
            convergence.converged(services), within=within, what=what, successes=convergence.STABLE
        )
    except WaitTimeout as error:
        raise convergence.late(services, swarm.view(services), within) from error


def saw(
    swarm: Swarm, view: View, services: Sequence[Service], began: float, stack: Stack | None = None
) -> Stacked:
    """What a view showed of these services, as evidence in the journal."""
    updates = {one.id: one.update for one in swarm.engine.services()}
    return swarm.journal.keep(
        Stacked(
            id=swarm.journal.new_id("stacked"),
            stack="" if stack is None else stack.name,
            file="" if stack is None else stack.file.name,
            began=began,
            ended=swarm.clock.now(),
            services=tuple(_count(one, view, updates.get(one.id, "")) for one in services),
            ignored=() if stack is None else stack.ignored,
        )
    )


def _count(service: Service, view: View, update: str) -> StackedService:
    tasks = view.of(service.id)
    if service.mode.endswith("-job"):
        completed = sum(task.state == "complete" for task in tasks)
        # an attempt that failed was followed by another: how many it wants is told by nobody
        return StackedService(service.name, service.mode, max(1, completed), completed, update)
    wanted = [task for task in tasks if task.desired in {"running", "ready"}]
    asked = len(wanted) if service.replicas is None else service.replicas
    return StackedService(service.name, service.mode, asked, sum(task.running for task in tasks), update)
