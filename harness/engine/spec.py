"""Specifications as data: frozen values in seconds, turned into the engine's whole JSON (nanoseconds)."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self

from harness.model import Port

RUN_LABEL = "harness.run"  # on every object that we create; its value is the run's id

Order = Literal["stop-first", "start-first"]
Mode = Literal["replicated", "global", "replicated-job", "global-job"]


def nanoseconds(seconds: float) -> int:
    """Seconds as the engine counts them."""
    return round(seconds * 1_000_000_000)


@dataclasses.dataclass(frozen=True)
class HealthCheck:
    """A health check: ``test`` as the engine takes it (``("CMD", "/x", "-y")``), times in seconds.

    Attributes:
        start_interval: seconds between checks until the first succeeds, or ``start_period`` is over; 0 means
            ``interval``. Needs API 1.44; an older engine ignores it.
    """

    test: tuple[str, ...]
    interval: float = 1.0
    timeout: float = 1.0
    retries: int = 3
    start_period: float = 0.0
    start_interval: float = 0.0

    def to_engine(self) -> dict[str, Any]:
        """The engine's JSON."""
        return {
            "Test": list(self.test),
            "Interval": nanoseconds(self.interval),
            "Timeout": nanoseconds(self.timeout),
            "Retries": self.retries,
            "StartPeriod": nanoseconds(self.start_period),
            "StartInterval": nanoseconds(self.start_interval),
        }


@dataclasses.dataclass(frozen=True)
class Mount:
    """A mount of a task: ``type`` is ``bind``, ``volume`` or ``tmpfs`` (which has no source).

    A local volume is made on the node by the first task that wants it, with these labels. It stays there when
    its task is gone, also when the service is.
    """

    target: str
    source: str = ""
    type: Literal["bind", "volume", "tmpfs"] = "bind"
    read_only: bool = True
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def to_engine(self) -> dict[str, Any]:
        """The engine's JSON."""
        more: dict[str, Any] = {"Source": self.source} if self.source else {}
        if self.labels:
            more["VolumeOptions"] = {"Labels": dict(self.labels)}
        return {"Type": self.type, "Target": self.target, "ReadOnly": self.read_only, **more}


@dataclasses.dataclass(frozen=True)
class ConfigFile:
    """A swarm config or secret by ``name`` as a file at ``path`` of the task.

    A secret's path may be relative to ``/run/secrets``.
    """

    name: str
    path: str
    mode: int = 0o444


@dataclasses.dataclass(frozen=True)
class NetworkLink:
    """A network (name or id) a service joins, with further names for it there."""

    name: str
    aliases: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Restart:
    """When a task that ended is replaced: ``delay`` seconds later, ``attempts`` times (0: without end)."""

    condition: Literal["any", "on-failure", "none"] = "any"
    delay: float = 5.0
    attempts: int = 0


@dataclasses.dataclass(frozen=True)
class Update:
    """How a changed specification is rolled out; ``delay`` and ``monitor`` in seconds."""

    order: Order = "stop-first"
    parallelism: int = 1
    delay: float = 0.0
    monitor: float = 5.0
    failure: Literal["pause", "continue", "rollback"] = "pause"


