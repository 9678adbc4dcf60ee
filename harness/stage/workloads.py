"""What a run deploys: which services, on which ports, and when they count as settled."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from harness.clock import Deadline
from harness.engine.spec import ConfigFile, NetworkLink, ServiceSpec, Update
from harness.evidence import Traffic
from harness.inside.bundle import pack
from harness.judge.timeline import slowest_start
from harness.model import Network, Outcome
from harness.probe import sampler
from harness.probe.target import Target
from harness.stage.ports import Ports
from harness.stage.session import Stage
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle
from harness.workloads import echo, flask_redis, mysql, proxies, speaking, voting, whoami

START = 60.0  # seconds for a first deployment: images may have to be pulled
_SETTLE = 15.0  # seconds for gossip to tell every node of every replica
_LONELY = "lonely"


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

    def unpublished(
        self, suffix: str, network: Network, *, replicas: int, endpoint: Literal["vip", "dnsrr"] = "vip"
    ) -> ServiceSpec:
        """A whoami on one network alone, published nowhere, with an alias there."""
        name = f"{self.whoami().name}-{suffix}"
        link = NetworkLink(network.id, (f"h-{self._stage.run}-also-{suffix}",))
        return dataclasses.replace(
            self.whoami(), name=name, networks=(link,), ports=(), replicas=replicas, endpoint=endpoint
        )

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

    def ruled(
        self, replicas: int, secret: ConfigFile, config: ConfigFile
    ) -> contextlib.AbstractContextManager[ServiceSpec]:
        """whoami for what is done to managers and ports: a health check, a secret and a config."""
        return self._checked(
            "ruled", self.ports["ruled"], replicas=replicas, secrets=(secret,), configs=(config,)
        )

    def once(
        self, suffix: str, *, checked: bool, replicas: int = 2
    ) -> contextlib.AbstractContextManager[ServiceSpec]:
        """whoami for one test, with a health check or without; one at a time: they have the same port."""
        port = self.ports["once"]
        if checked:
            return self._checked(suffix, port, replicas=replicas)
        return contextlib.nullcontext(self._named(suffix, port, networks=(), replicas=replicas))

    @contextlib.contextmanager
    def speaking(self, nodes: Mapping[str, str]) -> Iterator[ServiceSpec]:
        """Replicas that answer over TCP and UDP, and reach their service by its VIP and these addresses."""
        name, port = speaking.name(self._stage.run), self.ports["speaking"]
        ways = (
            speaking.Way("VIP", name, speaking.FIRST),
            *(speaking.Way(node, address, port) for node, address in nodes.items()),
        )
        with self._swarm.config(name, pack("speaking")):
            yield speaking.service(
                self._stage.run,
                image=self._images.job,
                network=self.network.id,
                first=port,
                second=self.ports["speaking-too"],
                ways=ways,
            )

    @contextlib.contextmanager
    def ported(self, suffix: str) -> Iterator[ServiceSpec]:
        """whoami with a health check, whose published ports are to change; then all its tasks do, at once."""
        with self._checked(suffix, self.ports["ported"], replicas=2) as spec:
            yield dataclasses.replace(spec, update=Update(order="stop-first", parallelism=0))

    def hosted(self, replicas: int) -> ServiceSpec:
        """whoami on a port in host mode: no two tasks on one node."""
        spec = self._named("hosted", self.ports["hosted"], networks=(), replicas=replicas)
        return dataclasses.replace(spec, ports=(dataclasses.replace(spec.ports[0], mode="host"),))

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

    def refused(self) -> ServiceSpec:
        """The flask tier with another password than Redis'."""
        return flask_redis.refused(self.flask(), port=self.ports["refused"])

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
        replicas = len(service.replicas())

        def reached(traffic: Traffic) -> bool:
            seen = [{one.replica for one in traffic.at(entry) if one.ok} for entry in entries]
            return all(len(replies) == replicas for replies in seen)

        self._ask_until(service, entries, replicas, reached)

    def listens(self, service: ServiceHandle, entries: tuple[str, ...]) -> None:
        """Ask until it refuses no connection any more, whatever it answers, or the time is up."""
        refused = Outcome.REFUSED
        self._ask_until(
            service, entries, 1, lambda traffic: all(one.outcome is not refused for one in traffic.samples)
        )

    def _ask_until(
        self, service: ServiceHandle, entries: tuple[str, ...], each: int, over: Callable[[Traffic], bool]
    ) -> None:
        journal = self._stage.journal
        asked, deadline = self.targets(service, entries), Deadline.after(_SETTLE, journal.clock)
        while not deadline.passed:
            if over(sampler.burst(asked, each, journal=journal, give_up_after=2)):
                return
            journal.clock.sleep(0.2)
