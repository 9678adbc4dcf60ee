"""A service of the swarm, and one of ours while it is deployed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from harness.engine.protocol import Engine
from harness.engine.spec import ServiceSpec
from harness.errors import Unmeasurable
from harness.evidence import Roster
from harness.journal import Journal
from harness.model import ENDED_STATES, Replica, Service, Task
from harness.swarm import conditions
from harness.swarm.conditions import Condition
from harness.swarm.view import View

# states of a task that may have answered somebody; what a node has not yet begun cannot have
_SERVED = ENDED_STATES | {"starting", "running"}


class RunningService:
    """A service of the swarm, whoever deployed it; looked at, and never changed.

    Attributes:
        id: the engine's id.
    """

    def __init__(
        self,
        ident: str,
        name: str,
        *,
        engine: Engine,
        journal: Journal,
        read: Callable[[tuple[str, ...]], View],
    ) -> None:
        self.id, self._name = ident, name
        self._engine, self._journal, self._read = engine, journal, read

    def __repr__(self) -> str:
        return f"<service {self.name}>"

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def asked(self) -> int:
        """How many replicas it was scaled to; 0: one on every node that may run it, or not told."""
        return self.service().replicas or 0

    def service(self) -> Service:
        """The service as the manager sees it now (its VIPs, its ports).

        Raises:
            Unmeasurable: it is not there, or the manager does not answer.
        """
        found = next((service for service in self._engine.services() if service.id == self.id), None)
        if found is None:
            raise Unmeasurable(f"the service {self.name} is no longer there", remedy="who removed it?")
        return found

    def tasks(self) -> tuple[Task, ...]:
        """Its tasks now, also ended ones; ``Task.node`` is a hostname."""
        return self._read((self.id,)).of(self.id)

    def replicas(self) -> tuple[Replica, ...]:
        """The tasks that run now, by slot and node (a hostname)."""
        return self._replicas(self._read((self.id,)))

    def roster(self, since: Roster | None = None) -> Roster:
        """The replicas now, as evidence in the journal.

        Args:
            since: what ran before they were asked. If the same still run, it is what is returned; else that
                roster, with the tasks that came and went since.
        """
        view = self._read((self.id,))
        if since is not None:
            now, before = self._replicas(view), {one.task for one in since.replicas}
            if {one.task for one in now} == before:
                return since
            known = [task for task in view.of(self.id) if task.id not in before and task.state in _SERVED]
            return self._journal.keep(
                dataclasses.replace(
                    since,
                    id=self._journal.new_id("roster"),
                    came=_as_replicas(known),
                    went=tuple(one for one in since.replicas if one.task not in {task.task for task in now}),
                )
            )
        ident = self._journal.new_id("roster")
        return self._journal.keep(Roster(ident, self.name, view.at, self._replicas(view), self.asked))

    def _replicas(self, view: View) -> tuple[Replica, ...]:
        return _as_replicas(task for task in view.of(self.id) if task.running)


class ServiceHandle(RunningService):
    """A service of ours while it is deployed; made by ``Swarm.deploy``, which also takes it away.

    Attributes:
        spec: as it was deployed last.
    """

    def __init__(
        self,
        spec: ServiceSpec,
        ident: str,
        *,
        engine: Engine,
        journal: Journal,
        wait: Callable[..., View],
        read: Callable[[tuple[str, ...]], View],
    ) -> None:
        super().__init__(ident, spec.name, engine=engine, journal=journal, read=read)
        self.spec, self._wait = spec, wait
        self._removed: float | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name

    @property
    def asked(self) -> int:
        """How many replicas it was scaled to; 0 for a global service."""
        return self.spec.replicas if self.spec.mode == "replicated" else 0

    @property
    def port(self) -> int:
        """Its first published port; 0 if it publishes none.

        Raises:
            Unmeasurable: the manager does not answer, or has not assigned a port yet.
        """
        wanted = self.spec.ports[0].published if self.spec.ports else 0
        return wanted or next((port.published for port in self.service().ports), 0)

    def running(self, n: int | None = None) -> Condition:
        """The condition that exactly ``n`` tasks run; by default as many as it was scaled to."""
        return conditions.running(self, self.spec.replicas if n is None else n)

    def scale(self, n: int) -> None:
        """Ask for ``n`` replicas; does not wait.

        Raises:
            RequestError: it is not replicated.
        """
        self._engine.scale(self.id, n)
        self.spec = dataclasses.replace(self.spec, replicas=n)

    def update(self, spec: ServiceSpec) -> None:
        """Roll out another specification; labels of the run stay. Does not wait."""
        self.spec = spec.labelled(self.spec.labels)
        self._engine.update_service(self.id, self.spec)

    def remove(self, *, within: float = 30.0) -> float:
        """Remove it and wait until its last task has ended; no effect the second time.

        Args:
            within: bound for the tasks to end (seconds).

        Returns:
            When the last task was first seen to have ended (seconds, monotonic; 0.2 s coarse).

        Raises:
            WaitTimeout: tasks still live at the bound.
        """
        if self._removed is None:
            self._engine.remove_service(self.id)
            view = self._wait(conditions.gone(self), within=within, what=f"{self.name} is removed")
            self._removed = view.at
        return self._removed


def _as_replicas(tasks: Iterable[Task]) -> tuple[Replica, ...]:
    found = (Replica(task.id, task.slot, task.node, task.addresses) for task in tasks)
    return tuple(sorted(found, key=lambda replica: (replica.slot, replica.node)))
