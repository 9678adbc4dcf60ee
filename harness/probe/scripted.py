"""Servers on loopback that misbehave as told: for the tests of whatever asks over sockets."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from harness.probe.target import Target

_BOUND = 5.0  # seconds after which a scripted conversation ends, whatever its script says
_HEAD_END = b"\r\n\r\n"

Script = Callable[[socket.socket, int], None]
"""What to do with an accepted connection and its number (from 0); the connection is closed afterwards."""


def response(
    body: str | bytes, *, status: str = "200 OK", close: bool = True, length: int | None = None
) -> bytes:
    """A response with ``Content-Length``, which may lie if ``length`` is given."""
    data = body.encode() if isinstance(body, str) else body
    connection = "close" if close else "keep-alive"
    said = len(data) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {said}\r\nConnection: {connection}\r\n\r\n".encode() + data


def whoami(hostname: str, name: str = "") -> str:
    """The body of whoami's answer, as far as the probe reads it."""
    first = f"Name: {name}\n" if name else ""
    return f"{first}Hostname: {hostname}\nIP: 127.0.0.1\nRemoteAddr: 127.0.0.1:1\nGET / HTTP/1.1\nHost: x\n\n"


def reads(connection: socket.socket) -> bool:
    """Read one request; False if the client closed instead."""
    got = b""
    while _HEAD_END not in got:
        data = connection.recv(4096)
        if not data:
            return False
        got += data
    return True


def says(*parts: bytes) -> Script:
    """Read the request, send ``parts`` one by one, close."""

    def script(connection: socket.socket, _number: int) -> None:
        if reads(connection):
            for part in parts:
                connection.sendall(part)

    return script


def replicas(*hostnames: str, name: str = "") -> Script:
    """A healthy service behind a round robin: each connection belongs to the next replica."""

    def script(connection: socket.socket, number: int) -> None:
        answer = response(whoami(hostnames[number % len(hostnames)], name), close=False)
        while reads(connection):
            connection.sendall(answer)

    return script


def silent(connection: socket.socket, _number: int) -> None:
    """Accept, then say nothing until the client gives up."""
    while connection.recv(4096):
        pass


def resets(connection: socket.socket, _number: int) -> None:
    """Read the request, then close with RST."""
    reads(connection)
    reset(connection)


def reset(connection: socket.socket) -> None:
    """Make the coming close an RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Server:
    """A listening socket on loopback whose connections are handled by a script, each in a thread of its own.

    Attributes:
        script: used for the connections accepted from now on; may be replaced at any time.
        port: where it listens.
        accepted: connections accepted so far.
    """

    def __init__(self, script: Script, host: str = "127.0.0.1") -> None:
        self.script = script
        self._listener = socket.create_server((host, 0), backlog=512)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._handlers: list[threading.Thread] = []
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def target(self, entry: str = "node-1", **fields: str) -> Target:
        """The way to it, as entry node ``entry``."""
        return Target(entry, self.host, self.port, service=fields.pop("service", "whoami"), **fields)  # type: ignore[arg-type]  # the remaining fields are strings

    def shut(self) -> None:
        """Stop listening, so that the port refuses; cut open connections, wait for their scripts to end."""
        with contextlib.suppress(OSError):
            self._stop.send(b"x")
        self._thread.join(_BOUND)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._handlers:
            thread.join(_BOUND)
        self._handlers.clear()
        self._stop.close()
        self._stopped.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while not any(key.fileobj is self._stopped for key, _ in selector.select()):
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._handle, args=(connection, self.accepted), daemon=True)
                self._handlers.append(thread)
                self.accepted += 1
                thread.start()

    def _handle(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(connection)
        connection.settimeout(_BOUND)
        with contextlib.suppress(OSError):  # the client may leave whenever it likes
            self.script(connection, number)
        with self._lock:
            self._open.discard(connection)
            connection.close()


@contextlib.contextmanager
def serving(script: Script) -> Iterator[Server]:
    """A :class:`Server` for the length of the block."""
    server = Server(script)
    try:
        yield server
    finally:
        server.shut()


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else takes it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextlib.contextmanager
def unanswering() -> Iterator[int]:
    """A port whose handshake never ends: it listens and its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]
