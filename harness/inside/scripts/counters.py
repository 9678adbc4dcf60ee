"""What the ingress balancer of a node has counted: connections and packets per real server.

``ipvsadm`` tells it; ``/proc/net/ip_vs`` shows only what is open at this moment.
"""

from __future__ import annotations

import os
import subprocess

from harness.inside.scripts import tables
from harness.inside.scripts.wire import Wire

_SPACE = tables.FOLDER + "/ingress_sbox"
_COLUMNS = 7  # arrow, address, connections, packets and bytes in and out


def parse(text: str) -> list[list[object]]:
    """Rows of mark, real server's address, connections, packets in, packets out."""
    rows: list[list[object]] = []
    mark = 0
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "FWM" and words[1].isdigit():
            mark = int(words[1])
        elif words and words[0] in {"TCP", "UDP", "SCTP"}:
            mark = 0  # not swarm's
        elif len(words) >= _COLUMNS and words[0] == "->" and mark and words[2].isdigit():
            address = words[1].rpartition(":")[0].strip("[]")
            rows.append([mark, address, int(words[2]), int(words[3]), int(words[4])])
    return rows


def main() -> None:
    """Read, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    try:
        told = tables.inside(
            _SPACE,
            lambda: subprocess.run(
                ["ipvsadm", "--list", "--numeric", "--stats", "--exact"],
                capture_output=True,
                timeout=5,
                check=True,
            ).stdout.decode("utf-8", "replace"),
        )
    except (OSError, subprocess.SubprocessError) as error:
        wire.send("trouble", about="counters", text=str(error)[:200])
    else:
        wire.rows("counted", parse(told))
    tables.report(wire, only="ingress_sbox")
    wire.close()
