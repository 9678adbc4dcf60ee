"""When a removed service's port stopped to accept, seen from outside at every entry node."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from harness.clock import SYSTEM, Deadline
from harness.errors import HarnessError, WaitTimeout
from harness.evidence import PortClosure
from harness.journal import Journal
from harness.model import Sample
from harness.probe.generator import Generator
from harness.probe.recorder import Recorder
from harness.probe.target import Target

_RATE = 20.0  # knocks/s at each entry node: the closing is known to 50 ms
_PAUSE = 0.02


class Closing:
    """Knocks (connects, sends nothing) at every entry node. Made by :func:`closing`.

    Closed means that no connection comes about: refused, as on a bare node; silence or an ICMP error where a
    host firewall covers ports that swarm no longer publishes. A connection that is accepted and then left
    without an answer still counts as open.
    """

    def __init__(self, recorder: Recorder, generator: Generator) -> None:
        self._recorder = recorder
        self._generator = generator

    def wait_open(self, *, within: float = 2.0) -> None:
        """Wait until every entry has accepted: only a port that was open can be seen to close.

        Raises:
            WaitTimeout: one has not in time.
            Unmeasurable: this machine cannot ask.
        """
        deadline = Deadline.after(within)
        wanted = {target.entry for target in self._recorder.targets}
        while missing := wanted - {knock.entry for knock in tuple(self._recorder.samples) if knock.ok}:
            if self._generator.broken is not None:
                raise self._generator.broken
            if deadline.passed:
                raise WaitTimeout(
                    f"waited {within:g} s for the published port to be open",
                    last=f"closed at {sorted(missing)}",
                )
            with self._generator.news:
                self._generator.news.wait(_PAUSE)

    def closure(self, last_task_ended: float, *, within: float = 2.0, settle: float = 0.5) -> PortClosure:
        """Knock until each entry has stayed closed for ``settle``, at most ``within + settle`` after the end.

        Args:
            last_task_ended: when the service's last task ended (seconds, monotonic).
            within: seconds after that by which the ports must be closed.
            settle: seconds that a port must stay closed to count as closed.

        Raises:
            Unmeasurable: this machine cannot ask.
        """
        latest = max(last_task_ended, self._recorder.began) + within + settle
        while SYSTEM.now() < latest and self._generator.alive:
            closed = self._closed()
            quiet = SYSTEM.now() - settle
            if SYSTEM.now() >= last_task_ended and all(at is not None and at <= quiet for _, at in closed):
                break
            with self._generator.news:
                self._generator.news.wait(_PAUSE)
        self._generator.stop()
        if self._generator.broken is not None:
            raise self._generator.broken
        target = self._recorder.targets[0]
        return self._recorder.journal.keep(
            PortClosure(
                id=self._recorder.id,
                service=target.service,
                port=target.port,
                last_task_ended=last_task_ended,
                ended=SYSTEM.now(),
                closed=self._closed(),
            )
        )

    def _closed(self) -> tuple[tuple[str, float | None], ...]:
        samples = sorted(self._recorder.samples, key=lambda sample: sample.seq)
        return tuple(
            (target.entry, closed_since([one for one in samples if one.entry == target.entry]))
            for target in self._recorder.targets
        )


def closed_since(knocks: Sequence[Sample]) -> float | None:
    """When the last unbroken run of failed knocks began; None if the last one was accepted, or there is none.

    Args:
        knocks: of one entry node, in planned order.
    """
    since = None
    for knock in knocks:
        if knock.ok:
            since = None
        elif since is None:
            since = knock.began
    return since


@contextlib.contextmanager
def closing(targets: Sequence[Target], *, journal: Journal, timeout: float = 0.5) -> Iterator[Closing]:
    """Knock at every entry node for the length of the block; begin before the service is removed.

    Args:
        targets: the entry nodes of the service that is about to be removed.
        journal: where the knocks and the closure go; the knocks are no traffic and are judged by nobody.
        timeout: seconds in which a connection must come about.

    Raises:
        RequestError: no target, or an address that does not resolve.
        Unmeasurable: this machine cannot ask (no file handles), or the knocking did not stop.
    """
    recorder = Recorder(targets, journal, kind="closure")
    generator = Generator(recorder, _RATE, timeout=timeout, knock=True)
    generator.start()
    try:
        yield Closing(recorder, generator)
    except BaseException:
        with contextlib.suppress(HarnessError):  # the block's own error says more
            generator.stop()
        raise
    generator.stop()


def closed(
    targets: Sequence[Target],
    *,
    journal: Journal,
    last_task_ended: float,
    within: float = 2.0,
    timeout: float = 0.5,
    settle: float = 0.5,
) -> PortClosure:
    """Knock from now on; for a service that is removed already, and whose tasks have just ended.

    A port that is closed at the first knock counts as closed from that knock on, so call this at once, or use
    :func:`closing` around the removal.

    Args:
        targets: the entry nodes.
        journal: where the knocks and the closure go.
        last_task_ended: when the last task ended (seconds, monotonic).
        within: seconds after that by which the ports must be closed.
        timeout: seconds in which a connection must come about.
        settle: seconds that a port must stay closed to count as closed.

    Raises:
        RequestError: no target, or an address that does not resolve.
        Unmeasurable: this machine cannot ask.
    """
    with closing(targets, journal=journal, timeout=timeout) as knocking:
        return knocking.closure(last_task_ended, within=within, settle=settle)
