"""What a service wrote about what it needs."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Complaint:
    """The last lines of a service's log, taken because requests to it failed.

    Attributes:
        service: that wrote them; ``behind``: the service that it needs.
        lines: (hostname, line); none where no request failed.
    """

    id: str
    service: str
    behind: str
    at: float
    lines: tuple[tuple[str, str], ...] = ()
