"""Legacy iptables tables read by the kernel's own interface, for images without a legacy reader.

``getsockopt(SOL_IP, IPT_SO_GET_INFO / IPT_SO_GET_ENTRIES)`` on a raw socket, as ``iptables-legacy-save`` does
it; layouts are those of ``linux/netfilter_ipv4/ip_tables.h`` and ``linux/netfilter/x_tables.h`` (64 bits).
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any, NamedTuple

_GET_INFO = 64
_GET_ENTRIES = 65
_GET_SET = 83  # SO_IP_SET
_SET_VERSION, _SET_BY_INDEX = 0x100, 7  # operations of it
_NAME = 32  # bytes of a table's name
_INFO = 84  # struct ipt_getinfo: name, valid hooks, 5 entries, 5 underflows, number of entries, size
_HEAD = 40  # struct ipt_get_entries before its entries: name, size, padding to 8
_TRIES = 5  # the table may change between the question for its size and the one for its rules


class Table(NamedTuple):
    """A table as the kernel keeps it: its rules, and the offset where each hook's chain begins, or -1."""

    name: str
    hooks: list[int]
    blob: bytes


def call(function: str, *arguments: object) -> int:
    """Call a function of the C library.

    Raises:
        OSError: it returned -1.
        ImportError: this Python has no ctypes.
    """
    import ctypes  # noqa: PLC0415  costs time, and only some kernels need it

    library = ctypes.CDLL(None, use_errno=True)
    result = int(getattr(library, function)(*arguments))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")
    return result


def _get(asked: socket.socket, option: int, data: bytes) -> bytes:
    """``getsockopt`` whose buffer is read by the kernel too, which Python's own never fills."""
    import ctypes  # noqa: PLC0415  see above

    buffer: Any = ctypes.create_string_buffer(data, len(data))
    size = ctypes.c_uint32(len(data))
    call("getsockopt", asked.fileno(), socket.IPPROTO_IP, option, buffer, ctypes.byref(size))
    return bytes(buffer.raw[: size.value])


def get(option: int, data: bytes) -> bytes:
    """What the kernel's iptables answer to a question of their own (``IPT_SO_GET_...``).

    Raises:
        OSError: not permitted, or the kernel refuses.
        ImportError: this Python has no ctypes.
    """
    with _raw() as asked:
        return _get(asked, option, data)


def _raw() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def read(name: str) -> Table:
    """A legacy table of the calling thread's namespace.

    Raises:
        OSError: not permitted, there is no such table, or it changes too often.
        ImportError: this Python has no ctypes.
    """
    wanted = name.encode().ljust(_NAME, b"\0")
    with _raw() as asked:
        for left in reversed(range(_TRIES)):
            info = _get(asked, _GET_INFO, wanted.ljust(_INFO, b"\0"))
            valid, *hooks = struct.unpack_from("=6I", info, _NAME)
            size = struct.unpack_from("=I", info, _INFO - 4)[0]
            try:
                blob = _get(
                    asked, _GET_ENTRIES, (wanted + struct.pack("=I", size)).ljust(_HEAD + size, b"\0")
                )
            except BlockingIOError:
                if not left:
                    raise
                continue
            break
    begins = [hook if valid & 1 << number else -1 for number, hook in enumerate(hooks)]
    return Table(name, begins, blob[_HEAD:])


def set_name(index: int) -> str:
    """The name of the ipset with this index, or ``#INDEX`` where it cannot be told."""
    try:
        with _raw() as asked:
            version = _get(asked, _GET_SET, struct.pack("=II", _SET_VERSION, 0))[4:8]
            answer = _get(asked, _GET_SET, struct.pack("=I4sH30x", _SET_BY_INDEX, version, index))
    except (OSError, ImportError):
        return f"#{index}"
    return answer[8:].split(b"\0")[0].decode("ascii", "replace") or f"#{index}"
