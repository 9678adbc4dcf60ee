"""Connections through the VIP that say nothing for a while: those that outlive it, and those that do not.

Whoever shortens the timeout of the network's balancer on this node does it once this task is ready; it waits
until the timeout is as wanted, for it counts from a connection's last packet.

Arguments (JSON): ``service``; ``network``: its id; ``wanted``: seconds of that timeout; ``times``: number of
connections of each kind; ``patience``: seconds to wait for it; ``timeout`` of a request; ``settle``;
``bound``: seconds for all of it.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Any

from harness.inside.scripts import dns, tables, web
from harness.inside.scripts.wire import Wire, arguments, now

_TIMEOUTS = 1152 + 6  # IP_VS_SO_GET_TIMEOUT: of TCP, of TCP after FIN, of UDP; int each
_PAUSE = 0.1  # seconds between two looks
_PROBES = 1  # seconds of silence before TCP's keep-alive asks, and between two of its questions


def tcp_timeout() -> int:
    """Seconds after which the calling thread's namespace forgets a silent connection.

    Raises:
        OSError: no IPVS there, or not permitted.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as asked:
        return int(struct.unpack("=iii", asked.getsockopt(socket.IPPROTO_IP, _TIMEOUTS, 12))[0])


def dial(address: str, timeout: float, *, alive: bool) -> socket.socket:
    """A connection; with TCP's keep-alive where it is to stay ``alive``.

    Raises:
        OSError: there is none.
    """
    made = socket.create_connection((address, 80), timeout)
    if alive:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBES)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBES)
    return made


def request(way: socket.socket) -> str:
    """One more request on a connection: its outcome."""
    data = b""
    try:
        way.sendall(b"GET / HTTP/1.1\r\nHost: vip\r\n\r\n")
        while not web.whole(data):
            part = way.recv(65536)
            if not part:
                return "short-body" if data else "reset"
            data += part
    except TimeoutError:
        return "read-timeout"
    except OSError:
        return "reset"
    return web.read(data)[0]


def vip_of(service: str, until: float) -> str:
    """Its address, once it is told here and answers; empty if it never does."""
    while now() < until:
        found, _ = dns.resolve(service)
        if found and web.ask(found[0], 80)[0] == "ok":
            return found[0]
        time.sleep(_PAUSE)
    return ""


def silences(address: str, wanted: int, times: int, timeout: float) -> list[list[object]]:
    """Rows of kind, seconds of silence, outcome: of ``times`` connections of each kind."""
    kinds = {"brief": wanted / 2, "silent": 2.0 * wanted + 1, "kept": 2.0 * wanted + 1}
    ways: list[tuple[str, float, socket.socket]] = []
    rows: list[list[object]] = []
    for kind, seconds in kinds.items():
        for _ in range(times):
            try:
                way = dial(address, timeout, alive=kind == "kept")
            except OSError:
                rows.append([kind, 0.0, "connect-timeout"])
                continue
            first = request(way)
            if first == "ok":
                ways.append((kind, now() + seconds, way))
            else:
                rows.append([kind, 0.0, first])
    for kind, due, way in sorted(ways, key=lambda one: one[1]):
        time.sleep(max(0.0, due - now()))
        late = round(kinds[kind] + now() - due, 3)
        rows.append([kind, late, request(way)])
        way.close()
    return rows


def main() -> None:
    """Wait for the timeout, connect, be silent, ask again, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    space, wanted = f"{tables.FOLDER}/lb_{str(args['network'])[:9]}", int(args["wanted"])
    address = vip_of(str(args["service"]), float(args["settle"]))
    before = tables.inside(space, tcp_timeout)
    wire.send("ready")
    until = now() + float(args["patience"])
    while tables.inside(space, tcp_timeout) != wanted and now() < until:
        time.sleep(_PAUSE)
    during = tables.inside(space, tcp_timeout)
    rows = silences(address, wanted, int(args["times"]), float(args["timeout"])) if address else []
    wire.rows("quiet", rows)
    wire.send("timeouts", before=before, during=during, after=tables.inside(space, tcp_timeout))
    if not address:
        wire.send("trouble", about="idle", text=f"{args['service']} did not answer at its VIP")
    wire.close()
