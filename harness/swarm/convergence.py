"""When services that somebody else described run as they ask, and why they do not.

Nothing is taken for converged that only passed through ``running``: what is wanted must run for a while.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from harness.errors import HarnessError, RequestError, Unmeasurable
from harness.model import Service, Task
from harness.swarm import conditions
from harness.swarm.conditions import Condition
from harness.swarm.view import View

STABLE = 15  # readings in a row (0.2 s each) in which all of it must run: a task may crash a moment after
_GIVEN_UP = 5  # times per wanted task that one may end before it is called an application's fault
_PATIENCE = 20.0  # seconds that the scheduler may find no node: resources come free, ports too
_NO_NODE = re.compile(r"no suitable node.*")


def converged(services: Sequence[Service]) -> Condition:
    """Every service runs what it asks for; a job has completed.

    Hopeless when an image is not found, when no node suits a task for 20 s, or when tasks end again and
    again.
    """
    watches = [_Watch(service) for service in services]
    every = [_wants(watch.service) for watch in watches]

    def missing(view: View) -> str:
        return ", ".join(filter(None, (one.missing(view) for one in every)))

    def hopeless(view: View) -> HarnessError | None:
        return next(filter(None, (watch.hopeless(view) for watch in watches)), None)

    return Condition(f"{len(services)} services run", missing, hopeless, tuple(one.id for one in services))


def late(services: Sequence[Service], view: View, within: float) -> HarnessError:
    """What to tell of services that have not converged in time."""
    left = [one for one in map(_wants, services) if one.missing(view)]
    told = "; ".join(one.missing(view) for one in left) or "not for long enough"
    return Unmeasurable(
        f"not converged within {within:g} s: {told}", remedy="give it longer with [stack] within"
    )


def _wants(service: Service) -> Condition:
    if service.mode.endswith("-job"):
        return conditions.completed(service)
    if service.mode == "replicated":
        return conditions.running(service, service.replicas or 0)

    def missing(view: View) -> str:
        wanted = [task for task in view.of(service.id) if task.desired in {"running", "ready"}]
        running = sum(task.running for task in wanted)
        return "" if wanted and running == len(wanted) else f"{service.name} runs {running} of {len(wanted)}"

    return Condition(f"{service.name} runs on its nodes", missing, services=(service.id,))


@dataclasses.dataclass
class _Watch:
    """Remembers since when a service waits for a node."""

    service: Service
    waits: float | None = None

    def hopeless(self, view: View) -> HarnessError | None:
        """Why it can never run; None while there is hope."""
        if not _wants(self.service).missing(view):
            self.waits = None
            return None
        if refused := conditions.rejected(self.service, view):
            image = "the image" in refused.message
            remedy = "check its image in the compose file" if image else "docker service ps --no-trunc"
            return RequestError(refused.message, remedy=remedy)
        tasks = view.of(self.service.id)
        return self._no_node(tasks, view.at) or self._ends(tasks)

    def _no_node(self, tasks: tuple[Task, ...], now: float) -> HarnessError | None:
        pending = [task for task in tasks if task.state == "pending" and _NO_NODE.match(task.error)]
        if not pending:
            self.waits = None
            return None
        self.waits = now if self.waits is None else self.waits
        if now - self.waits < _PATIENCE:
            return None
        return RequestError(
            f"{self.service.name} is stuck Pending: {pending[0].error}",
            remedy="its constraints, resources and host ports: which node has what it asks for?",
        )

    def _ends(self, tasks: tuple[Task, ...]) -> HarnessError | None:
        failed = sorted((task for task in tasks if task.state == "failed"), key=lambda task: task.since)
        wanted = max(1, sum(task.desired in {"running", "ready"} for task in tasks))
        if len(failed) < _GIVEN_UP * wanted:
            return None
        last = failed[-1].error
        if "unhealthy" in last:
            told = f"{self.service.name} never becomes healthy ({len(failed)} tasks were ended for it)"
            return RequestError(told, remedy="--keep-workloads leaves it there to be looked at")
        told = f"{self.service.name} ends again and again ({len(failed)} times): {last}"
        return RequestError(told, remedy="--keep-workloads leaves it there to be looked at")
