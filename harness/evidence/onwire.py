"""What left the nodes for one another while tasks sent known payloads over two overlay networks."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Frames:
    """What was seen to leave one node for another, on whatever interface.

    Attributes:
        esp: packets of IPsec's ESP.
        sealed: others that hold the payload of the encrypted network; ``plain``: of the one that is not.
    """

    source: str
    target: str
    esp: int
    sealed: int
    plain: int


@dataclasses.dataclass(frozen=True)
class Sent:
    """Datagrams with a known payload, from a task on one node to a task on another.

    Attributes:
        kind: ``sealed`` by the encrypted network, ``plain`` by the one that is not.
        answered: those of which the other's kernel said that nobody listens there: they arrived.
    """

    source: str
    target: str
    kind: str
    sent: int
    answered: int


@dataclasses.dataclass(frozen=True)
class Capture:
    """A capture on every node, and what was sent meanwhile.

    Attributes:
        network: name of the encrypted network.
        nodes: hostnames whose capture came whole.
        lost: (hostname, frames that its kernel dropped before they were looked at).
        missing: (hostname, reason) of nodes without a whole answer; ``skipped``: of nodes that take no tasks.
    """

    id: str
    at: float
    network: str
    nodes: tuple[str, ...]
    frames: tuple[Frames, ...]
    sent: tuple[Sent, ...]
    lost: tuple[tuple[str, int], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