@dataclasses.dataclass(frozen=True)
class ServiceSpec:
    """A service.

    Attributes:
        command: replaces the image's entrypoint; ``args`` replaces its command.
        env: variables; values may hold the engine's templates (``{{.Node.Hostname}}``).
        replicas: number of tasks of a replicated service or job; no meaning for the others.
        hostname: of the container; the default makes a replica call itself by its task's id.
        stop_grace: seconds between SIGTERM and SIGKILL; None leaves the engine's 10 s.
        endpoint: ``vip``, or ``dnsrr`` (which publishes no ingress port).
        unconfined: without AppArmor's profile; engines before API 1.44 do not know it.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    mode: Mode = "replicated"
    replicas: int = 1
    ports: tuple[Port, ...] = ()
    networks: tuple[NetworkLink | str, ...] = ()
    configs: tuple[ConfigFile, ...] = ()
    secrets: tuple[ConfigFile, ...] = ()
    hostname: str = "{{.Task.ID}}"
    health: HealthCheck | None = None
    constraints: tuple[str, ...] = ()
    max_per_node: int = 0
    capabilities: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    stop_grace: float | None = None
    stop_signal: str = ""
    restart: Restart = Restart()
    update: Update | None = None
    log_driver: str = ""
    log_options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    endpoint: Literal["vip", "dnsrr"] = "vip"
    user: str = ""
    init: bool | None = None
    unconfined: bool = False

    @property
    def job(self) -> bool:
        """Whether its tasks run to completion."""
        return self.mode.endswith("-job")

    def labelled(self, labels: Mapping[str, str]) -> ServiceSpec:
        """The same with ``labels`` added."""
        return dataclasses.replace(self, labels={**self.labels, **labels})

    def to_engine(
        self, config_ids: Mapping[str, str] | None = None, secret_ids: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The engine's whole JSON.

        Args:
            config_ids: id of each config in ``configs`` by its name.
            secret_ids: id of each secret in ``secrets`` by its name.

        Raises:
            KeyError: the ids lack a config or secret.
        """
        document = {
            "Name": self.name,
            "Labels": dict(self.labels),
            "TaskTemplate": self._task(config_ids or {}, secret_ids or {}),
            "Mode": self._mode(),
            "EndpointSpec": {"Mode": self.endpoint, "Ports": [_port(port) for port in self.ports]},
        }
        if self.update and not self.job:
            document["UpdateConfig"] = {
                "Parallelism": self.update.parallelism,
                "Delay": nanoseconds(self.update.delay),
                "Monitor": nanoseconds(self.update.monitor),
                "Order": self.update.order,
                "FailureAction": self.update.failure,
            }
        return document

    def _mode(self) -> dict[str, Any]:
        match self.mode:
            case "replicated":
                return {"Replicated": {"Replicas": self.replicas}}
            case "global":
                return {"Global": {}}
            case "replicated-job":
                return {"ReplicatedJob": {"MaxConcurrent": self.replicas, "TotalCompletions": self.replicas}}
            case "global-job":
                return {"GlobalJob": {}}

    def _task(self, config_ids: Mapping[str, str], secret_ids: Mapping[str, str]) -> dict[str, Any]:
        links = [link if isinstance(link, NetworkLink) else NetworkLink(link) for link in self.networks]
        task = {
            "ContainerSpec": self._container(config_ids, secret_ids),
            "RestartPolicy": {
                # a job that is replaced "any"way never completes: the engine refuses it
                "Condition": "none"
                if self.job and self.restart.condition == "any"
                else self.restart.condition,
                "Delay": nanoseconds(self.restart.delay),
                "MaxAttempts": self.restart.attempts,
            },
            "Placement": {"Constraints": list(self.constraints), "MaxReplicas": self.max_per_node},
            "Networks": [{"Target": link.name, "Aliases": list(link.aliases)} for link in links],
        }
        if self.log_driver:
            task["LogDriver"] = {"Name": self.log_driver, "Options": dict(self.log_options)}
        return task

    def _container(self, config_ids: Mapping[str, str], secret_ids: Mapping[str, str]) -> dict[str, Any]:
        container: dict[str, Any] = {
            "Image": self.image,
            "Labels": dict(self.labels),
            "Hostname": self.hostname,
            "Env": [f"{name}={value}" for name, value in self.env.items()],
            "Mounts": [mount.to_engine() for mount in self.mounts],
            "CapabilityAdd": list(self.capabilities),
            "Configs": [_file("Config", file, config_ids) for file in self.configs],
            "Secrets": [_file("Secret", file, secret_ids) for file in self.secrets],
        }
        optional = {
            "Command": list(self.command),
            "Args": list(self.args),
            "User": self.user,
            "StopSignal": self.stop_signal,
            "Healthcheck": self.health.to_engine() if self.health else None,
            "Privileges": {"AppArmor": {"Mode": "disabled"}} if self.unconfined else None,
        }
        container |= {name: value for name, value in optional.items() if value}
        if self.stop_grace is not None:
            container["StopGracePeriod"] = nanoseconds(self.stop_grace)
        if self.init is not None:
            container["Init"] = self.init
        return container


def _file(kind: str, file: ConfigFile, ids: Mapping[str, str]) -> dict[str, Any]:
    return {
        f"{kind}ID": ids[file.name],
        f"{kind}Name": file.name,
        "File": {"Name": file.path, "UID": "0", "GID": "0", "Mode": file.mode},
    }


def _port(port: Port) -> dict[str, Any]:
    return {
        "Protocol": port.protocol,
        "TargetPort": port.target,
        "PublishedPort": port.published,
        "PublishMode": port.mode,
    }


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """An overlay network; ``subnet`` in CIDR, or the swarm's own choice."""

    name: str
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    attachable: bool = False
    encrypted: bool = False
    internal: bool = False
    subnet: str = ""

    def labelled(self, labels: Mapping[str, str]) -> NetworkSpec:
        """The same with ``labels`` added."""
        return dataclasses.replace(self, labels={**self.labels, **labels})

    def to_engine(self) -> dict[str, Any]:
        """The engine's JSON."""
        pool = [{"Subnet": self.subnet}] if self.subnet else []
        return {
            "Name": self.name,
            "Driver": "overlay",
            "Scope": "swarm",
            "CheckDuplicate": True,
            "Attachable": self.attachable,
            "Internal": self.internal,
            "Labels": dict(self.labels),
            "Options": {"encrypted": ""} if self.encrypted else {},
            "IPAM": {"Driver": "default", "Config": pool},
        }


@dataclasses.dataclass(frozen=True)
class ConfigSpec:
    """A swarm config: up to 500 kB of data that tasks find as a file."""

    name: str
    data: bytes = dataclasses.field(repr=False)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def labelled(self, labels: Mapping[str, str]) -> Self:
        """The same with ``labels`` added."""
        return dataclasses.replace(self, labels={**self.labels, **labels})

    def to_engine(self) -> dict[str, Any]:
        """The engine's JSON."""
        return {
            "Name": self.name,
            "Labels": dict(self.labels),
            "Data": base64.b64encode(self.data).decode(),
        }


@dataclasses.dataclass(frozen=True)
class SecretSpec(ConfigSpec):
    """A swarm secret: up to 500 kB that only nodes with a task of it get, in memory; no manager tells it."""
