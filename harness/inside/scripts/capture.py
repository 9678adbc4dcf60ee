"""Captures the packets that open TCP connections to a port, in every network namespace of a node.

Arguments (JSON): ``port``; ``listen``: seconds after ``ready``; ``bound``.
A socket belongs to the namespace that its thread was in when it was made, and may be read anywhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import selectors
import socket
import struct

from harness.inside.scripts import tables
from harness.inside.scripts.wire import Wire, arguments, now

_ALL = 0x0003  # ETH_P_ALL: a socket for one protocol gets only what comes in
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER
# IPv4, TCP, not a later fragment, SYN set: as tcpdump -dd prints it for packets that begin with the IP header
_FILTER = (
    (0x28, 0, 0, 0xFFFFF000),  # the packet's protocol
    (0x15, 0, 8, 0x0800),
    (0x30, 0, 0, 9),
    (0x15, 0, 6, 6),
    (0x28, 0, 0, 6),
    (0x45, 4, 0, 0x1FFF),
    (0xB1, 0, 0, 0),
    (0x50, 0, 0, 13),
    (0x45, 0, 1, 0x02),
    (0x06, 0, 0, 128),
    (0x06, 0, 0, 0),
)
_ACK = 0x10
_MOST = 4000  # packets of one node that are told


def listener() -> socket.socket:
    """A socket that gets every TCP packet with SYN of the calling thread's namespace.

    Raises:
        OSError: not permitted.
    """
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _FILTER))
    program = struct.pack("HL", len(_FILTER), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
    sock.setblocking(False)
    return sock


def parse(data: bytes, port: int) -> list[object] | None:
    """Source, its port, destination, its port, whether it answers; None for another port's packet."""
    start = (data[0] & 15) * 4 if data else 0
    if len(data) < start + 14 or start < 20:  # noqa: PLR2004  up to the flags; the least IP header
        return None
    source, destination = struct.unpack_from("!HH", data, start)
    answer = bool(data[start + 13] & _ACK)
    if port != (source if answer else destination):
        return None
    return [socket.inet_ntoa(data[12:16]), source, socket.inet_ntoa(data[16:20]), destination, answer]


def main() -> None:
    """Open everywhere, say so, listen, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args = arguments()
    port, seconds = int(str(args["port"])), float(str(args["listen"]))
    seen: dict[tuple[object, ...], None] = {}
    with selectors.DefaultSelector() as selector:
        for name in tables.names():
            try:
                sock = tables.inside(tables.FOLDER + "/" + name, listener)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.EINVAL}:
                    continue  # of a task that ends: nothing goes there any more
                wire.send("trouble", about="capture", ns=name, text=str(error)[:200])
                continue
            selector.register(sock, selectors.EVENT_READ, name)
        selector.register(listener(), selectors.EVENT_READ, "host")
        wire.send("ready")
        end = now() + seconds
        while now() < end and len(seen) < _MOST:
            for key, _ in selector.select(end - now()):
                _take(key, port, seen)
    if len(seen) >= _MOST:
        wire.send("trouble", about="capture", ns="host", text=f"more than {_MOST} packets")
    wire.rows("hops", [list(row) for row in seen])
    wire.close()


def _take(key: selectors.SelectorKey, port: int, seen: dict[tuple[object, ...], None]) -> None:
    """Read what one socket has; a packet that passes a device twice is told once."""
    sock = key.fileobj
    assert isinstance(sock, socket.socket)  # noqa: S101  for the type checker
    while True:
        try:
            data, place = sock.recvfrom(256)
        except OSError:
            return
        row = parse(data, port)
        if row is not None:
            seen[key.data, place[0], *row] = None
