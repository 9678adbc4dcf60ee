"""What tasks themselves saw: where requests come from, and how their own service is reached."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sources:
    """Whom tasks saw when this machine asked them.

    Attributes:
        seen: (``ingress`` or ``host``, entry node's hostname, address that the task saw, why it told none) of
            each request.
        own: (hostname, address that this machine has towards that node).
        subnets: of the ingress network.
        taken: addresses of tasks and services there.
    """

    id: str
    service: str
    at: float
    seen: tuple[tuple[str, str, str, str], ...]
    own: tuple[tuple[str, str], ...]
    subnets: tuple[str, ...]
    taken: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Hairpins:
    """Tasks that asked their own service.

    Attributes:
        ways: labels of the ways: ``VIP``, and the hostname of each node whose published port was asked.
        told: (task's id, way, outcome, replica that answered) of each request.
    """

    id: str
    service: str
    at: float
    ways: tuple[str, ...]
    told: tuple[tuple[str, str, str, str], ...]
