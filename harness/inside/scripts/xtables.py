"""Legacy iptables tables read by the kernel's own interface, for images without a legacy reader.

``getsockopt(SOL_IP, IPT_SO_GET_INFO / IPT_SO_GET_ENTRIES)`` on a raw socket, as ``iptables-legacy-save`` does
it; layouts are those of ``linux/netfilter_ipv4/ip_tables.h`` and ``linux/netfilter/x_tables.h`` (64 bits).
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

_GET_INFO = 64
_GET_ENTRIES = 65
_NAME = 32  # bytes of a table's name
_INFO = 84  # struct ipt_getinfo: name, valid hooks, 5 entries, 5 underflows, number of entries, size
_HEAD = 40  # struct ipt_get_entries before its entries: name, size, padding to 8
_ENTRY = 112  # struct ipt_entry before its matches
_WRAP = 32  # struct xt_entry_match and xt_entry_target before their data
_HOOKS = 5  # PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING


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


def entries(table: str = "mangle") -> tuple[bytes, list[int]]:
    """The rules of a legacy table as the kernel keeps them, and the offset where each hook's chain begins.

    Raises:
        OSError: not permitted, or there is no such table.
        ImportError: this Python has no ctypes.
    """
    name = table.encode().ljust(_NAME, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as asked:
        info = _get(asked, _GET_INFO, name.ljust(_INFO, b"\0"))
        valid, *hooks = struct.unpack_from("=6I", info, _NAME)
        size = struct.unpack_from("=I", info, _INFO - 4)[0]
        blob = _get(asked, _GET_ENTRIES, (name + struct.pack("=I", size)).ljust(_HEAD + size, b"\0"))
    return blob[_HEAD:], [hook if valid & 1 << number else -1 for number, hook in enumerate(hooks)]


def parse(blob: bytes, hooks: list[int]) -> list[list[object]]:
    """Rows of kind (``port`` or ``vip``), key, mark of the MARK rules in PREROUTING, INPUT and OUTPUT.

    Raises:
        ValueError: the bytes are not what the kernel's header files say.
    """
    rows: list[list[object]] = []
    at = 0
    hook = -1
    while at + _ENTRY <= len(blob):
        hook = hooks.index(at) if at in hooks else hook
        target, following = struct.unpack_from("=HH", blob, at + 88)
        if not _ENTRY <= target <= following - _WRAP or at + following > len(blob):
            raise ValueError(f"the rule at {at} is malformed")
        mark = _mark(blob[at + target : at + following])
        if mark is not None and hook == 0:
            rows.extend(["port", str(port), mark] for port in _ports(blob[at + _ENTRY : at + target]))
        elif mark is not None and hook in {1, 3} and blob[at + 12 : at + 16] == b"\xff" * 4:
            rows.append(["vip", socket.inet_ntoa(blob[at + 4 : at + 8]), mark])
        at += following
    return rows


def _mark(target: bytes) -> int | None:
    """What a MARK target (revision 2: mark and mask) sets, or None for other targets."""
    name = target[2:31].split(b"\0")[0]
    if name != b"MARK" or target[31] != 2 or len(target) < _WRAP + 8:  # noqa: PLR2004  the revision since Linux 2.6.25
        return None
    return int(struct.unpack_from("=I", target, _WRAP)[0])


def _ports(matches: bytes) -> list[int]:
    """Destination ports of the tcp and udp matches, where each is a single one."""
    found = []
    at = 0
    while at + _WRAP <= len(matches):
        size = struct.unpack_from("=H", matches, at)[0]
        if size < _WRAP:
            break
        if matches[at + 2 : at + 31].split(b"\0")[0] in {b"tcp", b"udp"} and size >= _WRAP + 8:
            low, high = struct.unpack_from("=HH", matches, at + _WRAP + 4)
            if low == high:
                found.append(low)
        at += size
    return found


def marks() -> list[list[object]]:
    """Marks set by the legacy mangle table of the calling thread's namespace.

    Raises:
        OSError: not permitted, or there is no such table.
        ImportError: this Python has no ctypes.
        ValueError: the kernel's answer cannot be read.
    """
    return parse(*entries("mangle"))
