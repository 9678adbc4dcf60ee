"""Taking away what a run deployed: after its block whatever ends that, or all of it at once."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from harness.clock import Clock, Deadline
from harness.engine.protocol import Engine
from harness.engine.spec import RUN_LABEL
from harness.errors import HarnessError
from harness.journal import Journal
from harness.swarm import conditions, sweeping
from harness.swarm.conditions import Named
from harness.swarm.view import View

REMOVAL: Final = 60.0  # seconds for what we deployed to be gone


@dataclasses.dataclass
class Undoing:
    """Removes what ``run`` deployed.

    Attributes:
        engine: the manager.
        journal: told of an undo that failed after an error of the block itself.
        run: id of the run, on the label of all that it created.
        wait: the facade's wait.
        clock: what bounds are measured on.
        keep: remove nothing from now on (``--keep-workloads``, or a swarm that is about to end itself).
        failing: told of what ends a block, before what it deployed is removed.
    """

    engine: Engine
    journal: Journal
    run: str
    wait: Callable[..., View]
    clock: Clock
    keep: bool
    failing: Callable[[BaseException], None]

    @property
    def label(self) -> str:
        """What tells the run's objects."""
        return f"{RUN_LABEL}={self.run}"

    @contextlib.contextmanager
    def after(self, what: str, action: Callable[[], None]) -> Iterator[None]:
        """Undo after the block, whatever ends it; an error of the block outlives one of the undoing."""
        try:
            yield
        except BaseException as ended:
            try:
                self.failing(ended)
            finally:
                if isinstance(ended, KeyboardInterrupt):  # the run ends here: no block outlives this one
                    self._tried("the run's services", self.services)
                self._tried(what, action)
            raise
        if not self.keep:
            action()

    def _tried(self, what: str, action: Callable[[], None]) -> None:
        try:
            if not self.keep:
                action()
        except HarnessError as error:
            self.journal.write("trouble", text=f"undoing {what}: {error}")

    def service(self, name: str) -> None:
        """Remove a service, and wait until its tasks have ended.

        Raises:
            WaitTimeout: tasks still live after a minute.
        """
        for service in _called(name, self.engine.services(self.label)):
            self.engine.remove_service(service.id)
            self.wait(conditions.gone(service), REMOVAL, f"{name} is removed")

    def network(self, name: str) -> None:
        """Remove a network.

        Raises:
            InUseError: something still uses it after a minute.
        """
        for network in _called(name, self.engine.networks(self.label)):
            sweeping.persist(self.engine.remove_network, network.id, self._bound())

    def config(self, name: str) -> None:
        """Remove a config.

        Raises:
            InUseError: something still uses it after a minute.
        """
        for config in _called(name, self.engine.configs(self.label)):
            sweeping.persist(self.engine.remove_config, config.id, self._bound())

    def secret(self, name: str) -> None:
        """Remove a secret.

        Raises:
            InUseError: something still uses it after a minute.
        """
        for secret in _called(name, self.engine.secrets(self.label)):
            sweeping.persist(self.engine.remove_secret, secret.id, self._bound())

    def services(self) -> None:
        """Remove all services of the run at once: the blocks that deployed them find nothing left to undo.

        Raises:
            WaitTimeout: tasks still live after a minute.
        """
        found = () if self.keep else self.engine.services(self.label)
        for service in found:
            self.engine.remove_service(service.id)
        if found:
            every = functools.reduce(operator.and_, (conditions.gone(service) for service in found))
            self.wait(every, REMOVAL, f"{len(found)} services are removed")

    def _bound(self) -> Deadline:
        return Deadline.after(REMOVAL, self.clock)


def _called(name: str, found: Sequence[Named]) -> list[Named]:
    """By label and name, not by id: the answer that told the id may never have come (Ctrl-C)."""
    return [one for one in found if one.name == name]
