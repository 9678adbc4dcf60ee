"""What the manager says at one moment, and what changed since the moment before."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable

from harness.clock import Clock
from harness.engine.protocol import Engine
from harness.errors import Unmeasurable
from harness.evidence import Change
from harness.model import Node, Task
from harness.swarm.events import Pump

_NODES_EVERY = 1.0  # seconds between readings of /nodes when no event asked for one


@dataclasses.dataclass(frozen=True)
class View:
    """Nodes, and the tasks of the services of interest, at one moment.

    Attributes:
        services: ids of the services whose tasks were read.
        tasks: also ended ones that the manager remembers; ``Task.node`` is the node's **hostname** here.
    """

    at: float
    nodes: tuple[Node, ...]
    tasks: tuple[Task, ...]
    services: tuple[str, ...] = ()

    def of(self, service: str) -> tuple[Task, ...]:
        """The tasks of a service (id)."""
        return tuple(task for task in self.tasks if task.service == service)

    def node(self, hostname: str) -> Node | None:
        """The node of that name; of several, one that is ready."""
        found = [node for node in self.nodes if node.hostname == hostname]
        return next((node for node in found if node.ready), found[0] if found else None)

    def ready(self, hostname: str) -> bool:
        """Whether there is a node of that name which is Ready: only then its tasks' states are news."""
        node = self.node(hostname)
        return node is not None and node.ready

    def __str__(self) -> str:
        """One line: nodes that are not plainly ready, then how many tasks are in which state."""
        odd = [
            f"{node.hostname} {node.state}/{node.availability}" for node in self.nodes if not node.takes_tasks
        ]
        counts: dict[str, int] = {}
        for task in self.tasks:
            if not task.ended or task.desired == "running":
                state = f"{task.state}: {task.error}" if task.error else task.state
                counts[state] = counts.get(state, 0) + 1
        tasks = [f"{count} x {state}" for state, count in sorted(counts.items())]
        return "; ".join([*odd, *tasks]) or "no task"


class Reader:
    """Reads views: tasks every time, nodes when an event told of news or a second has passed.

    Safe to use from several threads; a wait and a watch of one service share their readings.
    """

    def __init__(self, engine: Engine, clock: Clock, pump: Pump) -> None:
        self._engine, self._clock, self._pump = engine, clock, pump
        self._lock = threading.Lock()
        self._nodes: tuple[Node, ...] = ()
        self._nodes_at = float("-inf")
        self._seen = -1
        self._tasks: dict[str, tuple[float, tuple[Task, ...]]] = {}

    def read(self, services: Iterable[str], max_age: float = 0.0) -> View:
        """The view of these services (ids).

        Args:
            services: whose tasks to read.
            max_age: seconds that a reading made for somebody else may be old; 0 reads anew.

        Raises:
            Unmeasurable: the manager does not answer.
        """
        wanted = tuple(dict.fromkeys(services))
        with self._lock:
            try:
                self._refresh_nodes()
                readings = [self._read_tasks(service, max_age) for service in wanted]
            except Unmeasurable:
                self._pump.renew()  # its stream may be as dead as the manager
                raise
            names = {node.id: node.hostname for node in self._nodes}
            at = min((at for at, _ in readings), default=self._clock.now())
        tasks = (task for _, found in readings for task in found)
        named = tuple(dataclasses.replace(task, node=names.get(task.node, task.node)) for task in tasks)
        return View(at, self._nodes, named, wanted)

    def _refresh_nodes(self) -> None:
        news = self._pump.count
        if news != self._seen or self._clock.now() - self._nodes_at >= _NODES_EVERY:
            self._nodes = self._engine.nodes()
            self._seen, self._nodes_at = news, self._clock.now()

    def _read_tasks(self, service: str, max_age: float) -> tuple[float, tuple[Task, ...]]:
        at, tasks = self._tasks.get(service, (float("-inf"), ()))
        if not max_age or self._clock.now() - at > max_age:
            tasks = self._engine.tasks(service)
            at = self._clock.now()
            self._tasks[service] = at, tasks
        return at, tasks


class Differ:
    """Remembers what was seen last and tells what is new; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._nodes: dict[str, Node] = {}

    def changes(self, view: View) -> tuple[Change, ...]:
        """What ``view`` shows that was not seen before; the first view is all new.

        A task that the manager no longer lists is told once, with the state ``removed``.
        """
        with self._lock:
            found = [_node_change(view.at, node) for node in view.nodes if self._new_node(node)]
            found += [_task_change(view.at, task) for task in view.tasks if self._new_task(task)]
            listed = {task.id for task in view.tasks}
            for task in [task for task in self._tasks.values() if task.service in view.services]:
                if task.id not in listed:
                    del self._tasks[task.id]
                    found.append(dataclasses.replace(_task_change(view.at, task), state="removed", detail=""))
            return tuple(found)

    def _new_node(self, node: Node) -> bool:
        known, self._nodes[node.id] = self._nodes.get(node.id), node
        return known is None or _node_change(0, known) != _node_change(0, node)

    def _new_task(self, task: Task) -> bool:
        known, self._tasks[task.id] = self._tasks.get(task.id), task
        return known is None or (known.state, known.desired, known.node, known.error) != (
            task.state,
            task.desired,
            task.node,
            task.error,
        )


def _node_change(at: float, node: Node) -> Change:
    detail = " ".join(filter(None, (node.availability.value, "leader" if node.leader else node.reachability)))
    return Change(at, "node", node.id, node.state, node=node.hostname, detail=detail)


def _task_change(at: float, task: Task) -> Change:
    detail = task.error or task.message
    return Change(at, "task", task.id, task.state, task.desired, task.node, task.slot, detail)
