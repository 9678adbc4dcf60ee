"""Source ports that are not used again while a balancer may remember them.

IPVS keeps a closed connection for up to 120 s (the ``tcpfin`` time-out; docker/docs#5519). A new one from the
same address and port meets that entry: it goes to the replica of old and does not move the round robin
(moby/moby#35082), which would look like an uneven spread. The kernel's own choice wraps around after some
three thousand connections to one address, so the probe chooses, each destination counting for its own.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import socket
import threading
from collections.abc import Hashable, Iterator

from harness.clock import SYSTEM, Clock

FIRST, LAST = 10_000, 32_767  # below the kernel's own range, which starts at 32768
RATE = 150  # ports/s by which the start moves on: a later process begins after what an earlier one used
_TRIES = 64  # ports that may be in use before the kernel is asked to choose


class SourcePorts:
    """Hands out source ports, per destination one after the other; safe to use from several threads."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._of: dict[Hashable, Iterator[int]] = {}

    def next(self, destination: Hashable) -> int:
        """The next port for connections to ``destination``."""
        with self._lock:
            if destination not in self._of:
                self._of[destination] = itertools.count(int(self._clock.now() * RATE))
            return FIRST + next(self._of[destination]) % (LAST - FIRST + 1)

    def bind(self, sock: socket.socket, destination: Hashable) -> None:
        """Give ``sock`` its source port; if many are in use, the kernel chooses when it connects.

        Raises:
            OSError: the socket cannot be bound for another reason than that a port is in use.
        """
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for _ in range(_TRIES):
            with contextlib.suppress(_InUse):
                _bind(sock, self.next(destination))
                return


class _InUse(Exception):
    """The port is in use."""


def _bind(sock: socket.socket, port: int) -> None:
    try:
        sock.bind(("", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _InUse from error
        raise


PORTS = SourcePorts()
