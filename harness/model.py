"""The nouns: what a swarm is made of, and what a run observed of it.

Values only: frozen, printable, comparable. Raw engine dictionaries are turned into these at the door
(``engine/parse.py``) and never travel further. Times are seconds on the monotonic clock of the machine that
runs the harness, unless a name says otherwise.
"""

from __future__ import annotations

import dataclasses
import enum


class Role(enum.StrEnum):
    """Part of a node in the swarm."""

    MANAGER = "manager"
    WORKER = "worker"


class Availability(enum.StrEnum):
    """What the operator allows a node to run."""

    ACTIVE = "active"
    PAUSE = "pause"
    DRAIN = "drain"


@dataclasses.dataclass(frozen=True)
class Node:
    """A swarm node as the manager sees it.

    Attributes:
        state: ``ready``, ``down``, ``disconnected`` or ``unknown``.
        address: address that peers know it by (``Status.Addr``; for the leader its manager address).
        reachability: of a manager, ``reachable`` or ``unreachable``; empty for a worker.
        updated: when anything of it last changed (engine time, seconds since the epoch); 0.0 if not told.
    """

    id: str
    hostname: str
    role: Role
    availability: Availability
    state: str
    address: str
    leader: bool = False
    reachability: str = ""
    engine: str = ""
    updated: float = dataclasses.field(default=0.0, compare=False)

    @property
    def ready(self) -> bool:
        """Whether the manager calls it Ready."""
        return self.state == "ready"

    @property
    def takes_tasks(self) -> bool:
        """Whether the scheduler may place tasks on it."""
        return self.ready and self.availability is Availability.ACTIVE


@dataclasses.dataclass(frozen=True)
class Attachment:
    """An address of a task (or a VIP of a service) on a network; ``address`` carries no prefix length."""

    network: str
    address: str


@dataclasses.dataclass(frozen=True)
class Task:
    """A task as the manager sees it; ``state`` and ``desired`` are the engine's words (``running``...).

    Attributes:
        since: when its state was last told (engine time, seconds since the epoch).
    """

    id: str
    service: str
    node: str
    slot: int
    desired: str
    state: str
    container: str = ""
    message: str = ""
    error: str = ""
    addresses: tuple[Attachment, ...] = ()
    exit_code: int | None = None
    since: float = 0.0

    @property
    def running(self) -> bool:
        """Whether it runs and is meant to."""
        return self.state == "running" and self.desired == "running"

    @property
    def ended(self) -> bool:
        """Whether it has reached a state that it never leaves."""
        return self.state in ENDED_STATES


ENDED_STATES = frozenset({"complete", "shutdown", "failed", "rejected", "orphaned", "remove"})


@dataclasses.dataclass(frozen=True)
class Port:
    """A published port of a service."""

    published: int
    target: int
    protocol: str = "tcp"
    mode: str = "ingress"


@dataclasses.dataclass(frozen=True)
class Service:
    """A service as the manager sees it.

    Attributes:
        replicas: None for global services and jobs.
        endpoint: ``vip`` or ``dnsrr``.
        update: state of its last update (``updating``, ``completed``, ``rollback_paused``...), or empty.
        shrunk: when it was scaled down, if that was its last change (engine time, seconds since the epoch);
            0.0 otherwise. It tells no two services apart.
        grace: seconds that its tasks may take to end when they are asked to.
        mode: ``replicated``, ``global``, ``replicated-job`` or ``global-job``.
    """

    id: str
    name: str
    image: str
    replicas: int | None
    ports: tuple[Port, ...] = ()
    vips: tuple[Attachment, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    endpoint: str = "vip"
    update: str = ""
    shrunk: float = dataclasses.field(default=0.0, compare=False)
    grace: float = 10.0
    mode: str = "replicated"


@dataclasses.dataclass(frozen=True)
class Network:
    """A network as the manager sees it.

    Attributes:
        vnis: VXLAN network identifiers of an overlay network, one per subnet.
        attachable: whether plain containers may join: no task tells of them.
        direct: whether its balancer returns answers directly (DSR): then there is no SNAT (moby#38300).
    """

    id: str
    name: str
    driver: str
    scope: str
    subnets: tuple[str, ...] = ()
    ingress: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    vnis: tuple[int, ...] = ()
    encrypted: bool = False
    direct: bool = False
    attachable: bool = False


class Path(enum.StrEnum):
    """The way a request takes to a replica."""

    INGRESS = "ingress"  # a node's address and the published port, from outside
    VIP = "vip"  # the service's name, from a task on a shared overlay network
    LOCALHOST = "localhost"  # 127.0.0.1 and the published port, on the node itself


class Outcome(enum.StrEnum):
    """How one request ended; each member's comment is its sentence in reports."""

    OK = "ok"  # the expected answer arrived whole
    REFUSED = "refused"  # nothing listened: the connection was refused
    RESET = "reset"  # the connection was reset, or closed before any answer
    CONNECT_TIMEOUT = "connect-timeout"  # no answer to the SYN in time
    READ_TIMEOUT = "read-timeout"  # connected, then silence
    SHORT_BODY = "short-body"  # the answer broke off
    SERVER_ERROR = "5xx"  # the replica answered with a server error
    WRONG_BODY = "wrong-body"  # an answer, but not of the service that was asked
    UNREACHABLE = "unreachable"  # no route, or an ICMP error
    NO_NAME = "no-name"  # the name did not resolve


@dataclasses.dataclass(frozen=True)
class Sample:
    """One request.

    Attributes:
        seq: number within its traffic, in planned order, from 0.
        entry: hostname of the node whose address was asked; for ``Path.VIP`` the node of the asking task.
        planned: when it was due (open loop); latency counts from here.
        began: when the connection attempt began.
        ended: when the outcome was known.
        replica: what the answer calls itself (whoami's and flask-redis' hostname: the task's id in services
            of ours), empty without an answer.
        connection: number of the connection within its traffic; samples of one kept connection share it.
        counter: the count in a flask-redis answer.
        detail: what the operating system or the answer said, where the outcome alone does not tell.
    """

    seq: int
    entry: str
    path: Path
    planned: float
    began: float
    ended: float
    outcome: Outcome
    replica: str = ""
    connection: int = 0
    counter: int | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the expected answer arrived."""
        return self.outcome is Outcome.OK

    @property
    def latency(self) -> float:
        """Seconds from when it was due to its outcome."""
        return self.ended - self.planned


@dataclasses.dataclass(frozen=True)
class Replica:
    """A running task that must be among those who answer."""

    task: str
    slot: int
    node: str
    addresses: tuple[Attachment, ...] = ()

    @property
    def label(self) -> str:
        """How reports name it: slot and node."""
        return f".{self.slot}@{self.node}"
