"""What a node's engine and processes told where ``node-inspect`` was allowed, as values."""

from __future__ import annotations

import dataclasses

from harness.model import Attachment

GOSSIP, CONTAINERS, LISTENERS, CERTIFICATE, LOG = (
    "gossip",
    "containers",
    "listeners",
    "certificate",
    "dockerd-log",
)


@dataclasses.dataclass(frozen=True)
class GossipRow:
    """An endpoint that the node's gossip knows on a network.

    Attributes:
        service: empty for a mere container.
        name: of its container; a task's ends with the task's id.
        host: address of the node that announced it.
    """

    service: str
    name: str
    address: str
    host: str = ""

    @property
    def task(self) -> str:
        """Id of the task, as far as the name tells one."""
        return self.name.rpartition(".")[2]


@dataclasses.dataclass(frozen=True)
class GossipView:
    """What the node's gossip knows of a network (its id) that it has joined; ``peers`` are addresses."""

    network: str
    peers: tuple[str, ...]
    rows: tuple[GossipRow, ...]


@dataclasses.dataclass(frozen=True)
class Container:
    """A running container that says that it is a task's; ``created``: epoch seconds, on the node."""

    id: str
    name: str
    task: str
    service: str
    created: float
    addresses: tuple[Attachment, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listener:
    """A socket in the node's own network that waits; ``owner`` is empty if no process holds it."""

    protocol: str
    address: str
    port: int
    owner: str


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate, as far as the audit needs it.

    Attributes:
        name: of the subject: the node's id; ``unit``: its role; ``organisation``: the swarm's id.
        key: identifier of its own key, ``authority``: of the key that signed it (hexadecimal, may be empty).
        begins: seconds since the epoch, as ``ends``.
    """

    name: str
    unit: str
    organisation: str
    issuer: str
    key: str
    authority: str
    begins: float
    ends: float


@dataclasses.dataclass(frozen=True)
class Inspected:
    """All of it.

    Attributes:
        symptoms: (text, how many lines of dockerd's log hold it), those that were seen.
        log: file of dockerd's log; empty if it writes to none.
        short: what is missing at the log's begin; empty if it reaches back far enough.
        unread: (part, reason).
    """

    gossip: tuple[GossipView, ...] = ()
    containers: tuple[Container, ...] = ()
    listeners: tuple[Listener, ...] = ()
    certificate: Certificate | None = None
    symptoms: tuple[tuple[str, int], ...] = ()
    log: str = ""
    short: str = ""
    unread: tuple[tuple[str, str], ...] = ()

    def why(self, part: str) -> str:
        """Why a part was not read; empty if it was."""
        return dict(self.unread).get(part, "")

    def view(self, network: str) -> GossipView | None:
        """What gossip knows of the network with this id; None if the node has not joined it."""
        return next((one for one in self.gossip if one.network == network), None)
