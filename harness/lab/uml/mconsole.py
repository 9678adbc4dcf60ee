"""A node's kernel asked past its programs: User-mode Linux's management console, one datagram each way.

It answers as long as the kernel handles interrupts, also when no program on the node runs on. The words are
those of ``arch/um/drivers/mconsole.h`` in Linux: magic, version, length, command; error, more, length, text.
"""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path
from typing import Final

# let everything be said; the blocked tasks; memory; (every task); say as much as before
BLOCKED: Final = ("sysrq 9", "sysrq w", "sysrq m", "sysrq 5")
EVERY_TASK: Final = ("sysrq 9", "sysrq w", "sysrq m", "sysrq t", "sysrq 5")
_MAGIC: Final = 0xCAFE_BABE
_VERSION: Final = 2
_MOST_COMMAND: Final = 512
_MOST_TEXT: Final = 1 << 19  # bytes of answers that are kept
_REPLY: Final = struct.Struct("<iii")


def ask(door: Path, commands: tuple[str, ...], *, bound: float) -> str:
    """What the kernel behind ``door`` answers to ``commands``, one after the other.

    Call it from within the lab's network namespace: the answer goes to an address that exists only there.

    Args:
        door: the console's socket, ``<uml_dir>/<umid>/mconsole``.
        commands: ``version``, ``sysrq w`` and the like.
        bound: seconds for all of them together; the text ends where they are over.

    Raises:
        OSError: nobody listens there.
    """
    until = time.monotonic() + bound
    told = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind("")  # an abstract address: the kernel lives in another root and sees no path of ours
        for command in commands:
            words = command.encode()
            head = struct.pack("<Iii", _MAGIC, _VERSION, len(words))
            ours.sendto(head + words.ljust(_MOST_COMMAND, b"\0"), str(door))
            try:
                told += _answer(ours, until)
            except TimeoutError:
                told += f"({command}: no answer)\n".encode()
                break
    return bytes(told[:_MOST_TEXT]).decode(errors="replace")


def _answer(ours: socket.socket, until: float) -> bytes:
    told = bytearray()
    more = 1
    while more:
        ours.settimeout(max(0.001, until - time.monotonic()))
        data = ours.recv(1 << 16)
        _, more, length = _REPLY.unpack_from(data)
        told += data[_REPLY.size : _REPLY.size + max(0, length)].rstrip(b"\0")
    return bytes(told)
