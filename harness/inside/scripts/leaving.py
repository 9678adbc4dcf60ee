"""The way out: a task on an overlay network connects to a host outside the swarm, which says whom it saw.

Arguments (JSON): ``host`` and ``port`` of that host; ``tries``; ``patience``: seconds for each; ``bound``.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from harness.inside.scripts.wire import Wire, arguments, now

_LONGEST = 200  # bytes of what the host says


def leave(host: str, port: int, patience: float) -> tuple[str, str]:
    """Whom the host saw, and why it could not be asked; one of them is empty."""
    try:
        with socket.create_connection((host, port), timeout=patience) as way:
            way.settimeout(patience)
            return way.recv(_LONGEST).decode(errors="replace").strip(), ""
    except OSError as error:
        return "", error.strerror or str(error) or type(error).__name__


def main() -> None:
    """Connect, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    rows: list[list[object]] = []
    for _ in range(int(args["tries"])):
        seen, why = leave(str(args["host"]), int(args["port"]), float(args["patience"]))
        rows.append([seen, why, round(now(), 4)])
    wire.rows("left", rows)
    wire.close()
