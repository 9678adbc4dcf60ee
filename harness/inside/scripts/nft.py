"""The nf_tables of a namespace: which there are, and the rules of those that ``iptables-save`` can read.

Tables are counted through netlink (``linux/netfilter/nfnetlink.h``, ``nf_tables.h``): most namespaces have
none, and a process takes far longer to start than the kernel to say so.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

_NETFILTER = 12  # NETLINK_NETFILTER
_GET_TABLES = 10 << 8 | 1  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE
_NEW_TABLE = 10 << 8
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_TABLE_NAME = 1  # NFTA_TABLE_NAME
_HEAD = 16  # struct nlmsghdr
_FAMILY = 4  # struct nfgenmsg
_IP = "ip"
_FAMILIES = {1: "inet", 2: _IP, 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_OF_IPTABLES = frozenset({"filter", "nat", "mangle", "raw", "security"})
_ABSENT = frozenset({errno.EINVAL, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP})  # a kernel without nf_tables
_TOOLS = ("iptables-nft-save", "iptables-save")
_PATIENCE = 5.0  # seconds


def tables() -> list[tuple[str, str]]:
    """(family, name) of the tables in the calling thread's namespace; none where the kernel has no nf_tables.

    Raises:
        OSError: not permitted, or the kernel does not answer.
        ValueError: its answer cannot be read.
    """
    try:
        asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    except OSError as error:
        if error.errno in _ABSENT:
            return []
        raise
    with asked:
        asked.settimeout(_PATIENCE)
        asked.send(struct.pack("=IHHII4x", _HEAD + _FAMILY, _GET_TABLES, _REQUEST_DUMP, 1, 0))
        found: list[tuple[str, str]] = []
        while True:
            part, code = parse(asked.recv(1 << 17))
            found += part
            if code in _ABSENT:
                return []
            if code:
                raise OSError(code, os.strerror(code))
            if code == 0:
                return found


def parse(data: bytes) -> tuple[list[tuple[str, str]], int | None]:
    """(family, name) of the tables in one answer, and the closing code: None if more follows, 0 at the end.

    Raises:
        ValueError: the bytes are not what the kernel's header files say.
    """
    found: list[tuple[str, str]] = []
    at = 0
    while at + _HEAD <= len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        body = data[at + _HEAD : at + size]
        if size < _HEAD or at + size > len(data):
            raise ValueError("a netlink message is malformed")
        if kind in {_ERROR, _DONE}:
            return found, -struct.unpack_from("=i", body.ljust(4, b"\0"))[0]
        if kind == _NEW_TABLE and len(body) >= _FAMILY:
            found.append((_FAMILIES.get(body[0], str(body[0])), _name(body[_FAMILY:])))
        at += size + 3 & ~3
    return found, None


def _name(attributes: bytes) -> str:
    at = 0
    while at + 4 <= len(attributes):
        size, kind = struct.unpack_from("=HH", attributes, at)
        if size < 4:  # noqa: PLR2004  its own head
            break
        if kind == _TABLE_NAME:
            name = attributes[at + 4 : at + size].split(b"\0")[0].decode("utf-8", "replace")
            return "".join(char if char.isprintable() else "?" for char in name)
        at += size + 3 & ~3
    return "?"


def save() -> tuple[str, str]:
    """What the nft variant of ``iptables-save -c`` prints of the calling thread's namespace, and any trouble.

    Tables that are not those of iptables are named in a comment: ``# table inet firewalld: not read``.

    Raises:
        OSError, ValueError: see :func:`tables`.
    """
    found = tables()
    if not found:
        return "", ""
    others = "".join(
        f"# table {family} {name}: not read\n"
        for family, name in found
        if family != _IP or name not in _OF_IPTABLES
    )
    if not any(family == _IP and name in _OF_IPTABLES for family, name in found):
        return others, ""
    text, trouble = _run()
    return text + others, trouble


def _run() -> tuple[str, str]:
    import subprocess  # noqa: PLC0415  costs time, and most namespaces need it not

    for tool in _TOOLS:
        try:
            done = subprocess.run([tool, "-c"], capture_output=True, timeout=_PATIENCE, check=False)
        except FileNotFoundError:
            continue
        except (OSError, subprocess.SubprocessError) as error:
            return "", f"{tool}: {error}"
        told = done.stdout.decode("utf-8", "replace").splitlines()
        if done.returncode:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            return "", f"{tool} exited {done.returncode}: {''.join(last)}"
        if not any("nf_tables" in line for line in told if line.startswith("# Generated")):
            return "", f"{tool} does not read nf_tables"
        lines = [line for line in told if not line.startswith(("# Generated", "# Completed"))]
        return "".join(line + "\n" for line in lines), ""
    return "", "the image has no iptables-save"
