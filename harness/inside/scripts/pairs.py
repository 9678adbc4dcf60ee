"""The pairs job: every task of a service asked by its own overlay address, from a task on every node.

No balancer lies between, so what fails here is the overlay or the task itself. The job's own tasks ask one
another as well (``overlay.Mesh``), and note whose datagrams arrived: that tells one way from the other.

Arguments (JSON): ``job``: name of this job's own service; ``nodes``: how many tasks it has; ``tasks``: rows
of address and node of the service's tasks; ``port`` at which they listen; ``expect``: whoami's name;
``patience``: seconds for a peer or task to answer; ``sizes``: bytes, growing (none: not tried); ``sized``:
addresses to try them with; ``entries``: rows of hostname and address to ask ``published`` at (none: not
asked); ``requests`` for each of them; ``timeout`` of a request; ``bound``: seconds for all of it.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from harness.inside.scripts import pings, sizes, vantages, web
from harness.inside.scripts.host import guarded
from harness.inside.scripts.overlay import Echo, Mesh
from harness.inside.scripts.wire import BEGAN, Wire, arguments, now

_LATE = 3.0  # seconds to stay for peers that have not asked yet
_PAUSE = 0.1  # seconds between attempts


def until_open(
    address: str, port: int, *, name: str, timeout: float, patience: float
) -> tuple[str, str, str, int]:
    """Ask a task until it answers, or ``patience`` is over: outcome, replica, detail and attempts."""
    until = now() + patience
    tries = 0
    while True:
        tries += 1
        outcome, replica, detail = web.ask(address, port, name=name, timeout=timeout)
        if outcome in {"ok", "wrong-body"} or (tries > 1 and now() >= until):
            return outcome, replica, detail, tries
        time.sleep(_PAUSE)


def side_by_side(works: list[Any], until: float) -> None:
    """Run all of ``works`` in threads; those that are not done by ``until`` are left to themselves."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - now()))


class Tasks:
    """What the service's tasks said to this node."""

    def __init__(self, wire: Wire, args: dict[str, Any]) -> None:
        self._wire = wire
        self._args = args
        self._until = float(args["bound"]) - 1.0
        self._patience = float(args["patience"])
        self._timeout = float(args["timeout"])

    def echoes(self) -> None:
        """ICMP to every task."""
        addresses = [str(row[0]) for row in self._args["tasks"]]
        self._wire.rows("icmp", pings.ping(addresses, self._patience) if addresses else [])

    def requests(self) -> None:
        """A TCP request to every task, all at once."""
        rows: list[list[object]] = []

        def ask(address: str) -> None:
            told = until_open(
                address,
                int(self._args["port"]),
                name=str(self._args["expect"]),
                timeout=self._timeout,
                patience=self._patience,
            )
            rows.append([address, *told])

        side_by_side([lambda to=str(row[0]): ask(to) for row in self._args["tasks"]], self._until)
        self._wire.rows("asked", list(rows))

    def payloads(self) -> None:
        """Growing payloads to some of them; downwards and upwards one after the other, tasks side by side."""
        rows: list[list[object]] = []
        # two ladders that fail cost little more than one: what is stuck does not load the node
        until = BEGAN + self._until - self._timeout

        def climb(address: str, direction: str) -> None:
            told = sizes.ladder(
                address,
                int(self._args["port"]),
                direction,
                self._args["sizes"],
                timeout=self._timeout,
                until=until,
            )
            rows.extend([address, *row] for row in told)

        if self._args["sizes"]:
            ways = [(str(to), way) for to in self._args["sized"] for way, _ in sizes.WAYS]
            side_by_side([lambda one=one: climb(*one) for one in ways], self._until)
        self._wire.rows("sizes", list(rows))

    def entries(self) -> None:
        """The published port of every node, from this task."""
        asker = vantages.Asker(
            int(self._args["published"]),
            str(self._args["expect"]),
            self._timeout,
            self._until - self._timeout,
        )
        each = int(self._args["requests"])
        plan = [("task", str(host), str(address), each) for host, address in self._args["entries"]]
        side_by_side([lambda one=one: asker.ask(*one) for one in plan], self._until)
        self._wire.rows("vantages", sorted(asker.rows, key=str))


def main() -> None:
    """Do all of it side by side, and tell; stay until every peer has asked."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    bound, nodes = float(args["bound"]), int(args["nodes"])
    answers = Echo(wire.node)
    mesh = Mesh(str(args["job"]), nodes, float(args["patience"]) + _LATE, bound - _LATE)
    tasks = Tasks(wire, args)
    parts = (
        ("mesh", mesh.run),
        ("icmp", tasks.echoes),
        ("requests", tasks.requests),
        ("sizes", tasks.payloads),
        ("vantages", tasks.entries),
    )
    threads = [(about, guarded(wire, about, work)) for about, work in parts]
    for _, thread in threads:
        thread.join(max(0.0, bound - now()))
    over = now()
    while len(answers.heard) < 2 * (nodes - 1) and now() < min(bound, over + _LATE):
        time.sleep(0.02)
    for about, thread in threads:
        if thread.is_alive():
            wire.send("trouble", about=about, text=f"not done within {bound:g} s")
    wire.send("self", address=mesh.own, heard=sorted(answers.heard)[:200])
    wire.rows("mesh", [mesh.rows[key] for key in sorted(mesh.rows)])
    wire.close()
    os._exit(0)  # threads that hang must not keep the task
