"""The ways to ask: ``burst``, ``kept``, ``steady``, ``closed``; samples go to the journal as they come."""

from __future__ import annotations

import dataclasses
import itertools
import socket
from collections.abc import Callable, Mapping, Sequence

from harness.clock import SYSTEM
from harness.evidence import Traffic
from harness.journal import Journal
from harness.model import Sample
from harness.probe.closing import Closing, closed, closing
from harness.probe.generator import Lateness
from harness.probe.http1 import Exchange, Reply, get
from harness.probe.loop import Loop
from harness.probe.recorder import Recorder
from harness.probe.steady import Steady, steady
from harness.probe.target import Target

Enough = Callable[[Sample], bool]  # told each request of one entry node in order: whether that was enough

_TICK = 0.05  # seconds after which an idle loop looks around


@dataclasses.dataclass
class _Chain:
    """Requests that follow one another: of one entry node, or of one kept connection."""

    target: Target
    left: int
    lost: int = 0  # failures in a row
    connection: int = 0
    wire: socket.socket | None = None
    seq: int = 0
    began: float = 0.0
    enough: Enough | None = None

    def took(self, sample: Sample) -> None:
        """Count what became of a request."""
        self.lost = 0 if sample.ok else self.lost + 1
        if self.enough is not None and self.enough(sample):
            self.left = 0


def burst(
    targets: Sequence[Target],
    n: int,
    *,
    journal: Journal,
    timeout: float = 2.0,
    give_up_after: int = 12,
    enough: Mapping[str, Enough] | None = None,
    knock: bool = False,
) -> Traffic:
    """``n`` fresh connections to each entry node: one after the other per node, the nodes side by side.

    The order of a node's samples is thus the order in which its balancer chose.

    Args:
        targets: the entry nodes.
        n: requests for each.
        journal: where samples and traffic go.
        timeout: seconds for each request.
        give_up_after: an entry node that failed this often in a row is not asked further: what is known of it
            will not change, and each time-out costs ``timeout``. Such an entry has fewer than ``n`` samples.
        knock: connect only: a completed handshake is an answer.
        enough: by entry node: told each of its samples, it says when this entry node need be asked no more.

    Raises:
        RequestError: no target, or an address that does not resolve.
        Unmeasurable: this machine cannot ask (no ports, no file handles).
    """
    recorder = Recorder(targets, journal)
    stops = enough or {}
    chains = [_Chain(target, n, enough=stops.get(target.entry)) for target in recorder.targets]
    return _run(chains, recorder, timeout=timeout, give_up_after=give_up_after, knock=knock)


def kept(
    targets: Sequence[Target],
    connections: int,
    requests_each: int,
    *,
    journal: Journal,
    timeout: float = 2.0,
    give_up_after: int = 12,
) -> Traffic:
    """``connections`` kept connections to each entry node, side by side, ``requests_each`` requests on each.

    A connection that the server closes, or that fails, is followed by a new one with a new number.

    Args:
        targets: the entry nodes.
        connections: connections for each.
        requests_each: requests on each connection.
        journal: where samples and traffic go.
        timeout: seconds for each request.
        give_up_after: failures in a row after which one of the connections is not followed up.

    Raises:
        RequestError: no target, or an address that does not resolve.
        Unmeasurable: this machine cannot ask (no ports, no file handles).
    """
    recorder = Recorder(targets, journal)
    chains = [_Chain(target, requests_each) for target in recorder.targets for _ in range(connections)]
    return _run(chains, recorder, timeout=timeout, give_up_after=give_up_after, keep=True)


def _run(
    chains: list[_Chain],
    recorder: Recorder,
    *,
    timeout: float,
    give_up_after: int,
    keep: bool = False,
    knock: bool = False,
) -> Traffic:
    """Drive every chain to its end."""
    under_way: dict[Exchange, _Chain] = {}
    sequence, numbers = itertools.count(), itertools.count()

    def ask(chain: _Chain) -> None:
        if chain.left <= 0 or chain.lost >= give_up_after:
            if chain.wire is not None:
                chain.wire.close()
                chain.wire = None
            return
        if chain.wire is None:
            chain.connection = next(numbers)
        exchange = Exchange(chain.target, timeout=timeout, wire=chain.wire, keep=keep, knock=knock)
        chain.wire = None  # the exchange owns it while it is under way
        chain.left -= 1
        chain.seq, chain.began = next(sequence), SYSTEM.now()
        under_way[exchange] = chain
        loop.launch(exchange)

    def done(exchange: Exchange) -> None:
        chain = under_way.pop(exchange)
        sample = recorder.add(exchange, seq=chain.seq, planned=chain.began, connection=chain.connection)
        chain.wire = exchange.sock
        chain.took(sample)
        ask(chain)

    loop = Loop(done)
    try:
        for chain in chains:
            ask(chain)
        while loop.active:
            loop.turn(SYSTEM.now() + _TICK)
            recorder.flush(now=SYSTEM.now())
    finally:
        loop.close()
        for chain in chains:
            if chain.wire is not None:
                chain.wire.close()
        recorder.flush()
    return recorder.traffic(ended=SYSTEM.now(), kept_alive=keep)


__all__ = [
    "Closing",
    "Enough",
    "Lateness",
    "Reply",
    "Steady",
    "Target",
    "burst",
    "closed",
    "closing",
    "get",
    "kept",
    "steady",
]
