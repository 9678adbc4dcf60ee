"""Runs a script once on every node that takes tasks, as a swarm job, and collects what the nodes tell."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from harness.clock import Clock, Deadline
from harness.engine.protocol import Engine
from harness.engine.spec import ConfigFile, Mount, ServiceSpec
from harness.errors import Interrupted, RequestError
from harness.inside.bundle import pack
from harness.inside.frames import NodeAnswer, assemble
from harness.inside.parse import JobAnswers
from harness.journal import Journal
from harness.model import Node, Task

NAMESPACES = Mount("/var/run/docker/netns", "/var/run/docker/netns", "bind", read_only=True)
START = 60.0  # seconds from creation to a running script; a first pull of the job's image is the longest part
_POLL = 0.15  # seconds between looks at the job's tasks
_GRACE = 4.0  # seconds for the log to show what ended tasks wrote
_SLOW = 40.0  # seconds more for the log of a complete task of which a part came: its link may be slow
_AGAIN = 1.0  # seconds between two such readings
_SLACK = 10.0  # seconds beyond its bound for a script on a busy node: Python's start, the log, the task's end
_NODES_EVERY = 2.0  # seconds between looks at the nodes: a task of a lost node never ends
_FILE = "/harness/job.py"


class _Handle(Protocol):
    @property
    def id(self) -> str:
        """Id of the service."""


class JobSwarm(Protocol):
    """The part of :class:`harness.swarm.Swarm` that a job needs."""

    run: str
    engine: Engine
    journal: Journal
    clock: Clock

    def nodes(self) -> tuple[Node, ...]:
        """All nodes."""

    def config(self, name: str, data: bytes) -> contextlib.AbstractContextManager[Any]:
        """A config for the length of a block."""

    def deploy(self, spec: ServiceSpec) -> contextlib.AbstractContextManager[_Handle]:
        """A service for the length of a block."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A job to run.

    Attributes:
        script: name of a module in ``harness.inside.scripts``.
        image: must hold ``python3``.
        args: JSON for the script; its ``bound`` says how long the script may take (seconds).
        networks: overlay networks (name or id) it joins; none means the host's own network.
        bound: seconds that the script may take once it runs.
        mounts: of the node, beside its namespaces.
        capabilities: beside those that reading namespaces takes.
        unconfined: without AppArmor's profile, which keeps other processes from being looked at.
    """

    script: str
    image: str
    args: Mapping[str, Any]
    networks: tuple[str, ...] = ()
    bound: float = 10.0
    start: float = START
    mounts: tuple[Mount, ...] = ()
    capabilities: tuple[str, ...] = ()
    unconfined: bool = False

    def spec(self, name: str) -> ServiceSpec:
        """The job's service; its config has the same name."""
        return ServiceSpec(
            name=name,
            image=self.image,
            # -S and -I: no site packages, no user's variables, and a quicker start
            command=("python3", "-I", "-S", "-B", _FILE),
            env={
                "HARNESS_ARGS": json.dumps({**self.args, "job": name, "bound": self.bound}),
                "HARNESS_NODE": "{{.Node.Hostname}}",
                "HARNESS_TASK": "{{.Task.ID}}",
            },
            mode="global-job",
            networks=self.networks or ("host",),
            configs=(ConfigFile(name, _FILE),),
            hostname="",  # on the host network it is the node's own
            capabilities=("CAP_NET_ADMIN", "CAP_SYS_ADMIN", *self.capabilities),
            mounts=(NAMESPACES, *self.mounts),
            unconfined=self.unconfined,
            stop_grace=1.0,
            endpoint="dnsrr",  # a VIP for it would cost an address and a table on every node
            log_driver="json-file",
        )


def expected(nodes: Sequence[Node]) -> tuple[tuple[Node, ...], tuple[tuple[str, str], ...]]:
    """The nodes on which a job runs, and (hostname, reason) for each of the others."""
    aside = tuple(
        (
            node.hostname,
            f"the node is {node.state}" if not node.ready else f"availability is {node.availability}",
        )
        for node in nodes
        if not node.takes_tasks
    )
    return tuple(node for node in nodes if node.takes_tasks), aside


def run_job(
    swarm: JobSwarm,
    job: Job,
    stop: threading.Event | None = None,
    *,
    ready: Callable[[], None] | None = None,
) -> JobAnswers:
    """Run ``job`` on every node that takes tasks; its service and config are gone afterwards.

    Nodes whose answer did not come whole within the bound are listed as missing with the reason; nodes that
    take no tasks are listed as skipped.

    Args:
        swarm: where it runs.
        job: what runs.
        stop: set by another thread, it ends the job early.
        ready: called once, as soon as every script has told a record of the kind ``ready``, or those that
            have not can no longer; never if none did. What it raises ends the job.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
        Interrupted: ``stop`` was set; nothing is left then either.
    """
    clock = swarm.clock
    nodes, aside = expected(swarm.nodes())
    name = f"h-{swarm.run}-{swarm.journal.new_id(job.script)}"
    with swarm.config(name, pack(job.script)):
        began = clock.now()
        with swarm.deploy(job.spec(name)) as service:
            collector = _Collector(swarm, service.id, nodes, stop or threading.Event(), ready)
            collector.collect(Deadline.after(job.start, clock), job.bound)
            collector.require_image(job.image)
            job_answers = dataclasses.replace(collector.answers(began, clock.now()), skipped=aside)
    swarm.journal.write(
        "job",
        name=name,
        script=job.script,
        seconds=round(clock.now() - began, 3),
        answered=round(job_answers.ended - began, 3),
        **collector.phases(began),
        told=[answer.node for answer in job_answers.whole],
        missing=list(job_answers.missing),
        skipped=list(aside),
    )
    return job_answers


class _Collector:
    """Watches the job's tasks, and reads their log from when they have ended."""

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


def hostnames(nodes: Collection[Node]) -> tuple[str, ...]:
    """Their hostnames, sorted."""
    return tuple(sorted(node.hostname for node in nodes))
