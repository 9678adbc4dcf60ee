"""The embedded lab: a real multi-node Swarm on a bare Linux machine.

``up`` brings it up, ``find`` attaches to the one of this checkout that runs, ``down`` removes it.
Names are loaded when first used: processes inside the lab need only a few of the modules.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.lab.protocol import Endpoint, Lab, LabNode, NodeStatus, Role
    from harness.lab.uml.cache import prune as cache_prune
    from harness.lab.uml.cache import report as cache_report
    from harness.lab.uml.client import docker_cli
    from harness.lab.uml.lifecycle import (
        down,
        fill,
        fill_tutorial,
        find,
        require,
        serve_tutorial,
        status,
        up,
    )

__all__ = [
    "Endpoint",
    "Lab",
    "LabNode",
    "NodeStatus",
    "Role",
    "cache_prune",
    "cache_report",
    "docker_cli",
    "down",
    "fill",
    "fill_tutorial",
    "find",
    "require",
    "serve_tutorial",
    "status",
    "up",
]

_HOMES = {
    **dict.fromkeys(("Endpoint", "Lab", "LabNode", "NodeStatus", "Role"), ("harness.lab.protocol", "")),
    **dict.fromkeys(
        ("down", "fill", "fill_tutorial", "find", "require", "serve_tutorial", "status", "up"),
        ("harness.lab.uml.lifecycle", ""),
    ),
    "cache_report": ("harness.lab.uml.cache", "report"),
    "docker_cli": ("harness.lab.uml.client", ""),
    "cache_prune": ("harness.lab.uml.cache", "prune"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own = _HOMES[name]
    return getattr(importlib.import_module(module), own or name)
