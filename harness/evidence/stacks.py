"""What a run saved of a stack: what its services came to, what its removal left, what kernels counted."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class StackedService:
    """A service of a stack, as the manager showed it.

    Attributes:
        wanted: tasks that it asks for; ``running``: those that run (of a job: that completed).
        update: state of its last update, empty if there was none.
    """

    name: str
    mode: str
    wanted: int
    running: int
    update: str = ""


@dataclasses.dataclass(frozen=True)
class Stacked:
    """A stack once it was deployed and waited for.

    Attributes:
        file: name of its compose file; empty for services that ran already.
        began: when it was deployed; ``ended``: when all of it ran (seconds, monotonic).
        ignored: what the CLI said that a stack ignores.
    """

    id: str
    stack: str
    file: str
    began: float
    ended: float
    services: tuple[StackedService, ...]
    ignored: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class StackRemoval:
    """What a stack left when it was removed.

    Attributes:
        removed: kind and name of what was there; ``left``: of what was there still at ``ended``.
        nodes: (hostname, name) of its containers and networks that a node still had; asked on a lab only.
        unasked: hostnames of nodes that did not tell.
    """

    id: str
    stack: str
    began: float
    ended: float
    removed: tuple[str, ...]
    left: tuple[str, ...]
    nodes: tuple[tuple[str, str], ...] = ()
    unasked: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class CountedServer:
    """A real server behind a published port on one node, and what the kernel has counted for it so far.

    Attributes:
        connections: given to it; ``packets_in`` and ``packets_out``: to it, and back from it.
    """

    node: str
    port: int
    address: str
    connections: int
    packets_in: int
    packets_out: int


@dataclasses.dataclass(frozen=True)
class Counted:
    """The balancers' counters of every node's ingress; ``missing``: (hostname, why) where none were read."""

    id: str
    at: float
    servers: tuple[CountedServer, ...]
    missing: tuple[tuple[str, str], ...] = ()
