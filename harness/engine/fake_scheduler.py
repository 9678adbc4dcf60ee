"""The scripted scheduler of the fake engine: tasks and nodes as functions of the clock."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable, Iterator

from harness.clock import Clock
from harness.engine.spec import ServiceSpec
from harness.model import Attachment, Availability, Node, Task

DOWN_AFTER = 15.0  # seconds without a heartbeat until a node is Down
PREPARE, START, STOP, WORK = 0.1, 0.5, 0.3, 0.5  # seconds; WORK is how long a job's task runs


@dataclasses.dataclass
class FakeNode:
    """A node and what was done to it; ``off`` is when it lost power."""

    node: Node
    off: float | None = None


@dataclasses.dataclass
class FakeTask:
    """A task on its way; ``begins`` is when it may start (a replacement waits for the restart delay)."""

    id: str
    service: str
    node: str
    slot: int
    begins: float
    addresses: tuple[Attachment, ...]
    desired: str = "running"
    state: str = "new"
    error: str = ""
    stops: float | None = None
    exit_code: int | None = None
    replaced: bool = False


@dataclasses.dataclass
class FakeService:
    """A service as it was specified last; ``removed`` ones stay until their tasks have ended."""

    id: str
    spec: ServiceSpec
    networks: tuple[str, ...]
    removed: bool = False


class Scheduler:
    """Places tasks evenly on nodes that take them, starts and stops them, replaces those that ended."""

    def __init__(
        self, nodes: list[FakeNode], images: set[str], clock: Clock, tell: Callable[[str, str, str], None]
    ) -> None:
        self.nodes, self.images, self._clock, self._tell = nodes, images, clock, tell
        self.services: dict[str, FakeService] = {}
        self.tasks: list[FakeTask] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # a watch reads beside the test

    def advance(self) -> None:
        """Bring everything to now."""
        with self._lock:
            now = self._clock.now()
            for fake in self.nodes:
                self._heartbeat(fake, now)
            for task in self.tasks:
                if self._powered(task.node):
                    self._step(task, now)
            for service in list(self.services.values()):
                self._reconcile(service, now)

    def listed(self) -> list[Task]:
        """Every task as values."""
        with self._lock:
            return list(self._values())

    def _values(self) -> Iterator[Task]:
        for task in self.tasks:
            state = "ready" if task.state == "new" and task.desired == "ready" else task.state
            yield Task(
                id=task.id,
                service=task.service,
                node=task.node,
                slot=task.slot,
                desired=task.desired,
                state=state,
                error=task.error,
                addresses=task.addresses,
                exit_code=task.exit_code,
            )

    def _heartbeat(self, fake: FakeNode, now: float) -> None:
        seen = "down" if fake.off is not None and now - fake.off >= DOWN_AFTER else "ready"
        if fake.node.state != seen:
            fake.node = dataclasses.replace(fake.node, state=seen)
            self._tell("node", "update", fake.node.id)

    def _powered(self, node: str) -> bool:
        return all(fake.off is None for fake in self.nodes if fake.node.id == node)

    def _step(self, task: FakeTask, now: float) -> None:
        service = self.services[task.service]
        if task.state in {"shutdown", "failed", "rejected", "complete"}:
            return
        if task.desired in {"shutdown", "remove"}:
            task.stops = now + STOP if task.stops is None else task.stops
            if now >= task.stops:
                task.state, task.exit_code = "shutdown", 0
            return
        age = now - task.begins
        if age < 0:
            return
        task.desired = "running"
        if age < PREPARE:
            task.state = "preparing"
        elif service.spec.image not in self.images:
            task.state, task.desired = "rejected", "shutdown"
            task.error = f"No such image: {service.spec.image}"
        elif age < START:
            task.state = "starting"
        elif service.spec.job and age >= START + WORK:
            task.state, task.desired, task.exit_code = "complete", "shutdown", 0
        else:
            task.state = "running"

    def _reconcile(self, service: FakeService, now: float) -> None:
        mine = [task for task in self.tasks if task.service == service.id]
        if service.removed:
            self._dissolve(service, mine)
            return
        for task in mine:
            placed = next(fake.node for fake in self.nodes if fake.node.id == task.node)
            if not placed.takes_tasks and placed.availability is not Availability.PAUSE:
                task.desired = "shutdown"
        if service.spec.job:
            if not mine:
                self._start_job(service, now)
            return
        if service.spec.mode == "global":
            wanted = [(0, fake.node.id) for fake in self.nodes if fake.node.takes_tasks]
        else:
            wanted = [(slot, "") for slot in range(1, service.spec.replicas + 1)]
        for slot, node in wanted:
            self._fill(service, [task for task in mine if (slot, node) == _place(task)], slot, node, now)
        for task in mine:
            if _place(task) not in wanted:
                task.desired = "remove"
        self._forget(mine)

    def _fill(self, service: FakeService, mine: list[FakeTask], slot: int, node: str, now: float) -> None:
        if any(task.desired in {"running", "ready"} for task in mine):
            return
        last = mine[-1] if mine else None
        failed = last is not None and last.state in {"failed", "rejected"}
        begins = now + (service.spec.restart.delay if failed else 0.0)
        self._place(service, slot, node, begins)

    def _start_job(self, service: FakeService, now: float) -> None:
        if service.spec.mode == "global-job":
            for fake in self.nodes:
                if fake.node.takes_tasks:
                    self._place(service, 0, fake.node.id, now)
        else:
            for slot in range(service.spec.replicas):
                self._place(service, slot, "", now)

    def _dissolve(self, service: FakeService, mine: list[FakeTask]) -> None:
        for task in mine:
            task.desired = "remove"
        if self._forget(mine) == len(mine):
            del self.services[service.id]

    def _forget(self, mine: list[FakeTask]) -> int:
        """Drop the tasks that were to be removed and have ended; says how many."""
        ended = {"shutdown", "failed", "rejected", "complete"}
        done = [task for task in mine if task.desired == "remove" and task.state in ended]
        self.tasks = [task for task in self.tasks if task not in done]
        return len(done)

    def _place(self, service: FakeService, slot: int, node: str, begins: float) -> None:
        free = [fake.node.id for fake in self.nodes if fake.node.takes_tasks]
        if not free:
            return
        load = {ident: sum(_lives(task) and task.node == ident for task in self.tasks) for ident in free}
        number = next(self._numbers)
        addresses = tuple(
            Attachment(network, f"10.{index}.0.{number + 2}")
            for index, network in enumerate(service.networks)
        )
        chosen = node or min(free, key=lambda ident: load[ident])
        desired = "ready" if begins > self._clock.now() else "running"
        self.tasks.append(FakeTask(f"task{number:04}", service.id, chosen, slot, begins, addresses, desired))


def _lives(task: FakeTask) -> bool:
    return task.desired in {"running", "ready"}


def _place(task: FakeTask) -> tuple[int, str]:
    return (task.slot, "") if task.slot else (0, task.node)
