"""Dumps over netlink: what the kernel has of something, told without starting a process.

Layouts are those of ``linux/netlink.h``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_HEAD = 16  # struct nlmsghdr
_ATTRIBUTE = 4  # struct nlattr
_TYPE = 0x3FFF  # without the flags for nested and for network byte order
ABSENT = frozenset({errno.EINVAL, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP})  # of a kernel without that part
_LARGEST = 1 << 17  # bytes of an answer
_PATIENCE = 5.0  # seconds

Message = tuple[int, bytes]  # kind, and what follows its head


def dump(protocol: int, kind: int, body: bytes = b"") -> list[Message]:
    """All that the kernel tells of the calling thread's namespace.

    Args:
        protocol: of netlink, such as ``NETLINK_NETFILTER``.
        kind: of the request.
        body: what follows the request's head.

    Raises:
        OSError: not permitted, the kernel does not answer, or it lacks that part (one of ``ABSENT``).
        ValueError: its answer cannot be read.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as asked:
        asked.settimeout(_PATIENCE)
        asked.send(struct.pack("=IHHII", _HEAD + len(body), kind, _REQUEST_DUMP, 1, 0) + body)
        found: list[Message] = []
        while True:
            part, code = messages(asked.recv(_LARGEST))
            found += part
            if code:
                raise OSError(code, os.strerror(code))
            if code == 0:
                return found


def messages(data: bytes) -> tuple[list[Message], int | None]:
    """The messages of one answer, and the closing code: None if more follows, 0 at the end.

    Raises:
        ValueError: the bytes are not what the kernel's header files say.
    """
    found: list[Message] = []
    at = 0
    while at + _HEAD <= len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        body = data[at + _HEAD : at + size]
        if size < _HEAD or at + size > len(data):
            raise ValueError("a netlink message is malformed")
        if kind in {_ERROR, _DONE}:
            return found, -struct.unpack_from("=i", body.ljust(4, b"\0"))[0]
        found.append((kind, body))
        at += size + 3 & ~3
    return found, None


def attributes(data: bytes) -> Iterator[Message]:
    """Type and payload of the attributes in a message, as far as they are whole."""
    at = 0
    while at + _ATTRIBUTE <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < _ATTRIBUTE:
            return
        yield kind & _TYPE, data[at + _ATTRIBUTE : at + size]
        at += size + 3 & ~3


def attribute(kind: int, payload: bytes) -> bytes:
    """An attribute of a request, padded."""
    return struct.pack("=HH", _ATTRIBUTE + len(payload), kind) + payload + bytes(-len(payload) % 4)
