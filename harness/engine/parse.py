"""Raw engine documents become values here, and go no further."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from harness.engine.protocol import Config, EngineVersion, Event, Info, Secret
from harness.errors import Unmeasurable
from harness.model import Attachment, Availability, Network, Node, Port, Role, Service, Task

Raw = Mapping[str, Any]
_GRACE = 10_000_000_000  # nanoseconds that a task may take to end, unless its service says otherwise
_DIRECT = "dsr"  # the overlay driver's option (libnetwork#2371)


def version(raw: Raw, *, spoken: str) -> EngineVersion:
    """``GET /version``."""
    return EngineVersion(
        engine=raw.get("Version", ""),
        api=raw.get("ApiVersion", ""),
        minimum=raw.get("MinAPIVersion", ""),
        spoken=spoken,
        kernel=raw.get("KernelVersion", ""),
        os=raw.get("Os", ""),
        arch=raw.get("Arch", ""),
    )


def info(raw: Raw) -> Info:
    """``GET /info``."""
    swarm = raw.get("Swarm") or {}
    cluster = swarm.get("Cluster") or {}
    dispatcher = (cluster.get("Spec") or {}).get("Dispatcher") or {}
    return Info(
        name=raw.get("Name", ""),
        swarm=swarm.get("LocalNodeState", "inactive"),
        control=bool(swarm.get("ControlAvailable")),
        node=swarm.get("NodeID", ""),
        error=swarm.get("Error", ""),
        cluster=cluster.get("ID", ""),
        heartbeat=dispatcher.get("HeartbeatPeriod", 0) / 1e9 or 5.0,
        data_path_port=cluster.get("DataPathPort") or 4789,
        managers=tuple(peer.get("Addr", "") for peer in swarm.get("RemoteManagers") or ()),
        pools=tuple(cluster.get("DefaultAddrPool") or ()),
        kernel=raw.get("KernelVersion", ""),
        os=raw.get("OperatingSystem", ""),
        arch=raw.get("Architecture", ""),
        firewall=(raw.get("FirewallBackend") or {}).get("Driver", ""),
        time=timestamp(raw.get("SystemTime", "")),
        live_restore=raw.get("LiveRestoreEnabled"),
        roots=_roots(cluster),
        validity=((cluster.get("Spec") or {}).get("CAConfig") or {}).get("NodeCertExpiry", 0) / 1e9,
    )


def _roots(cluster: Raw) -> str:
    """While a root is replaced nodes hold certificates of either: then nothing follows from a difference."""
    if cluster.get("RootRotationInProgress"):
        return ""
    return (cluster.get("TLSInfo") or {}).get("TrustRoot") or ""


def node(raw: Raw) -> Node:
    """A node of ``GET /nodes``."""
    spec, status = raw.get("Spec") or {}, raw.get("Status") or {}
    manager = raw.get("ManagerStatus") or {}
    described = raw.get("Description") or {}
    return Node(
        id=raw["ID"],
        hostname=described.get("Hostname", ""),
        role=Role(spec.get("Role", "worker")),
        availability=Availability(spec.get("Availability", "active")),
        state=status.get("State", "unknown"),
        address=_node_address(status.get("Addr", ""), manager.get("Addr", "")),
        leader=bool(manager.get("Leader")),
        reachability=manager.get("Reachability", ""),
        engine=(described.get("Engine") or {}).get("EngineVersion", ""),
        updated=timestamp(raw.get("UpdatedAt", "")),
    )


def _node_address(status: str, manager: str) -> str:
    """A node's own word, unless it is no address others can use (the leader may say 0.0.0.0)."""
    for candidate in (status, manager.rpartition(":")[0].strip("[]")):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            if candidate and not candidate.replace(".", "").isdigit():
                return candidate  # a name: some swarms advertise one
            continue
        if not address.is_unspecified and not address.is_loopback:
            return candidate
    return ""


def service(raw: Raw) -> Service:
    """A service of ``GET /services``."""
    spec, endpoint = raw["Spec"], raw.get("Endpoint") or {}
    ports = endpoint.get("Ports") or (spec.get("EndpointSpec") or {}).get("Ports") or ()
    replicas = _replicas(spec)
    before = _replicas(raw.get("PreviousSpec") or {})
    return Service(
        id=raw["ID"],
        name=spec.get("Name", ""),
        image=spec["TaskTemplate"].get("ContainerSpec", {}).get("Image", ""),
        replicas=replicas,
        ports=tuple(_port(port) for port in ports),
        vips=tuple(
            Attachment(vip.get("NetworkID", ""), _bare(vip["Addr"]))
            for vip in endpoint.get("VirtualIPs") or ()
            if vip.get("Addr")
        ),
        labels=labels(spec.get("Labels")),
        endpoint=(spec.get("EndpointSpec") or {}).get("Mode") or "vip",
        update=(raw.get("UpdateStatus") or {}).get("State", ""),
        shrunk=timestamp(raw.get("UpdatedAt", "")) if (before or 0) > (replicas or 0) else 0.0,
        grace=spec["TaskTemplate"].get("ContainerSpec", {}).get("StopGracePeriod", _GRACE) / 1e9,
        mode=_mode(spec),
    )


