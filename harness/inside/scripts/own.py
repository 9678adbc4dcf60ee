"""The VIP asked from the tasks of the service itself: in their own network namespaces, one after the other.

Arguments (JSON): ``service``; ``tasks``: rows of id and overlay address; ``requests`` from each; ``expect``:
whoami's name; ``timeout`` of a request; ``bound``: seconds for all of it.
"""

from __future__ import annotations

import os
from typing import Any

from harness.inside.scripts import around, dns, space, tables, web
from harness.inside.scripts.wire import Wire, arguments, now

Row = list[object]


def find(folder: str, wanted: dict[str, str]) -> dict[str, str]:
    """Paths of the namespaces that hold these addresses, by address; other nodes' are not here."""
    found: dict[str, str] = {}
    for name in tables.names(folder):
        if space.kind(name) != "sandbox":
            continue
        path = f"{folder}/{name}"
        try:
            rows = tables.inside(path, around.interfaces)
        except OSError:  # its task has just ended
            continue
        for row in rows:
            address = str(row[1]).partition("/")[0]
            if address in wanted:
                found[address] = path
    return found


def ask(service: str, count: int, expect: str, timeout: float, until: float) -> tuple[list[str], list[Row]]:
    """What the service's name is here, and rows of requests to it."""
    addresses, _ = dns.resolve(service)
    rows = web.series(addresses[0], 80, count, name=expect, timeout=timeout, until=until) if addresses else []
    return addresses, rows


def main() -> None:
    """Find the tasks of this node, ask, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    wanted = {str(address): str(task) for task, address in args["tasks"]}
    service, count, expect = str(args["service"]), int(args["requests"]), str(args["expect"])
    timeout, until = float(args["timeout"]), float(args["bound"]) - float(args["timeout"])
    for address, path in sorted(find(tables.FOLDER, wanted).items()):
        if now() >= until:
            wire.send("trouble", about="own", text=f"not done within {args['bound']} s")
            break
        try:
            names, rows = tables.inside(path, lambda: ask(service, count, expect, timeout, until))
        except OSError as error:
            wire.send("trouble", about="own", ns=path, text=str(error)[:200])
            continue
        task = wanted[address]
        wire.rows("names", [[task, one] for one in names])
        for kind, column in (("outcomes", 3), ("replicas", 4)):
            counts: dict[str, int] = {}
            for row in rows:
                told = str(row[column])
                counts[told] = counts.get(told, 0) + 1
            wire.rows(kind, [[task, told, number] for told, number in sorted(counts.items()) if told])
    wire.close()
