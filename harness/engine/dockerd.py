"""The real engine: its JSON is built by ``spec.py``, read by ``parse.py`` and travels by ``transport.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from harness.config import Tls
from harness.engine import parse, wire
from harness.engine.protocol import (
    Config,
    EngineVersion,
    Events,
    Info,
    Kind,
    LogLine,
    NotFoundError,
    Secret,
)
from harness.engine.spec import ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec
from harness.engine.transport import Transport
from harness.errors import RequestError, Unmeasurable
from harness.model import Availability, Network, Node, Service, Task

_REGISTRY = 10.0  # seconds for an engine to ask a registry
_PATHS: dict[Kind, str] = {
    "service": "/services/{}",
    "task": "/tasks/{}",
    "node": "/nodes/{}",
    "network": "/networks/{}?verbose=true",
    "config": "/configs/{}",
    "secret": "/secrets/{}",
    "container": "/containers/{}/json",
}


class DockerEngine:
    """An :class:`~harness.engine.protocol.Engine` behind ``tcp://`` or ``unix://``; made by :meth:`open`."""

    def __init__(self, way: Transport) -> None:
        self._way = way

    @classmethod
    def open(cls, url: str, tls: Tls, *, name: str = "") -> Self:
        """Reach the engine: see :meth:`Transport.open`.

        Raises:
            RequestError: its API is too old or too new.
            Unmeasurable: it cannot be reached, or refuses TLS.
        """
        return cls(Transport.open(url, tls, name=name))

    # --- reading -------------------------------------------------------------------------------------

    def version(self) -> EngineVersion:
        """See the protocol."""
        return parse.version(self._way.get("/version"), spoken=self._way.spoken)

    def info(self) -> Info:
        """See the protocol."""
        return parse.info(self._way.get("/info"))

    def nodes(self) -> tuple[Node, ...]:
        """See the protocol."""
        return tuple(sorted(map(parse.node, self._way.get("/nodes")), key=lambda node: node.hostname))

    def services(self, label: str | None = None) -> tuple[Service, ...]:
        """See the protocol."""
        raw = self._way.get("/services", **wire.filters(label=label))
        return tuple(sorted(map(parse.service, raw), key=lambda service: service.name))

    def tasks(self, service: str | None = None, node: str | None = None) -> tuple[Task, ...]:
        """See the protocol."""
        try:
            raw = self._way.get("/tasks", **wire.filters(service=service, node=node))
        except NotFoundError:
            # the engine refuses to filter by a service that was removed, though its tasks still end
            raw = [task for task in self._way.get("/tasks") if task.get("ServiceID") == service]
        found = (parse.task(task) for task in raw)
        return tuple(sorted(found, key=lambda task: (task.service, task.slot, task.node, task.id)))

    def networks(self, label: str | None = None) -> tuple[Network, ...]:
        """See the protocol."""
        raw = self._way.get("/networks", **wire.filters(scope="swarm", label=label))
        return tuple(sorted(map(parse.network, raw), key=lambda network: network.name))

    def configs(self, label: str | None = None) -> tuple[Config, ...]:
        """See the protocol."""
        raw = self._way.get("/configs", **wire.filters(label=label))
        return tuple(sorted(map(parse.config, raw), key=lambda config: config.name))

    def secrets(self, label: str | None = None) -> tuple[Secret, ...]:
        """See the protocol."""
        raw = self._way.get("/secrets", **wire.filters(label=label))
        return tuple(sorted(map(parse.secret, raw), key=lambda secret: secret.name))

    def inspect(self, kind: Kind, ident: str) -> dict[str, Any]:
        """See the protocol."""
        return dict(self._way.get(_PATHS[kind].format(ident)))

    def has_image(self, name: str) -> bool:
        """See the protocol."""
        try:
            self._way.get(f"/images/{name}/json")
        except NotFoundError:
            return False
        return True

    def registry_has(self, name: str) -> bool:
        """See the protocol."""
        try:
            self._way.once("GET", f"/distribution/{name}/json", read=_REGISTRY)
        except NotFoundError:
            return False
        except RequestError as error:  # a registry that wants a password
            raise Unmeasurable(error.message) from error
        return True

    # --- changing ------------------------------------------------------------------------------------

    def create_service(self, spec: ServiceSpec) -> str:
        """See the protocol."""
        return str(self._way.post("/services/create", self._document(spec))["ID"])

    def update_service(self, service: str, spec: ServiceSpec) -> None:
        """See the protocol."""
        self._way.modify("services", service, lambda _raw: self._document(spec))

    def scale(self, service: str, replicas: int) -> None:
        """See the protocol."""

        def scaled(raw: dict[str, Any]) -> dict[str, Any]:
            if "Replicated" not in raw["Mode"]:
                raise RequestError(f"the service {raw['Name']} is not replicated", remedy="do not scale it")
            raw["Mode"] = {"Replicated": {"Replicas": replicas}}
            return raw

        self._way.modify("services", service, scaled)

    def remove_service(self, service: str) -> None:
        """See the protocol."""
        self._way.delete(f"/services/{service}")

    def create_network(self, spec: NetworkSpec) -> str:
        """See the protocol."""
        return str(self._way.post("/networks/create", spec.to_engine())["Id"])

    def remove_network(self, network: str) -> None:
        """See the protocol."""
        self._way.delete(f"/networks/{network}")

    def create_config(self, spec: ConfigSpec) -> str:
        """See the protocol."""
        return str(self._way.post("/configs/create", spec.to_engine())["ID"])

    def label_config(self, config: str, labels: Mapping[str, str]) -> None:
        """See the protocol."""
        self._way.modify("configs", config, lambda raw: {**raw, "Labels": dict(labels)})

    def remove_config(self, config: str) -> None:
        """See the protocol."""
        self._way.delete(f"/configs/{config}")

    def create_secret(self, spec: SecretSpec) -> str:
        """See the protocol."""
        return str(self._way.post("/secrets/create", spec.to_engine())["ID"])

    def remove_secret(self, secret: str) -> None:
        """See the protocol."""
        self._way.delete(f"/secrets/{secret}")

    def set_availability(self, node: str, availability: Availability) -> None:
        """See the protocol."""
        self._way.modify("nodes", node, lambda raw: {**raw, "Availability": availability.value})

    # --- streams -------------------------------------------------------------------------------------

    def service_logs(self, service: str, *, bound: float = 10.0) -> tuple[LogLine, ...]:
        """See the protocol."""
        return self._way.logs(f"/services/{service}/logs", bound)

    def events(self, since: int | None = None) -> Events:
        """See the protocol."""
        return self._way.events(since)

    def close(self) -> None:
        """See the protocol."""
        self._way.close()

    def _document(self, spec: ServiceSpec) -> dict[str, Any]:
        configs = {one.name: one.id for one in self.configs()} if spec.configs else {}
        secrets = {one.name: one.id for one in self.secrets()} if spec.secrets else {}
        for kind, files, known in (("config", spec.configs, configs), ("secret", spec.secrets, secrets)):
            missing = [file.name for file in files if file.name not in known]
            if missing:
                raise RequestError(f"the swarm has no {kind} {missing[0]}", remedy="create it first")
        return spec.to_engine(configs, secrets)
