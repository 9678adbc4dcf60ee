"""The swarm as tests speak of it: deploy, wait, watch, and take away again."""

from harness.swarm.cluster import Swarm
from harness.swarm.conditions import (
    Condition,
    completed,
    gone,
    node_is,
    none_on,
    only,
    replaced,
    running,
)
from harness.swarm.service import ServiceHandle
from harness.swarm.sweeping import sweep
from harness.swarm.view import View
from harness.swarm.watch import Watch

__all__ = [
    "Condition",
    "ServiceHandle",
    "Swarm",
    "View",
    "Watch",
    "completed",
    "gone",
    "node_is",
    "none_on",
    "only",
    "replaced",
    "running",
    "sweep",
]
