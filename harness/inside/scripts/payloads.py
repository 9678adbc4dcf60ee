"""Datagrams with a known payload to tasks on other nodes, at a port where nobody listens.

A refusal shows that one has arrived: it is the other side's kernel that says it, over the same network.

Arguments (JSON): ``targets``: rows of hostname, kind, address; ``payloads``: text by kind; ``times``: how
many to each; ``settle``: seconds for a node that joins a network with this task to know its neighbours;
``bound``: seconds for all of it.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from harness.inside.scripts.host import guarded
from harness.inside.scripts.wire import Wire, arguments, now

PORT = 4750  # in a task's own network namespace: nothing listens
_WAIT = 0.5  # seconds for a refusal; a kernel sends some six at once to the same address, then one a second


def send(address: str, payload: bytes, times: int, until: float, port: int = PORT) -> tuple[int, int]:
    """Send until the first one has arrived, then this often; how many were sent and how many refused."""
    sent = refused = 0
    left = times
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.settimeout(_WAIT)
        way.connect((address, port))
        while left > 0:
            if refused or now() >= until:
                left -= 1
            try:
                way.send(payload)
                sent += 1
                way.recv(512)
            except ConnectionRefusedError:
                refused += 1
            except OSError:
                continue
    return sent, refused


def main() -> None:
    """Send to all side by side, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    rows: list[list[object]] = []

    def one(host: str, kind: str, address: str) -> None:
        payload = str(args["payloads"][kind]).encode()
        sent, refused = send(address, payload, int(args["times"]), float(args["settle"]))
        rows.append([host, kind, sent, refused])

    threads = [
        guarded(wire, f"{kind} to {host}", lambda row=(host, kind, address): one(*row))  # type: ignore[misc]  # a default binds it
        for host, kind, address in args["targets"]
        if host != wire.node
    ]
    for thread in threads:
        thread.join(max(0.0, float(args["bound"]) - now()))
    wire.rows("sent", rows)
    wire.close()
    os._exit(0)  # threads that hang must not keep the task
