"""Evidence about what makes a swarm one: what its manager keeps, and that manager restarted."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kept:
    """An object that a manager keeps.

    Attributes:
        kind: ``service``, ``secret``, ``config``, ``network`` or ``node``.
        digest: of what it was asked to be; labels do not count.
    """

    kind: str
    id: str
    name: str
    digest: str


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a manager keeps at a moment.

    Attributes:
        manager: hostname of the manager that was asked.
        cluster: id of the swarm; ``node``: id of the manager in it.
    """

    id: str
    at: float
    manager: str
    cluster: str
    node: str
    objects: tuple[Kept, ...]


@dataclasses.dataclass(frozen=True)
class Locking:
    """A manager that was restarted while autolock was on.

    Attributes:
        states: (seconds, state) of its engine in the swarm, as each was first seen since the restart.
        refusal: what it said, before a key was given, when it was asked for the nodes; empty if it told them.
        wrong: what it said to a wrong key; empty if it took it, None if none was tried.
        unlocked: when it answered again with the right key; None if it did not.
        gossips: whether its engine then took part in gossip, without which it is not in the mesh.
    """

    id: str
    manager: str
    at: float
    states: tuple[tuple[float, str], ...]
    refusal: str
    wrong: str | None
    unlocked: float | None
    gossips: bool = True


@dataclasses.dataclass(frozen=True)
class Credential:
    """The certificate that a node has in the swarm; times in seconds since the epoch.

    Attributes:
        node: hostname; ``ident``: id, ``role``: ``manager`` or ``worker``, as the manager tells them.
        name: its common name; ``unit``: organizational unit; ``organisation``.
        root: digest of the root certificate that signed it; empty if none that the swarm trusts did.
        now: by the node's own clock.
    """

    node: str
    ident: str
    role: str
    name: str
    unit: str
    organisation: str
    root: str
    begins: float
    ends: float
    now: float


@dataclasses.dataclass(frozen=True)
class Credentials:
    """The certificates of all nodes.

    Attributes:
        cluster: id of the swarm; ``roots``: digests of the root certificates that its nodes trust.
        validity: seconds for which certificates are to be issued.
        missing: (hostname, reason) of nodes whose certificate could not be read.
    """

    id: str
    at: float
    cluster: str
    roots: tuple[str, ...]
    validity: float
    nodes: tuple[Credential, ...]
    missing: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class JoinTry:
    """An engine that tried to join with a token.

    Attributes:
        token: which: ``wrong``, ``foreign`` (of another swarm) or ``rotated`` (valid until it was rotated).
        node: hostname of the node whose address it came from.
        refusal: what it was told; empty if it joined.
    """

    token: str
    node: str
    refusal: str


@dataclasses.dataclass(frozen=True)
class JoinTries:
    """Engines that tried to join, and the swarm's nodes before and after.

    Attributes:
        manager: hostname of the manager that was asked to let them in.
        changed: whether the rotation gave another token.
        before: ids of the nodes, ``after``: likewise.
    """

    id: str
    at: float
    manager: str
    changed: bool
    tries: tuple[JoinTry, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
