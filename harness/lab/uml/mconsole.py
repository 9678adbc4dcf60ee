"""A node's kernel asked past its programs: User-mode Linux's management console, one datagram each way.

It answers as long as the kernel handles interrupts, also when no program on the node runs on. The words are
those of ``arch/um/drivers/mconsole.h`` in Linux: magic, version, length, command; error, more, length, text.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from pathlib import Path
from typing import Final

# load, memory, what interrupts came; then, with everything to be said, the blocked tasks and more of memory.
# Not `sysrq t`: this kernel (6.12) dies of the stacks of its tasks.
QUESTIONS: Final = (
    "proc loadavg",
    "proc meminfo",
    "proc interrupts",
    "sysrq 9",
    "sysrq w",
    "sysrq m",
    "sysrq 5",
)
_MAGIC: Final = 0xCAFE_BABE
_VERSION: Final = 2
_MOST_COMMAND: Final = 512
_MOST_TEXT: Final = 1 << 19  # bytes of answers that are kept
_SILENCE: Final = 0.3  # seconds after which an answer is over, or the kernel is made to look again
_NOTHING: Final = "version"  # a command that changes nothing
_REPLY: Final = struct.Struct("<iii")


def ask(door: Path, commands: tuple[str, ...], *, bound: float) -> str:
    """What the kernel behind ``door`` answers to ``commands``, one after the other.

    Call it from within the lab's network namespace: the answer goes to an address that exists only there.

    Args:
        door: the console's socket, ``<uml_dir>/<umid>/mconsole``.
        commands: ``version``, ``sysrq w`` and the like.
        bound: seconds for all of them together; the text ends where they are over.

    Raises:
        OSError: nobody listens there, or nothing was answered at all.
    """
    until = time.monotonic() + bound
    told = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind("")  # an abstract address: the kernel lives in another root and sees no path of ours
        ours.setblocking(False)
        for command in commands:
            answer = _answer(ours, str(door), command, until)
            if not answer and not told:
                raise TimeoutError(f"the kernel says nothing within {bound:g} s")
            told += answer or f"({command}: no answer)\n".encode()
            if not answer:
                break
    return bytes(told[:_MOST_TEXT]).decode(errors="replace")


def _answer(ours: socket.socket, door: str, command: str, until: float) -> bytes:
    """The answer to one command, empty if there was none; the end is missing of what came faster than heard.

    The kernel does not wait for a full queue of ten datagrams, so it is read without ever falling asleep. It
    also loses the news of a datagram now and then (see ``guest/agent``), but not the datagram: after a
    silence another one makes it look again; what that is answered comes last and is dropped.
    """
    _drop(ours)
    _send(ours, door, command)
    told, heard = bytearray(), time.monotonic()
    while (now := time.monotonic()) < until:
        try:
            data = ours.recv(1 << 16)
        except BlockingIOError:
            if now - heard > _SILENCE:
                if told:
                    return bytes(told) + b"(the end was not heard)\n"
                _send(ours, door, _NOTHING)
                heard = now
            continue
        heard = now
        if len(data) < _REPLY.size:
            continue
        _, more, length = _REPLY.unpack_from(data)
        told += data[_REPLY.size : _REPLY.size + max(0, length)].rstrip(b"\0")
        if not more:
            break
    return bytes(told)


def _drop(ours: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            ours.recv(1 << 16)


def _send(ours: socket.socket, door: str, command: str) -> None:
    words = command.encode()
    head = struct.pack("<Iii", _MAGIC, _VERSION, len(words))
    with contextlib.suppress(BlockingIOError):  # its queue is full: it will look, or it is dead
        ours.sendto(head + words.ljust(_MOST_COMMAND, b"\0"), door)
