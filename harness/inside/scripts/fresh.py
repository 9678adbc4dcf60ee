"""The names job: ``tasks.<service>`` asked again and again while the service is scaled up and down.

How long a dead address is still named is measured on one clock: the node that asks the name also connects to
each address that it was told, and notes when the last connect succeeded.

Arguments (JSON): ``name``; ``port`` at which the tasks listen; ``before``: how many addresses there are at
first and at last, ``peak`` in between; ``every``: seconds between questions; ``calm``: seconds without a
change after which it is over; ``bound``: seconds for all of it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

from harness.inside.scripts import dns
from harness.inside.scripts.wire import Wire, arguments, now

_KNOCK = 0.1  # seconds between connects to an address, and the longest wait for one


class Watcher:
    """Follows a name's answers, and which of their addresses live.

    Attributes:
        seen: first and last answer (seconds since the script began) that held each address.
        alive: when the last successful connect to an address began.
    """

    def __init__(self, name: str, port: int, every: float) -> None:
        self._name, self._port, self._every = name, port, every
        self.seen: dict[str, list[float]] = {}
        self.alive: dict[str, float] = {}
        self.last: list[str] = []
        self.answers = self.failed = 0

    def _knock(self, address: str) -> None:
        while True:
            began = now()
            try:
                with socket.create_connection((address, self._port), timeout=2 * _KNOCK):
                    self.alive[address] = began
            except OSError:  # dead, or not yet there: the next knock may tell more
                pass
            time.sleep(max(0.01, _KNOCK - (now() - began)))

    def look(self) -> list[str]:
        """Ask once; the addresses of the answer."""
        began = now()
        found, error = dns.resolve(self._name)
        self.answers += 1
        if error not in {"", "NXDOMAIN", "no address"}:
            self.failed += 1  # no answer says nothing of what is named
            return self.last
        for address in found:
            if address not in self.seen:
                self.seen[address] = [began, began]
                threading.Thread(target=self._knock, args=(address,), daemon=True).start()
            self.seen[address][1] = began
        self.last = found
        return found

    def rest(self, began: float) -> None:
        """Wait until the next question is due."""
        time.sleep(max(0.005, self._every - (now() - began)))

    def rows(self) -> list[list[object]]:
        """Rows of address, first and last answer with it, last connect (-1: none), whether it is held now."""
        return [
            [address, round(first, 4), round(last, 4), round(self.alive.get(address, -1.0), 4), held]
            for address, (first, last) in sorted(self.seen.items())
            for held in (address in self.last,)
        ]


def follow(watcher: Watcher, wire: Wire, args: dict[str, Any]) -> None:
    """Ask until the name has grown to its peak and come back to as many as before for a while."""
    before, peak = int(args["before"]), int(args["peak"])
    calm, bound = float(args["calm"]), float(args["bound"])
    ready = grown = False
    changed, told = now(), watcher.last
    while now() < bound:
        began = now()
        found = watcher.look()
        if found != told:
            changed, told = began, found
        if not ready and len(found) >= before and len(watcher.alive) >= before:
            ready = True
            wire.send("ready", addresses=found[:1000])
        grown = grown or len(found) >= peak
        if ready and grown and len(found) <= before and now() >= changed + calm:
            return
        watcher.rest(began)


def main() -> None:
    """Follow the name, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    watcher = Watcher(str(args["name"]), int(args["port"]), float(args["every"]))
    began = now()
    follow(watcher, wire, args)
    wire.rows("span", [[round(began, 4), round(now(), 4), watcher.answers, watcher.failed]])
    wire.rows("views", watcher.rows())
    wire.close()
    os._exit(0)  # threads that knock must not keep the task
