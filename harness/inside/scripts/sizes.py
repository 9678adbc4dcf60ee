"""Payloads of growing sizes: down in whoami's ``/data``, up in the body of a POST to ``/bench``.

Small passes and large hangs is the sign of an MTU black hole. HTTP/1.0 downwards, so that nothing is chunked;
upwards in pieces below the 256 KiB that a Go server reads before it replies, on one connection that is kept.
"""

from __future__ import annotations

import socket
import time

PIECE = 128 * 1024  # bytes of one request's body
GIVE_UP = 2  # sizes in a row that failed: what is larger will not pass either
_HEAD = 16_384  # bytes of headers that are read
_RATE = 500_000  # bytes/s below which a transfer counts as stuck


def allowance(size: int, timeout: float) -> float:
    """Seconds that a payload of this size may take."""
    return timeout + size / _RATE


def download(host: str, port: int, size: int, timeout: float) -> str:
    """Fetch ``size`` bytes; what went wrong, or nothing. One byte is none: so does the original's reader.

    Args:
        host: IPv4 address.
        port: TCP port.
        size: bytes of the answer's body.
        timeout: seconds for all of it.
    """
    until = time.monotonic() + timeout
    asked = f"GET /data?size={size} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()
    got, head = 0, b""
    try:
        with socket.create_connection((host, port), timeout=timeout) as link:
            link.sendall(asked)
            while part := _receive(link, until):
                if got or b"\r\n\r\n" in head:
                    got += len(part)
                    continue
                head += part
                first, cut, body = head.partition(b"\r\n\r\n")
                if cut:
                    head, got = first + cut, len(body)
                elif len(head) > _HEAD:
                    return "no end of headers"
    except OSError as error:
        return f"{got} of {size} bytes came: {_why(error)}"
    if b" 200 " not in head[:16]:
        return f"{head[:40]!r}"
    return "" if got == size or (size == 1 and not got) else f"{got} of {size} bytes came"


def upload(host: str, port: int, size: int, timeout: float) -> str:
    """Send ``size`` bytes, each piece acknowledged by an answer; what went wrong, or nothing.

    Args:
        host: IPv4 address.
        port: TCP port.
        size: bytes of the bodies together.
        timeout: seconds for all of it.
    """
    until = time.monotonic() + timeout
    sent = 0
    try:
        with socket.create_connection((host, port), timeout=timeout) as link:
            while sent < size:
                piece = min(PIECE, size - sent)
                head = (
                    f"POST /bench HTTP/1.1\r\nHost: {host}\r\n"
                    f"Content-Type: text/plain\r\nContent-Length: {piece}\r\n\r\n"
                )
                link.settimeout(max(0.001, until - time.monotonic()))
                link.sendall(head.encode() + b"h" * piece)
                told = _reply(link, until)
                if b" 200 " not in told[:16]:
                    return f"{sent} of {size} bytes went: {told[:40]!r}"
                sent += piece
    except OSError as error:
        return f"{sent} of {size} bytes went: {_why(error)}"
    return ""


def _reply(link: socket.socket, until: float) -> bytes:
    """A whole answer with a length (or what came of it before the peer closed)."""
    told = b""
    while len(told) < _HEAD:
        head, cut, body = told.partition(b"\r\n\r\n")
        if cut and len(body) >= _length(head):
            break
        part = _receive(link, until)
        if not part:
            break
        told += part
    return told


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return min(int(value[:12]), _HEAD)
    return 0


def _receive(link: socket.socket, until: float) -> bytes:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    link.settimeout(left)
    return link.recv(65536)


def _why(error: OSError) -> str:
    return "timed out" if isinstance(error, TimeoutError) else (error.strerror or str(error))[:60]


WAYS = (("down", download), ("up", upload))
Rung = tuple[str, int, bool, int, float, str]  # direction, size, passed, attempts, seconds, what went wrong


def ladder(
    host: str,
    port: int,
    direction: str,
    sizes: list[int],
    *,
    timeout: float,
    until: float,
    tries: int = 2,
    give_up: int = GIVE_UP,
) -> list[Rung]:
    """Try the sizes in growing order until some in a row have failed.

    Args:
        host: IPv4 address.
        port: TCP port.
        direction: ``up`` or ``down``.
        sizes: bytes; the same one again is tried again.
        timeout: seconds for a small payload.
        until: seconds on the monotonic clock after which no attempt begins.
        tries: attempts at a size; one that passes at last has passed.
        give_up: sizes in a row that failed, after which no larger one is tried.

    Returns:
        A rung for each size that was tried; its seconds are those of the last attempt.
    """
    move = dict(WAYS)[direction]
    rows: list[Rung] = []
    lost = 0
    for size in sizes:
        why, used, took = "", 0, 0.0
        while used < tries and (why or not used):
            began = time.monotonic()
            if began >= until:
                return rows
            why = move(host, port, size, allowance(size, timeout))
            used, took = used + 1, time.monotonic() - began
        rows.append((direction, size, not why, used, round(took, 4), why[:100]))
        lost = lost + 1 if why else 0
        if lost >= give_up:
            break
    return rows
