"""Replicas that answer over TCP and UDP, and try their own service: what whoami's image does not do.

The program travels as a config into the job's image, which has a Python.
"""

from __future__ import annotations

import dataclasses
import json

from harness.engine.spec import ConfigFile, ServiceSpec
from harness.model import Port

FIRST, SECOND = 8001, 8002  # TCP ports that tasks listen on
DATAGRAMS = 5300  # UDP port
OWN = "/own"  # what is requested for a task to ask its own service
REPLICAS = 3
PATIENCE = 2.0  # seconds that a task gives its own service for an answer
_FILE = "/harness/speaking.py"


@dataclasses.dataclass(frozen=True)
class Way:
    """A way by which tasks are to reach their own service."""

    label: str
    host: str
    port: int


def name(run: str) -> str:
    """The service's name in this run; its config has the same."""
    return f"h-{run}-speaking"


def identity(run: str, port: int, protocol: str = "tcp") -> str:
    """What a replica answers as ``Name:`` on one of its own ports."""
    return f"{name(run)}:{port}/{protocol}"


def service(
    run: str,
    *,
    image: str,
    network: str,
    first: int,
    second: int,
    ways: tuple[Way, ...] = (),
) -> ServiceSpec:
    """The service; each replica's hostname is its task's id.

    Args:
        run: id of the run.
        image: must hold ``python3``.
        network: overlay network (name or id) on which it has a VIP.
        first: published for TCP, and for UDP as well.
        second: published for TCP.
        ways: by which it reaches itself; it asks nobody else.
    """
    args = {
        "name": name(run),
        "tcp": [FIRST, SECOND],
        "udp": [DATAGRAMS],
        "ways": [[way.label, way.host, way.port] for way in ways],
        "turns": 5 * REPLICAS,  # by all ways together so many that its own answer is among them
        "patience": PATIENCE,
    }
    return ServiceSpec(
        name=name(run),
        image=image,
        command=("python3", "-I", "-S", "-B", _FILE),
        env={"HARNESS_ARGS": json.dumps(args), "HARNESS_TASK": "{{.Task.ID}}"},
        replicas=REPLICAS,
        ports=(Port(first, FIRST), Port(second, SECOND), Port(first, DATAGRAMS, "udp")),
        networks=(network,),
        configs=(ConfigFile(name(run), _FILE),),
        stop_grace=2.0,
    )
