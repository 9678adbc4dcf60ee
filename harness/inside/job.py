"""A job: one script on every node that takes tasks, as a service of the swarm."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from harness.clock import Clock
from harness.engine.protocol import Engine
from harness.engine.spec import ConfigFile, Mount, ServiceSpec
from harness.journal import Journal
from harness.model import Node

NAMESPACES = Mount("/var/run/docker/netns", "/var/run/docker/netns", "bind", read_only=True)
START = 60.0  # seconds from creation to a running script; a first pull of the job's image is the longest part
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


def hostnames(nodes: Collection[Node]) -> tuple[str, ...]:
    """Their hostnames, sorted."""
    return tuple(sorted(node.hostname for node in nodes))
