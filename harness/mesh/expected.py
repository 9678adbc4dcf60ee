"""What every node's kernel must hold, derived from what the manager said before and after it was read.

What is on its way is marked as such by :mod:`harness.mesh.settling`, whose rule is stated there. Left out by
nature: services with the endpoint mode ``dnsrr`` have no VIP, host-mode ports no row of the ingress network,
and the tasks of jobs, which are meant to complete, are never required.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

from harness.evidence.mesh import Truth
from harness.mesh.settling import Presence, Window
from harness.mesh.waiting import Waiting, waiting
from harness.model import ENDED_STATES, Network, Node, Port, Service

INGRESS = "ingress"  # the mode of a port that every node publishes


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A task's address on a network; ``node`` is a hostname, ``service`` a name (empty: a mere container)."""

    network: str
    address: str
    node: str
    service: str
    task: str
    slot: int
    presence: Presence
    state: str = ""

    @property
    def over(self) -> bool:
        """Whether its task has ended, so that the address is free again."""
        return self.state in ENDED_STATES

    @property
    def label(self) -> str:
        """How reports name it: ``web.2 on worker1``."""
        return f"{self.service or 'container'}.{self.slot or self.task[:8]} on {self.node or 'no node'}"


@dataclasses.dataclass(frozen=True)
class Pool:
    """What a service has behind its VIP on one network.

    Attributes:
        ports: published in ingress mode; only on the ingress network.
        settled: False while the service is in transit: then its rows may be there or not.
    """

    service: str
    network: Network
    vip: str
    ports: tuple[Port, ...]
    endpoints: tuple[Endpoint, ...]
    settled: bool

    @functools.cached_property
    def must(self) -> dict[str, Endpoint]:
        """Backends that every table has to hold, by address."""
        return {one.address: one for one in self.endpoints if one.presence is Presence.MUST}

    @functools.cached_property
    def may(self) -> dict[str, Endpoint]:
        """Backends in transit, by address."""
        return {one.address: one for one in self.endpoints if one.presence is Presence.MAY}

    @functools.cached_property
    def gone(self) -> dict[str, Endpoint]:
        """Backends that ended, and whose address nobody of the service has now."""
        live = self.must.keys() | self.may.keys()
        return {one.address: one for one in self.endpoints if one.address not in live}

    @property
    def required(self) -> bool:
        """Whether its rows have to be there: an engine makes them with the first backend."""
        return self.settled and bool(self.must)


@dataclasses.dataclass(frozen=True)
class Expected:
    """What the manager's word means for the kernels.

    Attributes:
        nodes: those whose kernels can be held against it; ``skipped``: (hostname, reason) of the others.
        networks: overlay networks that existed all the time.
        services: names, in order; ``ports``: (port, protocol) -> service, of all that ever were published.
        leaving: ids of networks with tasks of a removed service that are still about: its rows may be, too.
        forgetting: names of services, and ids of their networks, whose tables may hold more than truths know.
        unjudged: (service, reason) of what no table of a known kind holds.
        waiting: by service, tasks that have been waiting to be allocated for a while.
        tasks: what must be there of every task that a truth knows, by its id.
        transit: names of services that are being made, changed or removed.
        known: addresses of all nodes, those that take no tasks included.
        wall: engine time of the first truth (seconds since the epoch); ``clocks``: how far a node is ahead.
        roots: certificates (PEM) that nodes trust; empty if not told, or while they are being changed.
    """

    nodes: tuple[Node, ...]
    skipped: tuple[tuple[str, str], ...]
    networks: tuple[Network, ...]
    services: tuple[str, ...]
    pools: tuple[Pool, ...]
    endpoints: tuple[Endpoint, ...]
    ports: dict[tuple[int, str], str]
    vips: dict[tuple[str, str], str]
    leaving: frozenset[str]
    data_port: int
    unjudged: tuple[tuple[str, str], ...] = ()
    waiting: Mapping[str, Waiting] = dataclasses.field(default_factory=dict)
    tasks: Mapping[str, Presence] = dataclasses.field(default_factory=dict)
    transit: frozenset[str] = frozenset()
    forgetting: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    wall: float = 0.0
    clocks: Mapping[str, float] = dataclasses.field(default_factory=dict)
    roots: str = ""

    @functools.cached_property
    def ingress(self) -> Network | None:
        """The ingress network; None if the swarm has none."""
        return next((one for one in self.networks if one.ingress), None)

    @functools.cached_property
    def on(self) -> dict[str, tuple[Pool, ...]]:
        """Pools by the id of their network."""
        return {net.id: tuple(one for one in self.pools if one.network.id == net.id) for net in self.networks}

    @functools.cached_property
    def at(self) -> dict[str, dict[str, Endpoint]]:
        """Endpoints by network and address; of several at one address the one that has most right to it."""
        found: dict[str, dict[str, Endpoint]] = {network.id: {} for network in self.networks}
        rank = {Presence.GONE: 0, Presence.MAY: 1, Presence.MUST: 2}
        for one in sorted(self.endpoints, key=lambda one: rank[one.presence]):
            found.setdefault(one.network, {})[one.address] = one
        return found

    @functools.cached_property
    def _places(self) -> dict[Presence, set[tuple[str, str]]]:
        places: dict[Presence, set[tuple[str, str]]] = {presence: set() for presence in Presence}
        for one in self.endpoints:
            places[one.presence].add((one.node, one.network))
        return places

    def extended(self, node: str, network: Network) -> bool:
        """Whether the network has to reach the node: ingress does, others follow a settled task."""
        return network.ingress or (node, network.id) in self._places[Presence.MUST]

    def moving(self, node: str, network: str) -> bool:
        """Whether a task of the network is starting or ending on the node."""
        return (node, network) in self._places[Presence.MAY]

    def published(self) -> Iterator[tuple[Port, Pool]]:
        """Every port that all nodes have to publish, and whose it is."""
        pools = self.on[self.ingress.id] if self.ingress else ()
        return ((port, pool) for pool in pools if pool.required for port in pool.ports)

    def node(self, hostname: str) -> Node | None:
        """The node of that name, if its kernel can be judged."""
        return next((one for one in self.nodes if one.hostname == hostname), None)


