"""Many exchanges on one selector, in one thread."""

from __future__ import annotations

import selectors
from collections import deque
from collections.abc import Callable

from harness.clock import SYSTEM
from harness.probe.http1 import Exchange

# An answer that lies in the socket's buffer while we were kept from looking is no time-out: an exchange that
# still makes progress gets this much longer, so that our own delay is not blamed on the swarm.
_GRACE = 0.25


class Loop:
    """Drives exchanges to their end and hands each to ``done``.

    All exchanges of one loop have the same time-out, so they expire in the order they were launched.
    ``done`` runs in the thread that calls :meth:`turn` and may launch more.
    """

    def __init__(self, done: Callable[[Exchange], None]) -> None:
        self._done = done
        self._selector = selectors.DefaultSelector()
        self._order: deque[Exchange] = deque()
        self._ended: deque[Exchange] = deque()
        self._interest: dict[Exchange, int] = {}

    @property
    def active(self) -> int:
        """Exchanges launched whose end has not been handed over yet."""
        return len(self._interest) + len(self._ended)

    def launch(self, exchange: Exchange) -> None:
        """Start ``exchange``; its end is handed over by a later :meth:`turn`, never from in here.

        Raises:
            Unmeasurable: this machine cannot ask at all.
        """
        exchange.start()
        if exchange.reply is not None or exchange.sock is None:
            self._ended.append(exchange)
            return
        self._selector.register(exchange.sock, exchange.interest, exchange)
        self._interest[exchange] = exchange.interest
        self._order.append(exchange)

    def turn(self, until: float) -> None:
        """Wait for something to happen, at most until ``until`` (seconds, monotonic), and deal with it.

        Raises:
            Unmeasurable: this machine cannot ask at all.
        """
        looked = SYSTEM.now()
        wait = min(until, self._order[0].deadline if self._order else until) - looked
        events = self._selector.select(0.0 if self._ended else max(0.0, wait))
        moved = set()
        for key, _ in events:
            exchange: Exchange = key.data
            moved.add(exchange)
            # The end of an exchange may close its socket: key.fd still names it for the selector.
            held = exchange.sock
            exchange.step()
            if exchange.reply is not None:
                self._forget(exchange, key.fd)
            elif held is not None and exchange.interest != self._interest[exchange]:
                self._interest[exchange] = exchange.interest
                self._selector.modify(held, exchange.interest, exchange)
        self._expire(looked, moved)
        while self._ended:
            self._done(self._ended.popleft())

    def close(self) -> None:
        """Close every connection that is still under way, without an outcome."""
        for exchange in (*self._interest, *self._ended):
            exchange.abandon()
        self._interest.clear()
        self._ended.clear()
        self._order.clear()
        self._selector.close()

    def _expire(self, looked: float, moved: set[Exchange]) -> None:
        while self._order and (self._order[0].reply is not None or self._order[0].deadline <= looked):
            exchange = self._order[0]
            if exchange.reply is None:
                if exchange in moved and looked < exchange.deadline + _GRACE:
                    break
                fileno = exchange.sock.fileno() if exchange.sock is not None else -1
                exchange.expire()
                self._forget(exchange, fileno)
            self._order.popleft()

    def _forget(self, exchange: Exchange, fileno: int) -> None:
        """Take an ended exchange out of the selector; its descriptor may be closed already."""
        if self._interest.pop(exchange, None) is not None:
            self._selector.unregister(fileno)
            self._ended.append(exchange)
