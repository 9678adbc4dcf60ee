"""One A query over UDP, so that each way of failing has a name (``getaddrinfo`` hides them)."""

from __future__ import annotations

import os
import socket
import struct

RESOLVER = ("127.0.0.11", 53)  # Docker's embedded DNS in every container on an overlay network
_CODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_A = 1


def question(name: str, number: int) -> bytes:
    """An A query for ``name`` with this id.

    Raises:
        ValueError: a label of the name is empty or longer than 63 bytes.
    """
    labels = [label.encode() for label in name.rstrip(".").split(".")]
    if any(not 0 < len(label) < 64 for label in labels):  # noqa: PLR2004  RFC 1035, 2.3.4
        raise ValueError(f"{name!r} is no host name")
    packed = b"".join(bytes((len(label),)) + label for label in labels)
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + packed + b"\0" + struct.pack("!HH", _A, 1)


def answer(data: bytes, number: int, *, ordered: bool = False) -> tuple[list[str], str]:
    """Addresses, and the error (empty if there is none) of a response; never raises.

    They are sorted, unless ``ordered``: as they came.
    """
    try:
        got, flags, questions, answers = struct.unpack_from("!HHHH", data)
        if got != number or not flags & 0x8000:
            return [], "garbled"
        code = flags & 15
        if code:
            return [], _CODES.get(code, f"RCODE {code}")
        at = 12
        for _ in range(questions):
            at = _skip(data, at) + 4
        found = []
        for _ in range(answers):
            at = _skip(data, at)
            kind, _, _, length = struct.unpack_from("!HHIH", data, at)
            at += 10
            if kind == _A and length == 4:  # noqa: PLR2004  bytes of an IPv4 address
                found.append(socket.inet_ntoa(data[at : at + 4]))
            at += length
    except (struct.error, OSError, IndexError):
        return [], "garbled"
    cut = "truncated" if flags & 0x0200 else ""
    told = found if ordered else sorted(found, key=socket.inet_aton)
    return told, cut if found or cut else "no address"


def _skip(data: bytes, at: int) -> int:
    """The offset after the name at ``at``."""
    while True:
        length = data[at]
        if length & 0xC0:
            return at + 2
        at += 1 + length
        if not length:
            return at


def resolve(name: str, *, timeout: float = 1.0, server: tuple[str, int] = RESOLVER) -> tuple[list[str], str]:
    """Ask once; addresses sorted, and the error: ``NXDOMAIN``, ``SERVFAIL``, ``timeout``, ..."""
    number = int.from_bytes(os.urandom(2), "big")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.settimeout(timeout)
            asked.connect(server)
            asked.send(question(name, number))
            return answer(asked.recv(65535), number)
    except TimeoutError:
        return [], "timeout"
    except (OSError, ValueError) as error:
        return [], str(error)[:100]
