"""One GET on one socket, and exactly how it ended.

The exchange is a non-blocking state machine: :mod:`harness.probe.loop` drives hundreds at a time, :func:`get`
drives one. Connecting, sending and reading share a single budget, counted from the first SYN.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import selectors
import socket

from harness.clock import SYSTEM
from harness.errors import Unmeasurable
from harness.model import Outcome
from harness.probe import answers
from harness.probe.contract import OurWorkload
from harness.probe.ports import PORTS
from harness.probe.response import MalformedError, Reader
from harness.probe.target import Target

_OUTCOMES = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
    errno.EHOSTUNREACH: Outcome.UNREACHABLE,
    errno.ENETUNREACH: Outcome.UNREACHABLE,
    errno.EHOSTDOWN: Outcome.UNREACHABLE,
    errno.ENETDOWN: Outcome.UNREACHABLE,
    errno.ENOPROTOOPT: Outcome.UNREACHABLE,  # ICMP: protocol unreachable
    errno.EPERM: Outcome.UNREACHABLE,  # our own firewall, or ICMP: administratively prohibited
    errno.EACCES: Outcome.UNREACHABLE,
}
_READ = 65536


@dataclasses.dataclass(frozen=True)
class Reply:
    """How one request ended; times are seconds on the monotonic clock.

    Attributes:
        began: when the connection attempt (on a kept connection: the sending) began.
        connected: when the handshake was done, None if it never was.
        first_byte: when the answer began, None if it never did.
        ended: when the outcome was known.
        detail: what the operating system or the answer said, where the outcome alone does not tell.
    """

    outcome: Outcome
    began: float
    ended: float
    connected: float | None = None
    first_byte: float | None = None
    answer: answers.Answer = answers.NOBODY
    detail: str = ""


class Exchange:
    """A request under way.

    Args:
        target: whom to ask.
        timeout: seconds for all of it.
        wire: a kept connection to ask on; None opens a fresh one.
        keep: ask the server to keep the connection, and keep it here.
        knock: connect only: a completed handshake is ``ok``, nothing is sent.

    Attributes:
        reply: None while under way.
        sock: the connection while it is open; after the end only if it can carry another request.
        deadline: when the budget is spent.
    """

    __slots__ = (
        "_began", "_connected", "_first", "_keep", "_knock", "_out", "_reader", "_timeout",
        "deadline", "reply", "sock", "target",
    )  # fmt: skip

    def __init__(
        self,
        target: Target,
        *,
        timeout: float,
        wire: socket.socket | None = None,
        keep: bool = False,
        knock: bool = False,
    ) -> None:
        self.target = target
        self.sock = wire
        self.reply: Reply | None = None
        self.deadline = float("inf")
        self._timeout = timeout
        self._keep = keep
        self._knock = knock
        self._out = target.kept_request if keep else target.request
        self._reader = Reader()
        self._began = 0.0
        self._connected: float | None = None
        self._first: float | None = None

    @property
    def interest(self) -> int:
        """What to wait for on the socket: a selectors mask."""
        return (
            selectors.EVENT_READ if self._connected is not None and not self._out else selectors.EVENT_WRITE
        )

    def start(self) -> None:
        """Open the connection, or send on the kept one; the reply may be there at once.

        Raises:
            Unmeasurable: this machine has no socket or port left to ask with.
            RequestError: the target's host does not resolve.
        """
        family, address = self.target.address
        self._began = SYSTEM.now()
        self.deadline = self._began + self._timeout
        if self.sock is not None:
            self._connected = self._began
            self._send()
            return
        try:
            self.sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            PORTS.bind(self.sock, address)
        except OSError as error:
            raise _ours(error.errno or 0, self.target) from error
        code = self.sock.connect_ex(address)
        if code == 0:
            self._on_connected()
        elif code != errno.EINPROGRESS:
            self._fail(code)

    def step(self) -> None:
        """Go on after the socket became ready for :attr:`interest`.

        Raises:
            Unmeasurable: this machine has no socket or port left to ask with.
        """
        if self.sock is None or self.reply is not None:
            return
        if self._connected is None:
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._fail(code)
            else:
                self._on_connected()
        elif self._out:
            self._send()
        else:
            self._receive()

    def expire(self) -> None:
        """The budget is spent: end as a time-out of the phase it was in."""
        if self._connected is None:
            self._end(Outcome.CONNECT_TIMEOUT)
        else:
            got = self._reader.received
            self._end(Outcome.READ_TIMEOUT, f"after {got} bytes of an answer" if got else "")

    def abandon(self) -> None:
        """Close without an outcome."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def _on_connected(self) -> None:
        self._connected = SYSTEM.now()
        if self._knock:
            self._end(Outcome.OK)
        else:
            self._send()

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._out, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error.errno or 0)
            return
        self._out = self._out[sent:]

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error.errno or 0)
            return
        if self._first is None and data:
            self._first = SYSTEM.now()
        try:
            if data:
                self._reader.feed(data)
            else:
                self._reader.end()
        except MalformedError as error:
            self._end(Outcome.WRONG_BODY, str(error))
            return
        if self._reader.done:
            self._judge()
        elif not data and self._reader.received:
            self._end(Outcome.SHORT_BODY, f"closed after {self._reader.received} bytes")
        elif not data:
            self._end(Outcome.RESET, "closed before any answer")

    def _judge(self) -> None:
        """Tell whether the complete answer is the one that was asked for."""
        read = self._reader
        contract = self.target.contract or OurWorkload(self.target.expect_name)
        self._end(*contract(read.status, read.headers, read.body))

    def _fail(self, code: int) -> None:
        received = self._reader.received
        detail = f"after {received} bytes of an answer" if received else ""
        if code == errno.ETIMEDOUT:  # the kernel gave up before we did
            connecting = self._connected is None
            self._end(Outcome.CONNECT_TIMEOUT if connecting else Outcome.READ_TIMEOUT, detail)
            return
        outcome = _OUTCOMES.get(code)
        if outcome is None:
            self.abandon()
            raise _ours(code, self.target)
        self._end(outcome, os.strerror(code) if outcome is Outcome.UNREACHABLE else detail)

    def _end(self, outcome: Outcome, detail: str = "", answer: answers.Answer = answers.NOBODY) -> None:
        self.reply = Reply(
            outcome,
            self._began,
            SYSTEM.now(),
            self._connected,
            self._first,
            answer,
            detail,
        )
        if not (self._keep and self._reader.done and self._reader.keep_alive):
            self.abandon()

    @property
    def _socket(self) -> socket.socket:
        if self.sock is None:
            raise Unmeasurable(f"the request to {self.target} has no connection")
        return self.sock


