"""Evidence about secrets and configs: what tasks find, and where else it lies. Never the value itself."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class HeldFile:
    """A secret or config as one task finds it.

    Attributes:
        node: hostname, ``task``: id.
        digest: SHA-256 of what the file holds, in hex; empty if there is none.
        mode: permissions, octal (``444``); ``filesystem``: what it lies on (``tmpfs``: only in memory).
    """

    node: str
    task: str
    digest: str
    mode: str = ""
    filesystem: str = ""


@dataclasses.dataclass(frozen=True)
class Place:
    """A place that holds the value.

    Attributes:
        node: hostname; empty for what the manager's API tells.
        kind: ``disk``, ``memory`` (a mount that only tasks should see), ``environment`` or
            ``command`` line of a process, ``inspect`` or ``logs``.
        path: a file, or what was asked.
    """

    node: str
    kind: str
    path: str


@dataclasses.dataclass(frozen=True)
class Logins:
    """What a database answered to a client that had its secret, and to one with another password.

    Attributes:
        service: the database; ``node``: hostname of the node that its client ran on, empty if it never did.
        told: (which password, what was said): ``right`` is the secret's, ``wrong`` another.
    """

    id: str
    at: float
    service: str
    node: str
    told: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Keeping:
    """How a secret or config of a service is kept.

    Attributes:
        kind: ``secret`` or ``config``; ``name``: of it.
        digest: SHA-256 of the value that tasks should find, in hex.
        held: one per running task that could be looked at.
        places: where else the value was found; only of a secret.
        searched: hostnames of nodes that were searched; ``missing``: (hostname, reason) of the others.
        removal: what the engine said when its removal was tried while the service had it; empty if it was
            removed, None if that was not tried.
    """

    id: str
    service: str
    kind: str
    name: str
    at: float
    digest: str
    held: tuple[HeldFile, ...]
    places: tuple[Place, ...] = ()
    searched: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    removal: str | None = None
