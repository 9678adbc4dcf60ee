"""What a task sees around it: its interfaces, what names resolve to and in which order, whom it reaches.

Arguments (JSON): ``names``: rows of name, how often it is asked, and how many addresses it must have before
that; ``targets``: rows of network, address, port, and whether it is on a network of this task's; ``expect``:
whoami's name; ``timeout`` of a request; ``settle``: seconds for names and neighbours to be told to a node
that joins a network with this very task; ``bound``: seconds for all of it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import time
from typing import Any

from harness.inside.scripts import dns, web
from harness.inside.scripts.host import guarded
from harness.inside.scripts.wire import Wire, arguments, now

_PAUSE = 0.1  # seconds between two tries
_AT_ONCE = 16  # questions on their way: a node's server takes a thousand
_WAIT = 1.5  # seconds for the answers of these
_ADDRESS, _MASK, _MTU = 0x8915, 0x891B, 0x8921  # SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFMTU
_GATEWAY = 0x2  # RTF_GATEWAY
_LATE = 2.0  # seconds that telling all may take

Draw = tuple[dict[str, int], dict[str, int], dict[str, int]]  # answers, firsts, errors, each with its number


def draw(name: str, times: int, until: float, server: tuple[str, int] = dns.RESOLVER) -> Draw:
    """Ask for a name this often, several questions at once; what was answered, and what stood first."""
    answers: dict[str, int] = {}
    firsts: dict[str, int] = {}
    errors: dict[str, int] = {}
    left = times
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(_WAIT)
        asked.connect(server)
        while left > 0 and now() < until:
            numbers = {(times - left + n) & 0xFFFF for n in range(min(left, _AT_ONCE))}
            left -= len(numbers)
            try:
                for number in numbers:
                    asked.send(dns.question(name, number))
                while numbers:
                    data = asked.recv(65535)
                    if len(data) < 2 or int.from_bytes(data[:2], "big") not in numbers:  # noqa: PLR2004  an id
                        continue  # it came too late, and is counted
                    number = int.from_bytes(data[:2], "big")
                    numbers.discard(number)
                    found, error = dns.answer(data, number, ordered=True)
                    if found:
                        _count(firsts, found[0])
                        _count(answers, " ".join(sorted(found, key=socket.inet_aton)))
                    else:
                        _count(errors, error)
            except TimeoutError:
                _count(errors, "timeout", len(numbers))
            except OSError as error:
                _count(errors, str(error)[:100], len(numbers))
    return answers, firsts, errors


def _count(counts: dict[str, int], what: str, more: int = 1) -> None:
    counts[what] = counts.get(what, 0) + more


def interfaces() -> list[list[object]]:
    """Rows of name, address with prefix length, MTU, and whether the default route goes there."""
    ways = _default("/proc/thread-self/net/route")
    rows: list[list[object]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            if name == "lo":
                continue
            try:
                address = socket.inet_ntoa(_told(asked, _ADDRESS, name)[20:24])
                mask = struct.unpack("!I", _told(asked, _MASK, name)[20:24])[0]
            except OSError:  # it has none
                address, mask = "", 0
            mtu = struct.unpack_from("=i", _told(asked, _MTU, name), 16)[0]
            rows.append([name, f"{address}/{mask.bit_count()}" if address else "", mtu, name in ways])
    return rows


def _told(asked: socket.socket, what: int, name: str) -> bytes:
    return fcntl.ioctl(asked.fileno(), what, struct.pack("=16s24x", name.encode()))


def _default(path: str) -> set[str]:
    """The interfaces of default routes."""
    with open(path) as file:  # noqa: PTH123  pathlib costs import time on a node
        rows = [line.split() for line in file][1:]
    return {row[0] for row in rows if row[1] == "00000000" and int(row[3], 16) & _GATEWAY}


def reach(target: list[Any], expect: str, timeout: float, until: float) -> list[object]:
    """Ask one address: network, address, outcome, replica, tries; those of ours have until ``until``."""
    network, address, port, ours = target
    tries = 0
    while True:
        tries += 1
        outcome, replica, _ = web.ask(str(address), int(port), name=expect, timeout=timeout)
        if outcome == "ok" or not ours or now() >= until:
            return [network, address, outcome, replica, tries]
        time.sleep(_PAUSE)


def reach_all(wire: Wire, args: dict[str, Any]) -> None:
    """Those on our network first: once they have answered, silence of the others says something."""
    rows: list[list[object]] = []
    expect, timeout, settle = str(args["expect"]), float(args["timeout"]), float(args["settle"])
    for ours in (True, False):
        asking = [
            guarded(
                wire,
                f"reach {one[1]}",
                lambda one=one: rows.append(reach(one, expect, timeout, settle)),  # type: ignore[misc]  # a default binds it
            )
            for one in args["targets"]
            if bool(one[3]) is ours
        ]
        for thread in asking:
            thread.join(max(0.0, float(args["bound"]) - _LATE - now()))
    wire.rows("reached", rows)


def name_all(wire: Wire, args: dict[str, Any]) -> None:
    """Wait until every name has its addresses, then ask for each as often as it says."""
    for name, _, least in args["names"]:
        while len(dns.resolve(str(name))[0]) < int(least) and now() < float(args["settle"]):
            time.sleep(_PAUSE)
    for name, times, _ in args["names"]:
        answers, firsts, errors = draw(str(name), int(times), float(args["bound"]) - _LATE)
        for kind, counts in (("answers", answers), ("firsts", firsts), ("errors", errors)):
            wire.rows(kind, [[name, what, number] for what, number in sorted(counts.items())])


def main() -> None:
    """Ask side by side, and tell; interfaces last, when nothing joins any more."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    bound = float(args["bound"])
    threads = [
        guarded(wire, "targets", lambda: reach_all(wire, args)),
        guarded(wire, "names", lambda: name_all(wire, args)),
    ]
    for thread in threads:
        thread.join(max(0.0, bound - _LATE / 2 - now()))
    if any(thread.is_alive() for thread in threads):
        wire.send("trouble", about="around", text=f"not done within {bound:g} s")
    wire.rows("interfaces", interfaces())
    wire.close()
    os._exit(0)  # threads that hang must not keep the task