def get(target: Target, *, timeout: float = 2.0, knock: bool = False) -> Reply:
    """Ask once on a fresh connection and wait for the end; writes nothing to a journal.

    Args:
        target: whom to ask.
        timeout: seconds for all of it.
        knock: connect only.

    Raises:
        Unmeasurable: this machine has no socket or port left to ask with.
        RequestError: the target's host does not resolve.
    """
    exchange = Exchange(target, timeout=timeout, knock=knock)
    exchange.start()
    while exchange.reply is None and exchange.sock is not None:
        with selectors.DefaultSelector() as selector:
            selector.register(exchange.sock, exchange.interest)
            if selector.select(max(0.0, exchange.deadline - SYSTEM.now())):
                exchange.step()
            elif SYSTEM.now() >= exchange.deadline:
                exchange.expire()
    if exchange.reply is None:
        raise Unmeasurable(f"the request to {target} was abandoned")
    return exchange.reply


def _ours(code: int, target: Target) -> Unmeasurable:
    """An error of this machine says nothing about the swarm: it must not become a sample."""
    remedies = {
        errno.EMFILE: "raise the limit of open files (ulimit -n 8192)",
        errno.ENFILE: "the machine has no file handles left: stop other programs",
        errno.EADDRNOTAVAIL: "no local port is left: ask more slowly, or widen net.ipv4.ip_local_port_range",
        errno.EAFNOSUPPORT: "this machine does not speak the address's family: give another under [nodes]",
    }
    return Unmeasurable(
        f"cannot ask {target} from this machine ({os.strerror(code)})",
        remedy=remedies.get(code, "free memory or network buffers on the machine that runs the harness"),
    )
