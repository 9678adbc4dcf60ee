"""An engine in memory, for unit tests: the same verbs and errors, its scheduler driven by the clock.

The contract suite runs against it and against a real engine, so it cannot drift.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.engine.fake_scheduler import FakeService
from harness.engine.fake_swarm import INGRESS, FakeEvents, FakeSwarm
from harness.engine.protocol import (
    Config,
    EngineVersion,
    Events,
    Info,
    InUseError,
    Kind,
    LogLine,
    NotFoundError,
    Secret,
)
from harness.engine.spec import ConfigSpec, NetworkLink, NetworkSpec, SecretSpec, ServiceSpec
from harness.errors import RequestError
from harness.model import Attachment, Availability, Network, Node, Service, Task


class FakeEngine(FakeSwarm):
    """The manager of a small swarm, as an :class:`~harness.engine.protocol.Engine`."""

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

    def secrets(self, label: str | None = None) -> tuple[Secret, ...]:
        """See the protocol."""
        self._now()
        found = (secret for secret in self._secrets.values() if _has(secret.labels, label))
        return tuple(sorted(found, key=lambda secret: secret.name))

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
            "secret": self.secrets(),
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
        known = {
            "config": {one.name for one in self._configs.values()},
            "secret": {one.name for one in self._secrets.values()},
        }
        for kind, files in (("config", spec.configs), ("secret", spec.secrets)):
            for file in files:
                if file.name not in known[kind]:
                    raise RequestError(f"the swarm has no {kind} {file.name}", remedy="create it first")
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

    def create_secret(self, spec: SecretSpec) -> str:
        """See the protocol."""
        self._now()
        self._free_name(spec.name, [secret.name for secret in self._secrets.values()])
        ident = f"secret{next(self._numbers)}"
        self._secrets[ident] = Secret(ident, spec.name, tuple(sorted(spec.labels.items())), self._clock.now())
        return ident

    def remove_secret(self, secret: str) -> None:
        """See the protocol."""
        self._now()
        services = [one.spec for one in self.scheduler.services.values() if not one.removed]
        used = {file.name for spec in services for file in spec.secrets}
        for found in list(self._secrets.values()):
            if secret in {found.id, found.name}:
                if found.name in used:
                    raise InUseError(f"the engine refuses: secret {found.name!r} is in use by a service")
                del self._secrets[found.id]

    def set_availability(self, node: str, availability: Availability) -> None:
        """See the protocol."""
        self._now()
        for fake in self.scheduler.nodes:
            if fake.node.id == node:
                fake.node = dataclasses.replace(fake.node, availability=availability)
                self._tell("node", "update", node)
                return
        raise NotFoundError(f"the engine refuses: node {node} not found")


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
