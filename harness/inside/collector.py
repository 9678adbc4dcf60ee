"""Watches a job's tasks, and reads their log from when they have ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from harness.clock import Deadline
from harness.errors import Interrupted, RequestError
from harness.inside.frames import NodeAnswer, assemble
from harness.inside.job import JobSwarm
from harness.inside.parse import JobAnswers
from harness.model import Node, Task

_POLL = 0.15  # seconds between looks at the job's tasks
_GRACE = 4.0  # seconds for the log to show what ended tasks wrote
_SLOW = 40.0  # seconds more for the log of a complete task of which a part came: its link may be slow
_AGAIN = 1.0  # seconds between two such readings
_SLACK = 10.0  # seconds beyond its bound for a script on a busy node: Python's start, the log, the task's end
_NODES_EVERY = 2.0  # seconds between looks at the nodes: a task of a lost node never ends


class Collector:
    """What the tasks of one job have told so far."""

    def __init__(
        self,
        swarm: JobSwarm,
        service: str,
        nodes: Sequence[Node],
        stop: threading.Event,
        ready: Callable[[], None] | None,
    ) -> None:
        self._ready = ready
        self._engine = swarm.engine
        self._clock = swarm.clock
        self._service = service
        self._stop = stop
        self._nodes = {node.id: node.hostname for node in nodes}
        self._told: dict[str, NodeAnswer] = {}
        self._tasks: dict[str, Task] = {}
        self._ended: dict[str, float] = {}
        self._ran: dict[str, float] = {}
        self._starts: dict[str, float] = {}
        self._lost: set[str] = set()
        self._look_at = swarm.clock.now() + _NODES_EVERY

    def collect(self, start: Deadline, bound: float) -> None:
        """Until every node has told all, or nothing more can come."""
        while not self._over(start, bound):
            self._announce(start)
            self._clock.sleep(_POLL)
        last = Deadline.after(_GRACE, self._clock)
        while True:
            self._read()
            whole = {node for node, answer in self._told.items() if answer.complete}
            if whole >= set(self._ended) or last.passed:
                break
            self._clock.sleep(_POLL)
        self._read_slowly()

    def _read_slowly(self) -> None:
        """Read the log again with more and more time, while what complete tasks wrote comes only in part.

        The log lies on their nodes: this is the same evidence once more, no second measurement.
        """
        last, bound = Deadline.after(_SLOW, self._clock), 2 * _GRACE
        while not last.passed and any(
            self._tasks[host].state == "complete" and not answer.complete
            for host, answer in self._told.items()
            if host in self._ended
        ):
            if self._stop.is_set():
                raise Interrupted("the job was stopped")
            self._clock.sleep(_AGAIN)
            self._read(max(_AGAIN, min(bound, last.left)))
            bound *= 2

    def _over(self, start: Deadline, bound: float) -> bool:
        """Whether every task has ended, or has had its time: to start, to run, or its node is lost."""
        if self._stop.is_set():
            raise Interrupted("the job was stopped")
        tasks = self._engine.tasks(service=self._service)
        now = self._clock.now()
        for task in tasks:
            host = self._nodes.get(task.node)
            if host is None:
                continue
            self._tasks[host] = task
            if task.state == "running":
                self._ran.setdefault(host, now)
            elif task.ended:
                self._ended.setdefault(host, now)
        if now >= self._look_at:
            self._look_at = now + _NODES_EVERY
            ready = {node.id for node in self._engine.nodes() if node.ready}
            self._lost = {host for ident, host in self._nodes.items() if ident not in ready}
        return all(
            host in self._ended
            or host in self._lost
            or (now > self._ran[host] + bound + _SLACK if host in self._ran else start.passed)
            for host in self._nodes.values()
        )

    def _announce(self, start: Deadline) -> None:
        """Say once that the scripts are ready: all of them, or those that will ever be."""
        if self._ready is None or not self._ran:
            return
        self._read()
        told = {host for host, answer in self._told.items() if answer.of("ready")}
        waiting = set(self._nodes.values()) - told - set(self._ended) - self._lost
        late = all(self._clock.now() > at + _SLACK for at in self._ran.values())
        if told and (not waiting or late or start.passed):
            ready, self._ready = self._ready, None
            ready()

    def _read(self, bound: float = _GRACE) -> None:
        found = assemble(line.text for line in self._engine.service_logs(self._service, bound=bound))
        now = self._clock.now()
        for host in self._nodes.values():
            answer = found.get(host)
            before = self._told.get(host)
            if answer is None or (before and len(answer.records) < len(before.records)):
                continue
            self._told[host] = answer
            # the task's end was seen, or the line was read: both are later than when it was written
            began = min(now, self._ended.get(host, now)) - answer.lasted
            if answer.complete or host in self._starts or answer.of("ready"):
                self._starts[host] = min(began, self._starts.get(host, began))

    def answers(self, began: float, ended: float) -> JobAnswers:
        """What was collected."""
        hosts = sorted(self._nodes.values())
        return JobAnswers(
            answers=tuple(self._told[host] for host in hosts if host in self._told),
            missing=tuple((host, self._why(host)) for host in hosts if not self._complete(host)),
            began=began,
            ended=ended,
            starts=tuple((host, max(began, self._starts[host])) for host in hosts if host in self._starts),
        )

    def require_image(self, image: str) -> None:
        """Nobody told anything, and every node says why: there is no such image.

        Raises:
            RequestError: so it is.
        """
        lacking = [task for task in self._tasks.values() if "No such image" in task.error]
        if lacking and len(lacking) == len(self._nodes):
            raise RequestError(
                f"the image {image} of the inside jobs was not found on any node",
                remedy="set job under [images] to an image that holds python3",
            )

    def phases(self, began: float) -> dict[str, float]:
        """Where the time went: seconds until the last script began and ended; how long the longest took."""
        last = {
            "begun": max(self._starts.values(), default=began),
            "ended": max(self._ended.values(), default=began),
        }
        lasted = max((answer.lasted for answer in self._told.values()), default=0.0)
        return {**{name: round(at - began, 3) for name, at in last.items()}, "lasted": round(lasted, 3)}

    def _complete(self, host: str) -> bool:
        return host in self._told and self._told[host].complete

    def _why(self, host: str) -> str:
        task = self._tasks.get(host)
        if task is None:
            return "the scheduler made no task for the job there"
        state = f"its task is {task.state}"
        if host in self._lost:
            state += ", and its node is no longer Ready"
        if task.state not in {"running", "complete"}:
            state += f" ({task.error or task.message or 'no reason given'})"
        told = self._told.get(host)
        if told:
            return f"{told.lacking}; {state}"
        # seen after a node's power cycle: the manager calls its logs unavailable until its engine restarts
        hint = (
            "; restart that node's engine: its logs do not reach the manager"
            if task.state == "complete"
            else ""
        )
        return f"it told nothing; {state}{hint}"
