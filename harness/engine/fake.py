"""An engine in memory, for unit tests: the same verbs and errors, its scheduler driven by the clock.

The contract suite runs against it and against a real engine, so it cannot drift.
"""

from __future__ import annotations

import dataclasses
import itertools
import queue
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.clock import Clock
from harness.engine.fake_scheduler import FakeNode, FakeService, Scheduler
from harness.engine.protocol import (
    Config,
    ConflictError,
    EngineVersion,
    Event,
    Events,
    Info,
    InUseError,
    Kind,
    LogLine,
    NotFoundError,
)
from harness.engine.spec import ConfigSpec, NetworkLink, NetworkSpec, ServiceSpec
from harness.errors import RequestError, Unmeasurable
from harness.model import Attachment, Availability, Network, Node, Role, Service, Task

HOSTNAMES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
IMAGES = ("traefik/whoami:v1.10.3", "redis:7", "nicolaka/netshoot:v0.13")
INGRESS = Network("net0", "ingress", "overlay", "swarm", ("10.0.0.0/24",), ingress=True)


class FakeEngine:
    """A manager of a small swarm that lives in this object.

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

    # --- reading -----------------------------------------------------------------------------------------

    def version(self) -> EngineVersion:
        """See the protocol."""
        self._now()
        return EngineVersion("26.1.5", "1.45", "1.24", "1.44", "6.12.101", "linux", "amd64")

    def info(self) -> Info:
        """See the protocol."""
        self._now()
        first = self.scheduler.nodes[0].node
        return Info(
            first.hostname,
            "active",
            True,
            first.id,
            cluster="cluster0",
            time=self._clock.now(),
            live_restore=False,
        )

    def nodes(self) -> tuple[Node, ...]:
        """See the protocol."""
        self._now()
        found = (fake.node for fake in self.scheduler.nodes)
        return tuple(sorted(found, key=lambda node: node.hostname))

    def services(self, label: str | None = None) -> tuple[Service, ...]:
        """See the protocol."""
        self._now()
        found = (_service(service) for service in self.scheduler.services.values() if not service.removed)
        chosen = (service for service in found if _has(service.labels, label))
        return tuple(sorted(chosen, key=lambda service: service.name))

    def tasks(self, service: str | None = None, node: str | None = None) -> tuple[Task, ...]:
        """See the protocol."""
        self._now()
        found = [
            task
            for task in self.scheduler.listed()
            if service in {None, task.service} and node in {None, task.node}
        ]
        return tuple(sorted(found, key=lambda task: (task.service, task.slot, task.node, task.id)))

    def networks(self, label: str | None = None) -> tuple[Network, ...]:
        """See the protocol."""
        self._now()
        found = (network for network in self._networks.values() if _has(network.labels, label))
        return tuple(sorted(found, key=lambda network: network.name))

    def has_image(self, name: str) -> bool:
        """See the protocol."""
        self._now()
        return name in self.scheduler.images

    def registry_has(self, name: str) -> bool:
        """See the protocol; what its nodes have came from there."""
        self._now()
        return name in self.scheduler.images

    def configs(self, label: str | None = None) -> tuple[Config, ...]:
        """See the protocol."""
        self._now()
        found = (config for config in self._configs.values() if _has(config.labels, label))
        return tuple(sorted(found, key=lambda config: config.name))

    def service_logs(
        self,
        service: str,
        *,
        bound: float = 10.0,  # noqa: ARG002  the fake never waits
    ) -> tuple[LogLine, ...]:
        """See the protocol."""
        return tuple(self.logs.get(self._service(service).spec.name, ()))

    def events(self, since: int | None = None) -> Events:  # noqa: ARG002  it remembers no past
        """See the protocol; nothing of the past is remembered."""
        self._now()
        stream = FakeEvents()
        self._streams.append(stream)
        return stream

    def inspect(self, kind: Kind, ident: str) -> dict[str, Any]:
        """See the protocol."""
        values: dict[str, Sequence[Any]] = {
            "service": self.services(),
            "task": self.tasks(),
            "node": self.nodes(),
            "network": self.networks(),
            "config": self.configs(),
        }
        for value in values.get(kind, ()):
            if ident in {value.id, getattr(value, "name", "")}:
                return dataclasses.asdict(value)
        raise NotFoundError(f"no such {kind}: {ident}")

    def close(self) -> None:
        """See the protocol."""
        self.restart()

    # --- changing ----------------------------------------------------------------------------------------

    def create_service(self, spec: ServiceSpec) -> str:
        """See the protocol."""
        self._now()
        self._free_name(spec.name, [service.name for service in self.services()])
        self._free_ports(spec)
        wanted = [link.name if isinstance(link, NetworkLink) else link for link in spec.networks]
        networks = [self._network(name) for name in wanted if name != "host"]
        if spec.ports:
            networks.insert(0, INGRESS.id)
        for file in spec.configs:
            if file.name not in {config.name for config in self._configs.values()}:
                raise RequestError(f"the swarm has no config {file.name}", remedy="create it first")
        ident = f"service{next(self._numbers)}"
        self.scheduler.services[ident] = FakeService(ident, spec, tuple(networks))
        self._tell("service", "create", ident)
        self.scheduler.advance()
        return ident

    def update_service(self, service: str, spec: ServiceSpec) -> None:
        """See the protocol; every task is replaced at once."""
        found = self._service(service)
        found.spec = spec
        for task in self.scheduler.tasks:
            if task.service == service:
                task.desired = "shutdown"
        self._tell("service", "update", service)

    def scale(self, service: str, replicas: int) -> None:
        """See the protocol."""
        found = self._service(service)
        if found.spec.mode != "replicated":
            raise RequestError(f"the service {found.spec.name} is not replicated", remedy="do not scale it")
        found.spec = dataclasses.replace(found.spec, replicas=replicas)
        self._tell("service", "update", service)

    def remove_service(self, service: str) -> None:
        """See the protocol."""
        self._now()
        for found in self.scheduler.services.values():
            if service in {found.id, found.spec.name} and not found.removed:
                found.removed = True
                self._tell("service", "remove", found.id)

    def create_network(self, spec: NetworkSpec) -> str:
        """See the protocol."""
        self._now()
        self._free_name(spec.name, [network.name for network in self._networks.values()])
        number = next(self._numbers)
        pool = spec.subnet or f"10.0.{number}.0/24"
        labels = tuple(sorted(spec.labels.items()))
        ident = f"net{number}"
        self._networks[ident] = Network(ident, spec.name, "overlay", "swarm", (pool,), labels=labels)
        return ident

    def remove_network(self, network: str) -> None:
        """See the protocol."""
        self._now()
        for found in list(self._networks.values()):
            if network in {found.id, found.name}:
                used = any(found.id in service.networks for service in self.scheduler.services.values())
                if used or self.refuse_removal > 0:
                    self.refuse_removal -= 1
                    raise InUseError(f"the engine refuses: network {found.id} is in use by a task")
                del self._networks[found.id]

    def create_config(self, spec: ConfigSpec) -> str:
        """See the protocol."""
        self._now()
        self._free_name(spec.name, [config.name for config in self._configs.values()])
        ident = f"config{next(self._numbers)}"
        labels = tuple(sorted(spec.labels.items()))
        self._configs[ident] = Config(ident, spec.name, labels, self._clock.now())
        return ident

    def label_config(self, config: str, labels: Mapping[str, str]) -> None:
        """See the protocol."""
        self._now()
        if config not in self._configs:
            raise NotFoundError(f"the engine refuses: config {config} not found")
        self._configs[config] = dataclasses.replace(
            self._configs[config], labels=tuple(sorted(labels.items())), updated=self._clock.now()
        )

    def remove_config(self, config: str) -> None:
        """See the protocol."""
        self._now()
        services = [one.spec for one in self.scheduler.services.values() if not one.removed]
        used = {file.name for spec in services for file in spec.configs}
        for found in list(self._configs.values()):
            if config in {found.id, found.name}:
                if found.name in used:
                    raise InUseError(f"the engine refuses: config {found.name!r} is in use by a service")
                del self._configs[found.id]

    def set_availability(self, node: str, availability: Availability) -> None:
        """See the protocol."""
        self._now()
        for fake in self.scheduler.nodes:
            if fake.node.id == node:
                fake.node = dataclasses.replace(fake.node, availability=availability)
                self._tell("node", "update", node)
                return
        raise NotFoundError(f"the engine refuses: node {node} not found")

    # --- helpers -----------------------------------------------------------------------------------------

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
        for service in self.services():
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


def _service(fake: FakeService) -> Service:
    spec = fake.spec
    return Service(
        id=fake.id,
        name=spec.name,
        image=spec.image,
        replicas=spec.replicas if spec.mode == "replicated" else None,
        ports=spec.ports,
        vips=tuple(Attachment(network, f"10.{index}.0.2") for index, network in enumerate(fake.networks)),
        labels=tuple(sorted(spec.labels.items())),
        endpoint=spec.endpoint,
    )


def _has(labels: tuple[tuple[str, str], ...], wanted: str | None) -> bool:
    if wanted is None:
        return True
    key, equals, value = wanted.partition("=")
    found = dict(labels)
    return key in found and (not equals or found[key] == value)
