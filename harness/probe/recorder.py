"""From exchanges to samples, in memory at once and in the journal a moment later."""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import SYSTEM
from harness.errors import RequestError, Unmeasurable
from harness.evidence import Traffic
from harness.journal import Journal
from harness.model import Sample
from harness.probe.http1 import Exchange
from harness.probe.target import Target

_LAG = 0.1  # seconds a sample may wait to be written: what a killed run can lose


class Recorder:
    """Collects the samples of one traffic and writes them to the journal as they come.

    Args:
        targets: whom the traffic asks: one service, by one path, each entry once.
        journal: where the samples go.
        kind: prefix of the evidence's id.

    Attributes:
        id: id of the evidence.
        samples: what ended so far, in the order of ending.

    Raises:
        RequestError: no target, an entry twice, or targets of several services or paths.
    """

    def __init__(self, targets: Sequence[Target], journal: Journal, *, kind: str = "traffic") -> None:
        if not targets:
            raise RequestError("there is no node to ask", remedy="name the nodes' addresses under [nodes]")
        if len({target.entry for target in targets}) != len(targets):
            raise RequestError(
                "a node is to be asked at two addresses in one traffic", remedy="name each once"
            )
        if len({(target.service, target.path) for target in targets}) != 1:
            raise RequestError("one traffic asks one service by one path", remedy="use one traffic for each")
        for target in targets:
            _ = target.address  # a name that does not resolve is told before anything is sent
        self.targets = tuple(targets)
        self.journal = journal
        self.id = journal.new_id(kind)
        self.samples: list[Sample] = []
        self.began = SYSTEM.now()
        self._written = 0
        self._flushed = self.began

    def add(self, exchange: Exchange, *, seq: int, planned: float, connection: int) -> Sample:
        """Keep what came of ``exchange``.

        Args:
            exchange: one that has ended.
            seq: its number in planned order.
            planned: when it was due (seconds, monotonic).
            connection: number of its connection.

        Raises:
            Unmeasurable: it has no reply: it was abandoned.
        """
        reply = exchange.reply
        if reply is None:
            raise Unmeasurable(f"a request to {exchange.target} has no outcome")
        # Rounded as the journal rounds: what is judged now and what is judged again are the same numbers.
        sample = Sample(
            seq=seq,
            entry=exchange.target.entry,
            path=exchange.target.path,
            planned=round(planned, 6),
            began=round(reply.began, 6),
            ended=round(reply.ended, 6),
            outcome=reply.outcome,
            replica=reply.answer.replica,
            connection=connection,
            counter=reply.answer.counter,
            detail=reply.detail,
        )
        self.samples.append(sample)
        return sample

    def take(self, sample: Sample) -> None:
        """Keep a sample that no exchange gave; safe from several threads."""
        self.samples.append(sample)

    def flush(self, *, now: float | None = None) -> None:
        """Write what is new; with ``now`` only if the last write is a while ago."""
        if now is not None and now - self._flushed < _LAG:
            return
        self._flushed = SYSTEM.now() if now is None else now
        end = len(self.samples)
        if end > self._written:
            self.journal.samples(self.id, self.samples[self._written : end])
            self._written = end

    def traffic(self, *, ended: float, kept_alive: bool = False) -> Traffic:
        """Flush, and keep all of it as evidence; samples in planned order."""
        self.flush()
        return self.journal.keep(
            Traffic(
                id=self.id,
                service=self.targets[0].service,
                path=self.targets[0].path,
                entries=tuple(target.entry for target in self.targets),
                began=self.began,
                ended=ended,
                samples=tuple(sorted(self.samples, key=lambda sample: (sample.planned, sample.seq))),
                kept_alive=kept_alive,
            )
        )
