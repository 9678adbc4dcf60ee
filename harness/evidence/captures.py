"""What was captured of requests on their way through the mesh."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Traced:
    """A request from outside, and who answered.

    Attributes:
        entry: hostname of the node that was asked; ``source``, ``port``: whence it came.
        replica: the task that answered, empty if none did.
    """

    entry: str
    source: str
    port: int
    replica: str
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Hop:
    """A packet that opens a connection, or the first that answers one, seen in a namespace of a node.

    Attributes:
        namespace: as named in ``/var/run/docker/netns``; ``host``: the node's own network.
        answer: whether it is SYN-ACK, the answer to SYN.
    """

    node: str
    namespace: str
    device: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    answer: bool


@dataclasses.dataclass(frozen=True)
class Trails:
    """Packets captured in every namespace of every node, while a service was asked through every node.

    Attributes:
        port: the published port.
        entries: (hostname, address) of the nodes asked.
        missing: nodes on which nothing was captured, with the reason.
    """

    id: str
    service: str
    port: int
    began: float
    ended: float
    entries: tuple[tuple[str, str], ...]
    requests: tuple[Traced, ...]
    hops: tuple[Hop, ...]
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
