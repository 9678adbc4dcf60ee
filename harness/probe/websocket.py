"""A conversation by WebSocket (RFC 6455): a handshake, then messages that must come back one by one."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
from collections.abc import Sequence

from harness.clock import SYSTEM, Clock
from harness.evidence import Talk
from harness.probe.target import Target

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _MOST = 0x81, 125  # a whole text message; bytes of one whose length is one octet


def talk(
    target: Target, messages: Sequence[str], *, pause: float, timeout: float = 2.0, clock: Clock = SYSTEM
) -> Talk:
    """Talk once; whatever happens is in what is returned.

    Args:
        target: whom.
        messages: said one after the other, at most 125 bytes each.
        pause: seconds of silence between two.
        timeout: seconds for each part of an answer.
        clock: what it is timed on.
    """
    at, echoed, why = clock.now(), 0, ""
    try:
        with socket.create_connection((target.host, target.port), timeout) as wire:
            why = _shake(wire, target)
            for n, message in enumerate(() if why else messages):
                if n:
                    clock.sleep(pause)
                wire.sendall(_frame(message.encode()))
                head = _exactly(wire, 2)
                said = _exactly(wire, head[1] & 127)
                if head[0] != _TEXT or said != message.encode():
                    why = f"{said[:40]!r} came back for {message!r}"
                    break
                echoed += 1
    except OSError as error:
        why = str(error) or type(error).__name__
    return Talk(target.entry, at, clock.now(), len(messages), echoed, why)


def _shake(wire: socket.socket, target: Target) -> str:
    """Change the protocol; why it was not changed."""
    key = base64.b64encode(os.urandom(16))
    lines = [
        f"GET {target.resource} HTTP/1.1",
        f"Host: {target.authority}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key.decode()}",
    ]
    wire.sendall("\r\n".join([*lines, "", ""]).encode("ascii", "replace"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += _exactly(wire, 1)
    status = head.split(b" ", 2)[1:2]
    if status != [b"101"]:
        return f"HTTP {b''.join(status).decode(errors='replace')} instead of 101"
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())  # noqa: S324 - the protocol's own
    return "" if accept in head else "another key was accepted than was sent"


def _frame(text: bytes) -> bytes:
    """A message as clients send it: masked."""
    mask = os.urandom(4)
    return (
        bytes((_TEXT, 0x80 | min(len(text), _MOST)))
        + mask
        + bytes(one ^ mask[n % 4] for n, one in enumerate(text[:_MOST]))
    )


def _exactly(wire: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = wire.recv(size - len(found))
        if not chunk:
            raise ConnectionError("closed before the whole answer")
        found += chunk
    return found


__all__ = ["talk"]
