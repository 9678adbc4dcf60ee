"""What a kernel really can do of the mesh, tried in a network namespace that goes with the thread that tried.

A module that is not loaded yet shows nowhere: engines load ``ip_vs`` with their first service. Each part is
asked for as the engine would, which makes the kernel load it; no object of the node's is touched. Layouts are
those of ``linux/netfilter/x_tables.h``, ``nf_tables_compat.h`` and ``linux/ip_vs.h``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import threading
from collections.abc import Callable

from harness.inside.scripts import tables, xtables

PARTS = ("xt_ipvs", "ip_vs", "ip_vs_rr", "vxlan", "xt_addrtype", "xt_conntrack", "xt_mark", "nf_nat")
_NEWNET = 0x40000000
_REVISION = {"match": 66, "target": 67}  # IPT_SO_GET_REVISION_...
_WANTED = {
    "xt_ipvs": (("match", "ipvs"),),
    "xt_addrtype": (("match", "addrtype"),),
    "xt_conntrack": (("match", "conntrack"),),
    "xt_mark": (("target", "MARK"),),
    "nf_nat": (("target", "DNAT"), ("target", "SNAT"), ("target", "MASQUERADE"), ("target", "REDIRECT")),
}
_VXLAN = ["ip", "link", "add", "vxlan9", "type", "vxlan", "id", "9", "dstport", "4789"]
_SET_ADD = 64 + 1024 + 64 + 2  # IP_VS_SO_SET_ADD
_ABSENT = frozenset({errno.ENOENT, errno.ENOPROTOOPT})  # no such scheduler, match, or subsystem
_UNKNOWN_DEVICE = ("operation not supported", "unknown device type")  # words of ip
_COMPAT = 11 << 8  # NFNL_SUBSYS_NFT_COMPAT, NFNL_MSG_COMPAT_GET
_PATIENCE = 5.0  # seconds


def prove(run: Callable[[list[str]], object]) -> dict[str, str]:
    """By part: empty where it works, ``lacks: ...`` what the kernel has not, otherwise why it was not tried.

    Args:
        run: starts a process in the calling thread's namespace; raises OSError where it fails.

    Raises:
        OSError: no namespace can be made for it.
    """
    told: dict[str, str] = {}
    errors: list[OSError] = []

    def attempt() -> None:
        try:
            _leave()
        except OSError as error:
            errors.append(error)
            return
        # xt_ipvs first: it is what brings ip_vs with it
        for part in PARTS:
            told[part] = _tried(part, run)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return told


def _tried(part: str, run: Callable[[list[str]], object]) -> str:
    try:
        lacks = _lacks(part, run)
    except (OSError, ImportError) as error:
        return f"untried: {error}"
    return f"lacks: {lacks}" if lacks else ""


def _lacks(part: str, run: Callable[[list[str]], object]) -> str:
    """What the kernel has not of a part.

    Raises:
        OSError: it could not be tried: no permission, no tool.
        ImportError: this Python has no ctypes.
    """
    if part == "ip_vs":
        return "" if tables.read_proc("ip_vs") else "no /proc/net/ip_vs"
    if part in _WANTED:
        return " ".join(name for kind, name in _WANTED[part] if not known(kind, name))
    try:
        if part == "vxlan":
            run(_VXLAN)
        else:
            _round_robin()
    except OSError as error:
        words = str(error)
        absent = (
            any(sign in words.lower() for sign in _UNKNOWN_DEVICE)
            if part == "vxlan"  # whose tool may be absent itself
            else error.errno in _ABSENT
        )
        if not absent:
            raise
        return words
    return ""


def _leave() -> None:
    """Move the calling thread into a network namespace of its own."""
    own = getattr(os, "unshare", None)
    if own is not None:
        own(_NEWNET)
    else:
        xtables.call("unshare", _NEWNET)


def _round_robin() -> None:
    """Make an IPVS service as the engine does: for a mark, scheduled ``rr``."""
    # also a mark has a protocol, or the kernel refuses
    service = struct.pack("=HxxIHxxI16sIII", socket.IPPROTO_TCP, 0, 0, 1, b"rr", 0, 0, 0xFFFFFFFF)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as asked:
        asked.setsockopt(socket.IPPROTO_IP, _SET_ADD, service)


def known(kind: str, name: str) -> bool:
    """Whether rules may use a match or target; asked of legacy tables, or of nf_tables where there are none.

    Raises:
        OSError: not permitted, or the kernel has neither.
        ImportError: this Python has no ctypes.
    """
    try:
        xtables.get(_REVISION[kind], struct.pack("=29sB", name.encode(), 0))
    except OSError as error:
        if error.errno == errno.EPROTONOSUPPORT:
            return True  # it has other revisions than the first
        if error.errno not in _ABSENT:
            raise
        if error.errno == errno.ENOENT:
            return False
        return _known_to_nft(kind, name)
    return True


def _known_to_nft(kind: str, name: str) -> bool:
    """Ask nft_compat, through which the nft variant of iptables uses the same modules."""
    text = name.encode() + b"\0"
    attributes = struct.pack("=HH", 4 + len(text), 1) + text + b"\0" * (-len(text) % 4)
    attributes += struct.pack("=HH", 8, 2) + struct.pack("!I", 0)
    attributes += struct.pack("=HH", 8, 3) + struct.pack("!I", int(kind == "target"))
    size = 20 + len(attributes)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as asked:  # NETLINK_NETFILTER
        asked.settimeout(_PATIENCE)
        asked.send(struct.pack("=IHHIIBBH", size, _COMPAT, 1, 1, 0, socket.AF_INET, 0, 0) + attributes)
        answer = asked.recv(1 << 16)
    code = -struct.unpack_from("=i", answer, 16)[0] if struct.unpack_from("=H", answer, 4)[0] == 2 else 0  # noqa: PLR2004  NLMSG_ERROR
    if code in {0, errno.EPROTONOSUPPORT}:
        return True
    if code == errno.ENOENT:
        return False
    raise OSError(code, os.strerror(code))
