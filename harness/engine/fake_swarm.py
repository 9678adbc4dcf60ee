"""The small swarm around the engine in memory: its nodes, what it keeps, and what a test does to it."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Iterator, Sequence

from harness.clock import Clock
from harness.engine.fake_scheduler import FakeNode, FakeService, Scheduler
from harness.engine.protocol import Config, ConflictError, Event, LogLine, NotFoundError, Secret
from harness.engine.spec import ServiceSpec
from harness.errors import RequestError, Unmeasurable
from harness.model import Availability, Network, Node, Role

HOSTNAMES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
IMAGES = ("traefik/whoami:v1.10.3", "redis:7", "nicolaka/netshoot:v0.13")
INGRESS = Network("net0", "ingress", "overlay", "swarm", ("10.0.0.0/24",), ingress=True)


class FakeSwarm:
    """Nodes, services, networks, configs and secrets that live in this object.

    Attributes:
        away: while true every verb raises Unmeasurable, as when the manager's engine is down.
        logs: lines that ``service_logs`` gives, by name of the service.
        refuse_removal: how many times the removal of a network is refused with InUseError.
    """

    def __init__(
        self, clock: Clock, hostnames: Sequence[str] = HOSTNAMES, images: Sequence[str] = IMAGES
    ) -> None:
        self._clock = clock
        nodes = [
            FakeNode(
                Node(
                    id=f"node{index}",
                    hostname=hostname,
                    role=Role.WORKER if index else Role.MANAGER,
                    availability=Availability.ACTIVE,
                    state="ready",
                    address=f"192.168.200.{10 + index}",
                    leader=not index,
                    reachability="" if index else "reachable",
                    engine="26.1.5",
                )
            )
            for index, hostname in enumerate(hostnames)
        ]
        self.scheduler = Scheduler(nodes, set(images), clock, self._tell)
        self.away = False
        self.refuse_removal = 0
        self.logs: dict[str, list[LogLine]] = {}
        self._networks: dict[str, Network] = {INGRESS.id: INGRESS}
        self._configs: dict[str, Config] = {}
        self._secrets: dict[str, Secret] = {}
        self._streams: list[FakeEvents] = []
        self._numbers = itertools.count(1)
        self._nano = itertools.count(1)

    # --- what a test does to the swarm -------------------------------------------------------------------

    def power_off(self, hostname: str) -> None:
        """The node stops at once: its tasks freeze, and 15 s later it is Down."""
        self._fake(hostname).off = self._clock.now()

    def power_on(self, hostname: str) -> None:
        """The node is back and heartbeats at once; what ran on it has ended."""
        fake = self._fake(hostname)
        fake.off = None
        for task in self.scheduler.tasks:
            if task.node == fake.node.id and task.state == "running":
                task.state, task.desired = "failed", "shutdown"

    def kill(self, task: str) -> None:
        """The task's container is killed."""
        for found in self.scheduler.tasks:
            if found.id == task:
                found.state, found.desired, found.exit_code = "failed", "shutdown", 137
                found.error = "task: non-zero exit (137)"

    def restart(self) -> None:
        """The manager's engine restarts: every event stream ends."""
        for stream in self._streams:
            stream.close()
        self._streams.clear()

    def _fake(self, hostname: str) -> FakeNode:
        return next(fake for fake in self.scheduler.nodes if fake.node.hostname == hostname)

    # --- what the engine's verbs stand on ----------------------------------------------------------------

    def _now(self) -> None:
        if self.away:
            raise Unmeasurable("the engine at fake cannot be reached", remedy="does it run?")
        self.scheduler.advance()

    def _tell(self, kind: str, action: str, ident: str) -> None:
        for stream in self._streams:
            stream.put(Event(next(self._nano), kind, action, ident))

    def _service(self, ident: str) -> FakeService:
        self._now()
        found = self.scheduler.services.get(ident)
        if found is None or found.removed:
            raise NotFoundError(f"the engine refuses: service {ident} not found")
        return found

    def _network(self, name: str) -> str:
        for found in self._networks.values():
            if name in {found.id, found.name}:
                return found.id
        raise NotFoundError(f"the engine refuses: network {name} not found")

    def _free_name(self, name: str, taken: list[str]) -> None:
        if name in taken:
            raise ConflictError(f"the engine refuses: name conflicts with an existing object: {name}")

    def _free_ports(self, spec: ServiceSpec) -> None:
        for service in (one.spec for one in self.scheduler.services.values() if not one.removed):
            taken = {(port.published, port.protocol) for port in service.ports}
            for port in spec.ports:
                if port.published and (port.published, port.protocol) in taken:
                    raise RequestError(
                        f"port '{port.published}' is already in use by service '{service.name}'",
                        remedy="set another published_port",
                    )


class FakeEvents:
    """An open stream of the fake; blocks until an event or the end."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def put(self, event: Event) -> None:
        """Give the reader an event."""
        self._queue.put(event)

    def __iter__(self) -> Iterator[Event]:
        while (event := self._queue.get()) is not None:
            yield event

    def close(self) -> None:
        """End the stream, from any thread."""
        self._queue.put(None)
