"""The second level of the kernel job, where ``node-inspect`` is allowed: engine, processes, certificate, log.

| dump | JSON |
|---|---|
| ``gossip`` | objects of a network: see :func:`harness.inside.scripts.engine.gossip` |
| ``containers`` | objects of a container: see :func:`harness.inside.scripts.engine.containers` |
| ``listeners`` | rows of protocol, address, port, owner |
| ``certificate`` | a text: the certificate as PEM |
| ``dockerd-log`` | an object: see :func:`harness.inside.scripts.processes.log` |
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from harness.inside.scripts import engine, processes

PARTS = ("gossip", "containers", "listeners", "certificate", "dockerd-log")
Part = Callable[[], tuple[str, str]]


def parts(args: dict[str, Any], own: str, *, proc: str = processes.PROC, at: str = "") -> dict[str, Part]:
    """What tells each of :data:`PARTS`; where it cannot it raises OSError, ValueError or LookupError.

    Args:
        args: ``networks``, ``ports``, ``texts``, ``recent`` (see :class:`harness.inside.allowed.Inspection`).
        own: id of this job's task: its container is no one's orphan.
        proc: the node's ``/proc``.
        at: the engine's socket, if not the usual one.
    """
    after = time.time() - float(args["recent"])
    works: dict[str, Callable[[], object]] = {
        "gossip": lambda: engine.gossip(args["networks"], at),
        "containers": lambda: engine.containers(own, at),
        "listeners": lambda: processes.listeners(args["ports"], proc),
        "certificate": lambda: processes.certificate(processes.dockerd(proc), engine.folder(at), proc),
        "dockerd-log": lambda: processes.log(processes.dockerd(proc), args["texts"], after, proc),
    }
    return {name: _as_json(works[name]) for name in PARTS}


def _as_json(work: Callable[[], object]) -> Part:
    return lambda: (json.dumps(work(), separators=(",", ":")), "")
