"""The quiet job: silence on every pair, then one packet first from the one side, and later from the other.

Forwarding entries that were learned from traffic keep a pair alive while it talks; only the first packet
after a silence that outlasts their ageing shows that the permanent entry is gone (moby/moby#52661).

Tasks of a service, which only answer, are asked after the first silence; our own tasks, whose entries are as
new as the job, speak to each other in turn.

Arguments (JSON): ``job``: name of this job's own service; ``nodes``: how many tasks it has; ``tasks``: rows
of address and node of the service's tasks; ``silence``: seconds, longer than the ageing time; ``bound``:
seconds for all of it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

from harness.inside.scripts import dns, pings
from harness.inside.scripts.host import guarded
from harness.inside.scripts.overlay import ECHO_PORT, echo, is_own
from harness.inside.scripts.wire import Wire, arguments, now

_TRIES = 3  # packets; only the first one's fate is asked for, the others tell a lost one from a dead pair
_ANSWER = 1.5  # seconds for its answer: a busy node is no lost packet
_MEET = 15.0  # seconds for all tasks to be named
_GRACE = 3.0  # seconds that the one who speaks second waits beyond its turn


class Ears:
    """Answers datagrams with this node's name, and notes when each peer's first one came."""

    def __init__(self, node: str, *, port: int = ECHO_PORT, host: str = "0.0.0.0") -> None:  # noqa: S104  a task's own namespace
        self._node = node.encode()[:255]
        self.heard: dict[str, float] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(512)
            self.heard.setdefault(peer[0], now())
            self._socket.sendto(data[:64] + b"|" + self._node, peer)


def speak(address: str, *, port: int = ECHO_PORT) -> list[object]:
    """Send until an answer comes: address, node that answered, ``udp``, state, proof, packets it took."""
    node, why, tries = "", "", 0
    while not node and tries < _TRIES:
        tries += 1
        node, why = echo(address, "udp", port=port, timeout=_ANSWER)
    state = "open" if node else "closed" if "refused" in why else "silent"
    return [address, node, "udp", state, why, tries]


def turn(own: str, peer: str, heard: dict[str, float], silence: float, met: float) -> float:
    """When it is ours to speak on this pair (seconds since the script began); in the future if not yet known.

    The lower address speaks first, after one silence; the other one a silence after it has heard that.
    """
    if socket.inet_aton(own) < socket.inet_aton(peer):
        return met + silence
    return heard[peer] + silence if peer in heard else met + 2 * silence + _GRACE


def meet(job: str, nodes: int, until: float) -> tuple[str, list[str]]:
    """Own address and the peers', as soon as all are named; naming them sends nothing over the overlay."""
    while True:
        found, _ = dns.resolve("tasks." + job)
        own = [address for address in found if is_own(address)]
        if (len(found) >= nodes and own) or now() >= until:
            return (own[0] if own else ""), [address for address in found if address not in own]
        time.sleep(0.1)


def echoes(wire: Wire, addresses: list[str], due: float) -> None:
    """ICMP to tasks of the service when it is ``due`` (seconds since the script began), and tell."""
    time.sleep(max(0.0, due - now()))
    wire.rows("icmp", pings.ping(addresses, _TRIES * _ANSWER, _ANSWER) if addresses else [])


def main() -> None:
    """Be silent, speak in turn, and tell; stay until every peer has had its turn."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    ears = Ears(wire.node)
    silence, bound = float(args["silence"]), float(args["bound"])
    own, peers = meet(str(args["job"]), int(args["nodes"]), min(_MEET, bound))
    met = now()
    wire.send("ready", address=own)  # whoever shortens the ageing does it now: every node has its devices
    others = [str(address) for address, node in args["tasks"] if node != wire.node]
    asking = guarded(wire, "icmp", lambda: echoes(wire, others, met + silence))
    rows: list[list[object]] = []
    left = set(peers) if own else set()
    while left and now() < bound - 1.0:
        for peer in sorted(left):
            if now() >= turn(own, peer, ears.heard, silence, met):
                left.discard(peer)
                rows.append(speak(peer))
        time.sleep(0.05)
    while not set(peers) <= set(ears.heard) and now() < min(bound - 0.5, met + 2 * silence + 2 * _GRACE):
        time.sleep(0.1)
    asking.join(max(0.0, bound - now()))
    wire.send("self", address=own, heard=[[peer, "udp"] for peer in sorted(ears.heard)][:200])
    wire.rows("mesh", rows)
    wire.close()
    os._exit(0)  # the listening thread must not keep the task
