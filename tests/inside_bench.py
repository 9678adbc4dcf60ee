"""A swarm for inside jobs whose tasks and logs are scripted, on a clock that sleeps for free."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from harness.clock import Clock
from harness.engine.protocol import Engine, LogLine
from harness.engine.spec import ServiceSpec
from harness.errors import RequestError
from harness.inside.scripts.wire import MARK
from harness.journal import Journal
from harness.model import Attachment, Availability, Network, Node, Role, Service, Task


def node(name: str, **fields: Any) -> Node:
    """A ready worker, unless told otherwise."""
    known = {
        "role": Role.WORKER,
        "availability": Availability.ACTIVE,
        "state": "ready",
        "address": f"a-{name}",
    }
    return Node(id=f"id-{name}", hostname=name, **{**known, **fields})


def lines(name: str, *records: dict[str, Any], whole: bool = True) -> list[str]:
    """What a task on the node wrote."""
    told = [{"kind": "hello", "kernel": "6.12"}, *records]
    if whole:
        told.append({"kind": "end", "count": len(told)})
    return [
        MARK + json.dumps({**record, "n": n, "node": name, "task": f"t-{name}", "at": 0.5 * n})
        for n, record in enumerate(told)
    ]


class FakeClock:
    """Sleeping is free."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.time += seconds


class FakeSwarm:
    """A swarm whose tasks run for 2 s and then are as scripted; the log lags by ``lag`` readings."""

    def __init__(self, journal: Journal, clock: Clock, nodes: list[Node]) -> None:
        self.run, self.journal, self.clock = "abc123", journal, clock
        self.log: dict[str, list[str]] = {one.hostname: lines(one.hostname) for one in nodes}
        self.ends: dict[str, tuple[str, str]] = {one.hostname: ("complete", "") for one in nodes}
        self.lag = 0
        self.bounds: list[float] = []
        self.lost: set[str] = set()
        self.refuses = ""
        self.specs: list[ServiceSpec] = []
        self.gone: list[str] = []
        self._nodes = nodes
        self._created = 0.0
        self.engine = cast(
            "Engine",
            SimpleNamespace(
                tasks=self._tasks,
                nodes=self.nodes,
                service_logs=self._logs,
                services=lambda: [Service("s", "web", "i", 2, vips=(Attachment("net", "10.0.1.2"),))],
                networks=lambda: [Network("ingressid", "ingress", "overlay", "swarm", ingress=True)],
                info=lambda: SimpleNamespace(name=nodes[0].hostname, data_path_port=4789),
            ),
        )

    def nodes(self) -> tuple[Node, ...]:
        """All nodes; those in ``lost`` are down from the moment that something is deployed."""
        lost = self.lost if self.specs else set()
        return tuple(
            dataclasses.replace(one, state="down") if one.hostname in lost else one for one in self._nodes
        )

    @contextlib.contextmanager
    def config(self, name: str, data: bytes) -> Iterator[None]:
        """A config for a block."""
        assert data
        try:
            yield
        finally:
            self.gone.append(f"config {name}")

    @contextlib.contextmanager
    def deploy(self, spec: ServiceSpec) -> Iterator[Any]:
        """A service for a block."""
        if self.refuses and self.refuses in spec.name:
            raise RequestError("refused")
        self.specs.append(spec)
        self._created = self.clock.now()
        try:
            yield SimpleNamespace(id=f"s-{spec.name}")
        finally:
            self.gone.append(f"service {spec.name}")

    def _tasks(self, service: str) -> tuple[Task, ...]:
        running = self.clock.now() < self._created + 2.0
        found = []
        for one in self._nodes:
            state, error = self.ends[one.hostname]
            early = running and state != "preparing"
            told = ("running", "") if early else (state, error)
            task = Task(f"t-{one.hostname}", service, one.id, 0, "complete", told[0], error=told[1])
            found += [task] if one.takes_tasks else []
        return tuple(found)

    def _logs(self, service: str, *, bound: float) -> tuple[LogLine, ...]:
        assert service
        assert bound > 0
        self.bounds.append(bound)
        self.lag -= 1
        told = [text for texts in self.log.values() for text in (texts if self.lag < 0 else texts[:-1])]
        return tuple(LogLine("", "", text) for text in told)
