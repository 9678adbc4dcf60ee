"""What clients of a proxy saw, which say who they are by a cookie."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Visit:
    """One request through a proxy.

    Attributes:
        client: number of the client, whose cookie of before came along; each has a number of its own.
        entry: hostname of the node whose address was asked.
        backend: address and port that the proxy says it chose; empty without an answer.
        replica: what the answer calls itself.
        why: what was wrong with the answer; empty if it is good.
    """

    client: int
    entry: str
    began: float
    ended: float
    backend: str = ""
    replica: str = ""
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Secured:
    """One request by TLS, whose certificate was verified.

    Attributes:
        offered: what the client offered to speak, ``h2`` or ``http/1.1``; ``spoken``: what was agreed on.
        version: of TLS, such as ``TLSv1.3``.
        replica: what the answer calls itself; ``why``: what was wrong, empty if nothing.
    """

    entry: str
    at: float
    offered: str
    spoken: str = ""
    version: str = ""
    replica: str = ""
    why: str = ""


@dataclasses.dataclass(frozen=True)
class SecuredVisits:
    """Requests by TLS through one proxy and every node."""

    id: str
    service: str
    entries: tuple[str, ...]
    visits: tuple[Secured, ...]


@dataclasses.dataclass(frozen=True)
class Talk:
    """A conversation by WebSocket: so many messages, of which so many came back as they were."""

    entry: str
    began: float
    ended: float
    messages: int
    echoed: int
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Talks:
    """Conversations through one proxy and every node."""

    id: str
    service: str
    entries: tuple[str, ...]
    talks: tuple[Talk, ...]


@dataclasses.dataclass(frozen=True)
class Visits:
    """Requests through one proxy, in order.

    Attributes:
        service: the proxy; ``place``: ``inside`` (over tasks) or ``front`` (over nodes).
        backends: addresses and ports that it has to balance over.
        sticky: whether clients returned their cookies, and the proxy was asked to heed them.
    """

    id: str
    service: str
    place: str
    began: float
    ended: float
    backends: tuple[str, ...]
    visits: tuple[Visit, ...]
    sticky: bool = False