def expect(
    before: Truth, after: Truth, clocks: Sequence[tuple[str, float]] = (), read: float = 0.0
) -> Expected:
    """What the kernels must hold, read between the two truths.

    Args:
        before: told before the first node was asked.
        after: told when the last had answered.
        clocks: (hostname, seconds ahead of the manager); a node not named counts as exact.
        read: no kernel was read earlier (seconds, monotonic).
    """
    window = Window(before, after, tuple(clocks), read)
    known = {service.id: service for truth in (before, after) for service in truth.services}
    old = {network.id for network in before.networks}
    networks = tuple(one for one in after.networks if _is_overlay(one) and one.id in old)
    endpoints = tuple(_endpoints(window, {key: one.name for key, one in known.items()}))
    every = [(service, window.of_service(service.id)) for service in known.values()]
    reasons = {node: window.of_node(node) for node in window.nodes}
    return Expected(
        nodes=tuple(node for node in after.nodes if not reasons[node.id]),
        skipped=tuple((window.hostname(node), why) for node, why in reasons.items() if why),
        networks=networks,
        services=tuple(sorted(service.name for service in known.values())),
        pools=tuple(_pools(every, networks, endpoints)),
        endpoints=endpoints,
        ports={
            (port.published, port.protocol): service.name
            for truth in (before, after)
            for service in truth.services
            for port in service.ports
            if port.mode == INGRESS
        },
        vips={
            (vip.network, vip.address): service.name
            for truth in (before, after)
            for service in truth.services
            for vip in service.vips
        },
        leaving=frozenset(
            place.network
            for truth in (before, after)
            for task in truth.tasks
            if task.service and task.service not in known and window.of_task(task.id) is not Presence.GONE
            for place in task.addresses
        ),
        data_port=after.data_port,
        unjudged=tuple(
            (service.name, f"its VIP {vip.address} is IPv6, which the mesh does not balance")
            for service in known.values()
            for vip in service.vips
            if ":" in vip.address
        ),
        waiting=waiting(window),
        tasks={task: window.of_task(task) for task in window.tasks},
        transit=frozenset(service.name for service, settled in every if not settled),
        forgetting=frozenset(_forgetting(window, known)),
        known=frozenset(node.address for truth in (before, after) for node in truth.nodes),
        wall=before.wall,
        clocks=dict(clocks),
        roots=before.roots if before.roots == after.roots else "",
    )


def _forgetting(window: Window, known: Mapping[str, Service]) -> Iterator[str]:
    shrunk = {key for key in known if window.forgets(key)}
    yield from (known[key].name for key in shrunk)
    yield from (vip.network for key in shrunk for vip in known[key].vips)
    for task in (*window.before.tasks, *window.after.tasks):
        if task.service in shrunk:
            yield from (place.network for place in task.addresses)


def _is_overlay(network: Network) -> bool:
    return network.driver == "overlay" and network.scope == "swarm"


def _endpoints(window: Window, names: dict[str, str]) -> Iterator[Endpoint]:
    for key, pair in window.tasks.items():
        presence = window.of_task(key)
        for task in dict.fromkeys(one for one in pair if one):
            for place in task.addresses:
                yield Endpoint(
                    network=place.network,
                    address=place.address,
                    node=window.hostname(task.node) if task.node else "",
                    service=names.get(task.service, ""),
                    task=task.id,
                    slot=task.slot,
                    presence=presence,
                    state=task.state,
                )


def _pools(
    services: list[tuple[Service, bool]], networks: tuple[Network, ...], endpoints: tuple[Endpoint, ...]
) -> Iterator[Pool]:
    by_place: dict[tuple[str, str], list[Endpoint]] = {}
    for one in endpoints:
        by_place.setdefault((one.service, one.network), []).append(one)
    by_id = {network.id: network for network in networks}
    for service, settled in services:
        for vip in service.vips if service.endpoint == "vip" else ():
            network = by_id.get(vip.network)
            if network is not None and ":" not in vip.address:
                ports = tuple(port for port in service.ports if port.mode == INGRESS and network.ingress)
                found = tuple(by_place.get((service.name, network.id), ()))
                yield Pool(service.name, network, vip.address, ports, found, settled)
