"""Short jobs that a swarm runs on its own nodes, and what they saw."""

from harness.inside.witness import Ask, HostLook, OverlayLook, ask, both, look

__all__ = ["Ask", "HostLook", "OverlayLook", "ask", "both", "look"]
