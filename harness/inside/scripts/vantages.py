"""One published port asked from a node's own side: each vantage takes another chain of the firewall.

Run as a job on the host network it asks 127.0.0.1, ::1, the node's own address and the other nodes'; a task
on an overlay asks the nodes' addresses through docker_gwbridge (``harness.inside.scripts.pairs``).

Arguments (JSON): ``entries``: rows of hostname and address; ``port``; ``requests`` from each vantage;
``expect``: whoami's name; ``timeout`` of a request; ``bound``: seconds for all of it.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from harness.inside.scripts import web
from harness.inside.scripts.host import guarded
from harness.inside.scripts.wire import Wire, arguments, now

_V6 = 2  # requests to ::1, at once: below engine 29.8 each of them hangs, and costs a timeout
GIVE_UP = 4  # requests lost in a row, which cost a timeout each


class Asker:
    """Asks from several vantages at once, and remembers how the requests ended."""

    def __init__(self, port: int, expect: str, timeout: float, until: float) -> None:
        self._port, self._expect, self._timeout, self._until = port, expect, timeout, until
        self._lock = threading.Lock()
        self.rows: list[list[object]] = []

    def ask(self, kind: str, entry: str, address: str, requests: int) -> None:
        """Ask one after the other, on fresh connections; a row per outcome: kind, entry, outcome, number."""
        counts: dict[str, int] = {}
        details: dict[str, str] = {}
        lost = 0
        for _ in range(requests):
            if now() >= self._until or lost >= GIVE_UP:
                break
            outcome, _, detail = web.ask(address, self._port, name=self._expect, timeout=self._timeout)
            counts[outcome] = counts.get(outcome, 0) + 1
            details.setdefault(outcome, detail)
            lost = 0 if outcome == "ok" else lost + 1
        with self._lock:
            self.rows += [[kind, entry, outcome, n, details[outcome][:100]] for outcome, n in counts.items()]


def main() -> None:
    """Ask from every vantage side by side, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    bound, timeout, requests = float(args["bound"]), float(args["timeout"]), int(args["requests"])
    asker = Asker(int(args["port"]), str(args["expect"]), timeout, bound - timeout)
    plan = [("127.0.0.1", wire.node, "127.0.0.1", requests), *[("::1", wire.node, "::1", 1)] * _V6]
    for host, address in args["entries"]:
        plan.append(("own" if host == wire.node else "peer", host, address, requests))
    threads = [guarded(wire, f"from {one[0]}", lambda one=one: asker.ask(*one)) for one in plan]  # type: ignore[misc]  # a default binds it
    for thread in threads:
        thread.join(max(0.0, bound - now()))
    if any(thread.is_alive() for thread in threads):
        wire.send("trouble", about="vantages", text=f"not done within {bound:g} s")
    wire.rows("vantages", sorted(asker.rows, key=str))
    wire.close()
    os._exit(0)  # threads that hang must not keep the task
