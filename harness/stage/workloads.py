"""What a run deploys: which services, on which ports, and when they count as settled."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from harness.clock import Deadline
from harness.engine.spec import ConfigFile, ServiceSpec, Update
from harness.judge.timeline import slowest_start
from harness.model import Network
from harness.probe import sampler
from harness.probe.target import Target
from harness.stage.session import Stage
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle
from harness.workloads import echo, flask_redis, mysql, proxies, voting, whoami

START = 60.0  # seconds for a first deployment: images may have to be pulled
_SETTLE = 15.0  # seconds for gossip to tell every node of every replica
_LONELY = "lonely"


# who has a published port of its own, in order; and how the ids of the checks start that need it
_NEEDED: dict[str, tuple[str, ...]] = {
    "whoami": ("",),
    "lonely": ("reach.node-without-task", "reach.closed-after-remove"),
    "flask": ("redis.",),
    "healthy": ("task-kill.",),
    "kept": ("volume.",),
    "sealed": ("secret.", "config."),
    "rolled": ("update.",),
    "once": ("update.costs", "scale."),  # one test at a time
    "fronted": ("proxy.",),
    "haproxy-inside": ("proxy.",),
    "haproxy-front": ("proxy.",),
    "nginx-inside": ("proxy.",),
    "nginx-front": ("proxy.",),
    "vote": ("voting.",),
    "result": ("voting.",),
    "haproxy-tls": ("proxy.",),
    "nginx-tls": ("proxy.",),
}


@dataclasses.dataclass(frozen=True)
class Ports:
    """The published ports of a run, one after the other from the configured one."""

    first: int

    def __getitem__(self, service: str) -> int:
        """The port of a service, by the name it has in ``_NEEDED``."""
        return self.first + list(_NEEDED).index(service)

    def of(self, checks: Iterable[str]) -> tuple[int, ...]:
        """Those that these checks (ids) need, in order."""
        wanted = {name for check in checks for name in _NEEDED if check.startswith(_NEEDED[name])}
        return tuple(sorted(self[name] for name in wanted))


class Workloads:
    """Deploys the services of one run on one swarm."""

    def __init__(self, stage: Stage, swarm: Swarm, network: Network) -> None:
        self.ports = Ports(stage.settings.published_port)
        self._stage, self._swarm, self.network = stage, swarm, network
        self._starts: dict[str, float] = {}
        self._images = stage.settings.images

    def whoami(self) -> ServiceSpec:
        """whoami with the configured number of replicas."""
        return whoami.service(
            self._stage.run,
            image=self._images.whoami,
            networks=(self.network.id,),
            port=self.ports["whoami"],
            replicas=self._stage.settings.replicas,
        )

    def lonely(self) -> ServiceSpec:
        """A second whoami of two replicas, to be scaled to one and removed."""
        spec = whoami.service(
            self._stage.run, image=self._images.whoami, port=self.ports["lonely"], replicas=2
        )
        return dataclasses.replace(spec, name=f"{spec.name}-{_LONELY}")

    def changing(self, replicas: int) -> ServiceSpec:
        """A whoami that is published nowhere, to be scaled up and down."""
        spec = dataclasses.replace(self.whoami(), replicas=replicas, ports=())
        return dataclasses.replace(spec, name=f"{spec.name}-changing")

    def healthy(self) -> contextlib.AbstractContextManager[ServiceSpec]:
        """whoami with a health check, whose program travels as a config for the length of the block."""
        return self._checked("healthy", self.ports["healthy"])

    def sealed(
        self, secret: ConfigFile, config: ConfigFile
    ) -> contextlib.AbstractContextManager[ServiceSpec]:
        """whoami with these two files and a health check; nodes without a task of it must know nothing."""
        return self._checked("sealed", self.ports["sealed"], replicas=2, secrets=(secret,), configs=(config,))

    def rolled(self) -> contextlib.AbstractContextManager[ServiceSpec]:
        """whoami with a health check, to be updated again and again."""
        return self._checked("rolled", self.ports["rolled"], replicas=2)

    def once(
        self, suffix: str, *, checked: bool, replicas: int = 2
    ) -> contextlib.AbstractContextManager[ServiceSpec]:
        """whoami for one test, with a health check or without; one at a time: they have the same port."""
        port = self.ports["once"]
        if checked:
            return self._checked(suffix, port, replicas=replicas)
        return contextlib.nullcontext(self._named(suffix, port, networks=(), replicas=replicas))

    @contextlib.contextmanager
    def _checked(self, suffix: str, port: int, **changed: Any) -> Iterator[ServiceSpec]:
        """whoami with a health check; updated, a new task is healthy before an old one ends."""
        name, program = whoami.health_config(self._stage.run)
        spec = self._named(suffix, port, networks=(), update=Update(order="start-first"), **changed)
        with self._swarm.config(f"{name}-{suffix}", program):
            yield whoami.healthy(spec, f"{name}-{suffix}")

    def _named(self, suffix: str, port: int, **changed: Any) -> ServiceSpec:
        spec = dataclasses.replace(self.whoami(), **changed)
        published = dataclasses.replace(spec.ports[0], published=port)
        return dataclasses.replace(spec, name=f"{spec.name}-{suffix}", ports=(published,))

    def behind_tasks(self) -> ServiceSpec:
        """whoami whose name tells its tasks' addresses; published nowhere, as swarm has it of ``dnsrr``."""
        spec = dataclasses.replace(self.whoami(), replicas=4, ports=(), endpoint="dnsrr")
        return dataclasses.replace(spec, name=f"{spec.name}-tasks")

    def behind_nodes(self, *, unlike: str) -> ServiceSpec:
        """whoami published by the mesh, with no task on the node ``unlike`` (hostname)."""
        spec = self._named("nodes", self.ports["fronted"], networks=(), replicas=2)
        return dataclasses.replace(spec, constraints=(f"node.hostname != {unlike}",))

    def echo(self) -> ServiceSpec:
        """A WebSocket server, whose script travels as a config of its name."""
        return echo.service(self._stage.run, image=self._images.job, network=self.network.id)

    def proxy(
        self, kind: proxies.Kind, place: proxies.Place, backends: proxies.Backends, *, node: str
    ) -> ServiceSpec:
        """A proxy on one node (hostname)."""
        return proxies.service(
            self._stage.run,
            kind,
            place,
            backends,
            image=self._images.haproxy if kind == "haproxy" else self._images.nginx,
            network=self.network.id,
            port=self.ports[f"{kind}-{place}"],
            node=node,
            tls=self.ports[f"{kind}-tls"] if place == "inside" else 0,
            talker=echo.name(self._stage.run) if place == "inside" else "",
        )

    def voting(self, node: str, front: Network, back: Network) -> dict[str, ServiceSpec]:
        """The voting app by the names of its parts, the database on one node (hostname)."""
        images = self._images
        return voting.services(
            self._stage.run,
            images={
                "redis": images.redis,
                "db": images.postgres,
                "vote": images.vote,
                "worker": images.worker,
                "result": images.result,
            },
            networks=(front.id, back.id),
            ports=(self.ports["vote"], self.ports["result"]),
            node=node,
        )

    def mysql(self, secret: str) -> tuple[ServiceSpec, ServiceSpec]:
        """MySQL whose password is this secret's, and a job that logs in to it."""
        return mysql.services(
            self._stage.run, image=self._images.mysql, network=self.network.id, secret=secret
        )

    def redis(self) -> ServiceSpec:
        """Redis, one task."""
        return flask_redis.redis(self._stage.run, image=self._images.redis, network=self.network.id)

    def flask(self) -> ServiceSpec:
        """The flask tier over it."""
        return flask_redis.flask(
            self._stage.run, image=self._images.flask, network=self.network.id, port=self.ports["flask"]
        )

    def kept(self, node: str) -> tuple[ServiceSpec, ServiceSpec]:
        """A Redis that keeps its data on a local volume of a node (hostname), and a flask tier over it."""
        data = flask_redis.keeping(self.redis(), self._stage.run, node=node)
        return data, flask_redis.over_kept(self.flask(), port=self.ports["kept"])

    @property
    def identity(self) -> str:
        """What every whoami of this run calls itself."""
        return whoami.identity(self._stage.run)

    def bring_up(self, *services: ServiceHandle) -> None:
        """Wait until these services run, and measure how long their tasks take to start.

        Raises:
            WaitTimeout: one does not within a minute.
            RequestError: its image is not found.
        """
        with contextlib.ExitStack() as watching:
            watches = [watching.enter_context(self._swarm.watch(service)) for service in services]
            for service in services:
                self._swarm.wait(service.running(), START, f"{service.name} runs")
            for service, watch in zip(services, watches, strict=True):
                watch.look()
                self._starts[service.name] = slowest_start(watch.history())

    def slowest_start(self, service: ServiceHandle) -> float:
        """Seconds that the slowest task of the service took from scheduled to running when it was deployed.

        Raises:
            KeyError: it was not brought up here.
        """
        return self._starts[service.name]

    def targets(self, service: ServiceHandle, entries: tuple[str, ...]) -> list[Target]:
        """The published port of a service on each of the nodes ``entries``."""
        identity = self.identity if service.spec.image == self._images.whoami else ""
        return [
            Target(
                entry, self._swarm.address(entry), service.port, service=service.name, expect_name=identity
            )
            for entry in entries
        ]

    def settle(self, service: ServiceHandle, entries: tuple[str, ...]) -> None:
        """Ask until every entry node has reached every replica once, or the time is up.

        Tasks run a moment before gossip has told every node of them. What this sees is journaled and judged
        by nobody; a swarm that never settles is judged by the traffic that follows, as it then is.
        """
        journal, replicas = self._stage.journal, len(service.replicas())
        asked, deadline = self.targets(service, entries), Deadline.after(_SETTLE, journal.clock)
        while not deadline.passed:
            traffic = sampler.burst(asked, replicas, journal=journal, give_up_after=2)
            seen = [{one.replica for one in traffic.at(target.entry) if one.ok} for target in asked]
            if all(len(replies) == replicas for replies in seen):
                return
            journal.clock.sleep(0.2)
