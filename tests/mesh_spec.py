"""A three-node swarm as its manager tells it, made from a short description of its services."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from harness.evidence.mesh import Truth
from harness.model import Attachment, Availability, Network, Node, Port, Role, Service, Task

MANAGER, W1, W2 = NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
ADDRESSES = dict(zip(NODES, ("192.168.200.10", "192.168.200.11", "192.168.200.12"), strict=True))
GATEWAY, SANDBOX = "172.18.0.1", "172.18.0.2"
INGRESS = Network(
    "k8tgakdk04aaaa", "ingress", "overlay", "swarm", ("10.0.0.0/24",), ingress=True, vnis=(4096,)
)
APP = Network("sgiqka8iuabbbb", "app", "overlay", "swarm", ("10.0.9.0/24",), vnis=(4105,))
BACK = Network("zz19xk3p0lcccc", "back", "overlay", "swarm", ("10.0.20.0/24",), vnis=(4106,))
NETWORKS = (INGRESS, APP, BACK)
WALL = 1_700_000_000.0  # engine time of the first truth
OLD = WALL - 60.0


@dataclasses.dataclass(frozen=True)
class Spec:
    """A service: its VIP is ``.200 + number`` of a network, its tasks have ``.10 + 10 * number`` and on.

    Attributes:
        on: node of each task, in slot order.
        shrunk: when the service was scaled down.
        changed: task's number -> fields of the task that differ.
        weights: task's number -> weight of its rows, if not 1; below 0: no table holds anything of it.
    """

    name: str
    number: int
    on: tuple[str, ...] = NODES
    ports: tuple[Port, ...] = ()
    networks: tuple[Network, ...] = (APP,)
    endpoint: str = "vip"
    update: str = ""
    shrunk: float = 0.0
    replicas: int | None = 3
    changed: Mapping[int, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    weights: Mapping[int, int] = dataclasses.field(default_factory=dict)

    @property
    def balanced(self) -> tuple[Network, ...]:
        """Networks on which it has a VIP."""
        published = any(port.mode == "ingress" for port in self.ports)
        return ((INGRESS,) if published else ()) + self.networks if self.endpoint == "vip" else ()

    def vip(self, network: Network) -> str:
        """Its VIP."""
        return address_in(network, 200 + self.number)

    def address(self, network: Network, task: int) -> str:
        """The address of a task."""
        return address_in(network, 10 + 10 * self.number + task)

    @property
    def held(self) -> tuple[int, ...]:
        """Tasks of which tables hold rows."""
        return tuple(number for number in range(len(self.on)) if self.weights.get(number, 1) >= 0)

    def mark(self, network: Network, node: str) -> int:
        """The mark on a node: each numbers its own."""
        return 256 + 40 * NODES.index(node) + 4 * self.number + NETWORKS.index(network)


WEB = Spec("web", 1, ports=(Port(8080, 80),))
API = Spec("api", 2, on=(W1, W1), networks=(APP, BACK))


def address_in(network: Network, host: int) -> str:
    """The address of that number in a network."""
    return f"{network.subnets[0].rpartition('.')[0]}.{host}"


def balancer_address(network: Network, node: str) -> str:
    """A node's own load balancer."""
    return address_in(network, 2 + NODES.index(node))


def mac(address: str) -> str:
    """As the engine makes it."""
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def balancer_name(network: Network) -> str:
    """The namespace of a load balancer."""
    return "ingress_sbox" if network.ingress else f"lb_{network.id[:9]}"


def overlay_name(network: Network) -> str:
    """The namespace of an overlay network."""
    return f"1-{network.id[:10]}"


def sandbox_name(service: Spec, task: int) -> str:
    """The namespace of a task."""
    return f"{service.number:06x}{task:06x}"


def node(hostname: str, **changed: Any) -> Node:
    """A node that is well; ``changed`` fields."""
    role = Role.MANAGER if hostname == MANAGER else Role.WORKER
    made = Node(
        f"id-{hostname}",
        hostname,
        role,
        Availability.ACTIVE,
        "ready",
        ADDRESSES[hostname],
        role is Role.MANAGER,
        engine="26.1.5+dfsg1",
    )
    return dataclasses.replace(made, **changed)


def task(service: Spec, number: int, **changed: Any) -> Task:
    """A task that has run for long; ``changed`` fields win over those of the description."""
    attached = ((INGRESS,) if INGRESS in service.balanced else ()) + service.networks
    made = Task(
        f"task-{service.name}-{number}",
        f"id-{service.name}",
        f"id-{service.on[number]}",
        number + 1,
        "running",
        "running",
        addresses=tuple(Attachment(net.id, service.address(net, number)) for net in attached),
        since=OLD,
    )
    return dataclasses.replace(made, **{**service.changed.get(number, {}), **changed})


def service_of(spec: Spec) -> Service:
    """A service as the manager tells it."""
    return Service(
        f"id-{spec.name}",
        spec.name,
        "image",
        spec.replicas,
        spec.ports,
        tuple(Attachment(net.id, spec.vip(net)) for net in spec.balanced),
        endpoint=spec.endpoint,
        update=spec.update,
        shrunk=spec.shrunk,
    )


def truth(*specs: Spec, name: str = "before", **changed: Any) -> Truth:
    """What the manager says of these services."""
    first = name == "before"
    made = Truth(
        f"truth-{name}",
        10.0 if first else 20.0,
        WALL if first else WALL + 10.0,
        tuple(node(one) for one in NODES),
        tuple(service_of(spec) for spec in specs),
        NETWORKS,
        tuple(task(spec, number) for spec in specs for number in range(len(spec.on))),
    )
    return dataclasses.replace(made, **changed)
