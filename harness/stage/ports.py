"""The published ports of a run: who has one, and which checks need it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

# who has a published port of its own, in order; and how the ids of the checks start that need it
_NEEDED: dict[str, tuple[str, ...]] = {
    "whoami": ("",),
    "lonely": ("reach.node-without-task", "reach.closed-after-remove"),
    "flask": ("redis.",),
    "healthy": ("task-kill.",),
    "kept": ("volume.",),
    "sealed": ("secret.", "config."),
    "rolled": ("update.",),
    "once": ("update.costs", "scale."),  # one test at a time
    "stack-web": ("stack.",),
    "stack-counter": ("stack.",),
    "stack-agent": ("stack.",),
    "refused": ("redis.refused",),
    "speaking": ("reach.udp", "reach.two-ports", "reach.source", "reach.hairpin"),  # TCP and UDP
    "speaking-too": ("reach.udp", "reach.two-ports", "reach.source", "reach.hairpin"),
    "hosted": ("reach.host-mode", "reach.source"),
    "ported": ("reach.port-",),
    "moving": ("reach.port-",),
    "ruled": ("cluster.manager-restart", "cluster.autolock", "cluster.ca-rotates", "ports."),
    "fronted": ("proxy.",),
    "haproxy-inside": ("proxy.",),
    "haproxy-front": ("proxy.",),
    "nginx-inside": ("proxy.",),
    "nginx-front": ("proxy.",),
    "vote": ("voting.",),
    "result": ("voting.",),
    "haproxy-tls": ("proxy.",),
    "nginx-tls": ("proxy.",),
}


@dataclasses.dataclass(frozen=True)
class Ports:
    """The published ports of a run, one after the other from the configured one."""

    first: int

    def __getitem__(self, service: str) -> int:
        """The port of a service, by the name it has in ``_NEEDED``."""
        return self.first + list(_NEEDED).index(service)

    def of(self, checks: Iterable[str]) -> tuple[int, ...]:
        """Those that these checks (ids) need, in order."""
        wanted = {name for check in checks for name in _NEEDED if check.startswith(_NEEDED[name])}
        return tuple(sorted(self[name] for name in wanted))
