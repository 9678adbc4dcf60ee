"""What the harness asks of an engine: few verbs, values in and out, one kind of error each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

from harness.engine.spec import ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec
from harness.errors import RequestError, Unmeasurable
from harness.model import Availability, Network, Node, Service, Task

Kind = Literal["service", "task", "node", "network", "config", "secret", "container"]


class InUseError(Unmeasurable):
    """The engine refuses to remove an object that something still uses; it may be free a moment later."""


class NotFoundError(RequestError):
    """The engine has no such object."""


class ConflictError(RequestError):
    """An object of that name exists already."""


@dataclasses.dataclass(frozen=True)
class EngineVersion:
    """Versions of the engine asked; ``api`` is its newest, ``spoken`` the one we speak with it."""

    engine: str
    api: str
    minimum: str
    spoken: str
    kernel: str = ""
    os: str = ""
    arch: str = ""


@dataclasses.dataclass(frozen=True)
class Info:
    """What the engine says of itself and of its swarm.

    Attributes:
        name: hostname of the node.
        swarm: local node state: ``inactive``, ``pending``, ``active``, ``error`` or ``locked``.
        error: the engine's own words when it is not well in the swarm.
        control: whether it is a manager that can be asked about the swarm.
        cluster: id of the swarm.
        heartbeat: period of the nodes' heartbeats to the managers (seconds).
        managers: addresses (``host:port``) of the managers it knows.
        time: the engine's calendar time (seconds since the epoch).
        roots: certificates (PEM) that the swarm's nodes trust; empty while they are being changed.
        validity: seconds for which the swarm issues its nodes' certificates; 0.0 if not told.
        live_restore: whether tasks are to outlive the engine, which a swarm does not allow; None: not told.
    """

    name: str
    swarm: str
    control: bool
    node: str = ""
    error: str = ""
    cluster: str = ""
    heartbeat: float = 5.0
    data_path_port: int = 4789
    managers: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    kernel: str = ""
    os: str = ""
    arch: str = ""
    firewall: str = ""
    time: float = 0.0
    live_restore: bool | None = None
    roots: str = ""
    validity: float = 0.0


@dataclasses.dataclass(frozen=True)
class Config:
    """A swarm config without its data; ``updated`` is engine time (seconds since the epoch)."""

    id: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    updated: float = 0.0


@dataclasses.dataclass(frozen=True)
class Secret:
    """A swarm secret: its data nobody tells; ``updated`` is engine time (seconds since the epoch)."""

    id: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    updated: float = 0.0


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line that a task of a service wrote.

    Attributes:
        node: id of the node, ``task``: id of the task; both empty for the engine's own words.
        stream: ``stdout``, ``stderr``, or ``system`` when the engine itself says that logs are missing.
    """

    node: str
    task: str
    text: str
    stream: str = "stdout"


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened: ``type`` ``node`` or ``service``, ``nano`` is engine time (ns, epoch)."""

    nano: int
    type: str
    action: str
    id: str
    name: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


class Events(Protocol):
    """An open event stream. It ends silently when the engine restarts, and when it is closed."""

    def __iter__(self) -> Iterator[Event]:
        """Events as they come; blocks in between."""

    def close(self) -> None:
        """End the stream, from any thread."""


class Engine(Protocol):
    """A swarm manager's engine. Safe to use from several threads.

    Every verb raises :class:`Unmeasurable` when the engine does not answer, :class:`RequestError` when it
    says that the request is wrong; what else a verb raises stands with it.
    """

    def version(self) -> EngineVersion:
        """Versions, read anew."""

    def info(self) -> Info:
        """What it says of itself and its swarm, read anew."""

    def nodes(self) -> tuple[Node, ...]:
        """All nodes, by hostname."""

    def services(self, label: str | None = None) -> tuple[Service, ...]:
        """All services, or those with ``label`` (``key`` or ``key=value``), by name."""

    def tasks(self, service: str | None = None, node: str | None = None) -> tuple[Task, ...]:
        """All tasks, also ended ones that are still remembered; of a service (id) or on a node (id).

        A service that was removed may still have tasks: they are found by its id until they are gone.
        """

    def networks(self, label: str | None = None) -> tuple[Network, ...]:
        """The swarm's networks, or those with ``label``, by name."""

    def configs(self, label: str | None = None) -> tuple[Config, ...]:
        """The swarm's configs, or those with ``label``, by name."""

    def secrets(self, label: str | None = None) -> tuple[Secret, ...]:
        """The swarm's secrets, or those with ``label``, by name."""

    def has_image(self, name: str) -> bool:
        """Whether the engine has an image, so that a task of it needs no registry."""

    def registry_has(self, name: str) -> bool:
        """Whether the image's registry, asked by the engine, knows it; nothing is pulled.

        Raises:
            Unmeasurable: the registry does not answer, or not without a password.
        """

    def create_service(self, spec: ServiceSpec) -> str:
        """Create a service and return its id; its tasks come later.

        Raises:
            ConflictError: a service of that name exists.
            RequestError: a published port is taken by another service, or the specification is wrong.
        """

    def update_service(self, service: str, spec: ServiceSpec) -> None:
        """Replace the specification of a service (id).

        Raises:
            NotFoundError: there is no such service.
        """

    def scale(self, service: str, replicas: int) -> None:
        """Change the number of replicas of a service (id), and nothing else.

        Raises:
            NotFoundError: there is no such service.
            RequestError: it is not a replicated service.
        """

    def remove_service(self, service: str) -> None:
        """Remove a service (id or name); its tasks end later. No effect if there is none."""

    def create_network(self, spec: NetworkSpec) -> str:
        """Create a network and return its id.

        Raises:
            ConflictError: a network of that name exists.
        """

    def remove_network(self, network: str) -> None:
        """Remove a network (id or name). No effect if there is none.

        The manager may list it until the last task on it has ended.

        Raises:
            InUseError: a service still uses it.
        """

    def create_config(self, spec: ConfigSpec) -> str:
        """Create a config and return its id.

        Raises:
            ConflictError: a config of that name exists.
        """

    def label_config(self, config: str, labels: Mapping[str, str]) -> None:
        """Replace the labels of a config (id): the only part that can change.

        Raises:
            NotFoundError: there is no such config.
        """

    def remove_config(self, config: str) -> None:
        """Remove a config (id or name). No effect if there is none.

        Raises:
            InUseError: a service still uses it.
        """

    def create_secret(self, spec: SecretSpec) -> str:
        """Create a secret and return its id.

        Raises:
            ConflictError: a secret of that name exists.
        """

    def remove_secret(self, secret: str) -> None:
        """Remove a secret (id or name). No effect if there is none.

        Raises:
            InUseError: a service still uses it.
        """

    def set_availability(self, node: str, availability: Availability) -> None:
        """Set what a node (id) may run.

        Raises:
            NotFoundError: there is no such node.
        """

    def service_logs(self, service: str, *, bound: float = 10.0) -> tuple[LogLine, ...]:
        """What the tasks of a service (id) have written so far, per task in order.

        Args:
            service: its id.
            bound: seconds after which the lines that came so far are returned: a node that is lost makes
                the engine wait.

        Raises:
            NotFoundError: there is no such service.
        """

    def events(self, since: int | None = None) -> Events:
        """Open the stream of node and service events, from ``since`` (engine time, ns) or from now."""

    def inspect(self, kind: Kind, ident: str) -> dict[str, Any]:
        """The engine's own document about an object: for artifacts, never for decisions.

        Raises:
            NotFoundError: there is no such object.
        """

    def close(self) -> None:
        """Close every connection; streams that are open end."""
