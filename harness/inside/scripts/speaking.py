"""A replica that says who it is over TCP and UDP, whom it sees, and how it reaches its own service.

Arguments (JSON): ``name``: what it calls itself; ``tcp`` and ``udp``: ports that it listens on; ``ways``:
(label, host, port) at which its own service is published; ``turns``: requests by each; ``patience``: seconds
for each. It serves until it is asked to end, and asks nobody else than ``ways``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from typing import Any

from harness.inside.scripts import web
from harness.inside.scripts.wire import arguments

_LONGEST = 4096  # bytes of a request, or of a datagram
_IDLE = 10.0  # seconds for a client to ask
_LOST = 2  # requests lost in a row after which a way has shown all there is


def says(name: str, task: str, client: str) -> bytes:
    """What it answers: whoami's lines."""
    return f"Hostname: {task}\nName: {name}\nRemoteAddr: {client}\n".encode()


def datagrams(opened: socket.socket, name: str, task: str) -> None:
    """Answer every datagram, from the port it came to."""
    while True:
        with contextlib.suppress(OSError):  # an answer that cannot be sent is one that does not arrive
            _, client = opened.recvfrom(_LONGEST)
            opened.sendto(says(name, task, f"{client[0]}:{client[1]}"), client)


def connections(opened: socket.socket, name: str, task: str, args: dict[str, Any]) -> None:
    """Answer every connection, each in a thread of its own."""
    while True:
        with contextlib.suppress(OSError):
            connection, client = opened.accept()
            work = (connection, client, name, task, args)
            threading.Thread(target=_answer, args=work, daemon=True).start()


def _answer(connection: socket.socket, client: Any, name: str, task: str, args: dict[str, Any]) -> None:
    with connection, contextlib.suppress(OSError):
        connection.settimeout(_IDLE)
        asked = b""
        while b"\r\n\r\n" not in asked and len(asked) < _LONGEST:
            part = connection.recv(_LONGEST)
            if not part:
                return
            asked += part
        body = says(name, task, f"{client[0]}:{client[1]}")
        if asked.startswith(b"GET /own?"):
            told = task in asked.split(b" ")[1].decode("ascii", "replace").partition("?")[2].split(",")
            body = json.dumps({"task": task, "rows": [] if told else own(args)}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)


def own(args: dict[str, Any]) -> list[list[object]]:
    """Rows of way, outcome, replica, detail: its own service, asked by each of its ways."""
    rows: list[list[object]] = []
    for label, host, port in args["ways"]:
        lost = 0
        for _ in range(int(args["turns"])):
            if lost >= _LOST:
                break
            outcome, replica, detail = web.ask(host, int(port), timeout=float(args["patience"]))
            lost = 0 if outcome == "ok" else lost + 1
            rows.append([label, outcome, replica, detail])
    return rows


def main() -> None:
    """Listen on every port until the end."""
    args: dict[str, Any] = arguments()
    task = os.environ.get("HARNESS_TASK", "")
    for port in args["tcp"]:
        opened = socket.create_server(("", int(port)), backlog=128)
        work: tuple[Any, ...] = (opened, f"{args['name']}:{port}/tcp", task, args)
        threading.Thread(target=connections, args=work, daemon=True).start()
    for port in args["udp"]:
        heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        heard.bind(("", int(port)))
        work = (heard, f"{args['name']}:{port}/udp", task)
        threading.Thread(target=datagrams, args=work, daemon=True).start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())  # as process 1 it would otherwise not be heard
    ended.wait()