def _mode(spec: Raw) -> str:
    words = {
        "Global": "global",
        "ReplicatedJob": "replicated-job",
        "GlobalJob": "global-job",
    }
    return next((words[word] for word in spec.get("Mode") or {} if word in words), "replicated")


def _replicas(spec: Raw) -> int | None:
    mode = spec.get("Mode") or {}
    return (mode.get("Replicated") or {}).get("Replicas") if "Replicated" in mode else None


def _port(raw: Raw) -> Port:
    return Port(
        published=raw.get("PublishedPort", 0),
        target=raw.get("TargetPort", 0),
        protocol=raw.get("Protocol", "tcp"),
        mode=raw.get("PublishMode", "ingress"),
    )


def task(raw: Raw) -> Task:
    """A task of ``GET /tasks``; addresses name their network by its id."""
    status = raw.get("Status") or {}
    container = status.get("ContainerStatus") or {}
    ended = status.get("State") in {"complete", "failed", "shutdown"}
    return Task(
        id=raw["ID"],
        service=raw.get("ServiceID", ""),
        node=raw.get("NodeID", ""),
        slot=raw.get("Slot", 0),
        desired=raw.get("DesiredState", ""),
        state=status.get("State", "new"),
        container=container.get("ContainerID", ""),
        message=status.get("Message", ""),
        error=status.get("Err", ""),
        addresses=tuple(
            Attachment((link.get("Network") or {}).get("ID", ""), _bare(address))
            for link in raw.get("NetworksAttachments") or ()
            for address in link.get("Addresses") or ()
        ),
        exit_code=container.get("ExitCode", 0) if ended and container else None,
        since=timestamp(status.get("Timestamp", "")),
    )


def network(raw: Raw) -> Network:
    """A network of ``GET /networks``."""
    pools, options = (raw.get("IPAM") or {}).get("Config") or (), raw.get("Options") or {}
    vnis = str(options.get("com.docker.network.driver.overlay.vxlanid_list", ""))
    return Network(
        id=raw.get("Id") or raw.get("ID", ""),
        name=raw.get("Name", ""),
        driver=raw.get("Driver", ""),
        scope=raw.get("Scope", ""),
        subnets=tuple(pool["Subnet"] for pool in pools if pool.get("Subnet")),
        ingress=bool(raw.get("Ingress")),
        labels=labels(raw.get("Labels")),
        vnis=tuple(int(word) for word in vnis.split(",") if word.isdecimal()),
        encrypted="encrypted" in options,
        direct=_DIRECT in options,
        attachable=bool(raw.get("Attachable")),
    )


def config(raw: Raw) -> Config:
    """A config of ``GET /configs``."""
    spec = raw.get("Spec") or {}
    return Config(raw["ID"], spec.get("Name", ""), labels(spec.get("Labels")), timestamp(raw["UpdatedAt"]))


def secret(raw: Raw) -> Secret:
    """A secret of ``GET /secrets``."""
    spec = raw.get("Spec") or {}
    return Secret(raw["ID"], spec.get("Name", ""), labels(spec.get("Labels")), timestamp(raw["UpdatedAt"]))


def event(raw: Raw) -> Event:
    """A line of ``GET /events``."""
    actor = raw.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    return Event(
        nano=raw.get("timeNano", 0),
        type=raw.get("Type", ""),
        action=raw.get("Action", ""),
        id=actor.get("ID", ""),
        name=attributes.get("name", ""),
        attributes=labels(attributes),
    )


def log_details(line: str) -> tuple[str, str, str]:
    """Node id, task id and text of a log line that was asked for with details."""
    details, _, text = line.partition(" ")
    found = dict(part.partition("=")[::2] for part in details.split(","))
    return found.get("com.docker.swarm.node.id", ""), found.get("com.docker.swarm.task.id", ""), text


def labels(raw: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Labels in the order of their keys."""
    return tuple(sorted((raw or {}).items()))


def timestamp(text: str) -> float:
    """Seconds since the epoch of an engine's time (RFC 3339, nanoseconds); 0 if there is none."""
    plain = re.sub(r"(\.\d{6})\d*", r"\1", text)
    try:
        return dt.datetime.fromisoformat(plain).timestamp()
    except ValueError:
        return 0.0


def api_version(text: str) -> tuple[int, int]:
    """``1.44`` as numbers.

    Raises:
        Unmeasurable: it is no version.
    """
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    if not match:
        raise Unmeasurable(f"the engine gives its API version as {text!r}", remedy="is it a Docker engine?")
    return int(match[1]), int(match[2])


def _bare(address: str) -> str:
    return address.partition("/")[0]
