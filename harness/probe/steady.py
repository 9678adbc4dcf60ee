"""Steady traffic in the background, and questions to it meanwhile: suites wait for facts, not for time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from harness.clock import SYSTEM, Deadline
from harness.errors import HarnessError, RequestError, Unmeasurable, WaitTimeout
from harness.evidence import Traffic
from harness.journal import Journal
from harness.model import Sample
from harness.probe.generator import Generator, Lateness
from harness.probe.recorder import Recorder
from harness.probe.target import Target

_PAUSE = 0.02  # seconds between two looks at the samples while waiting


class Steady:
    """Traffic under way. Made by :func:`steady`; safe to question from any thread.

    Attributes:
        id: id of the evidence it becomes.
        entries: hostnames of the nodes that are asked.
    """

    def __init__(self, recorder: Recorder, generator: Generator) -> None:
        self.id = recorder.id
        self.entries = tuple(target.entry for target in recorder.targets)
        self._recorder = recorder
        self._generator = generator
        self._traffic: Traffic | None = None

    @property
    def traffic(self) -> Traffic:
        """All of it, once it has ended (after the ``with`` block, or after :meth:`stop`).

        Raises:
            RequestError: it still runs.
        """
        if self._traffic is None:
            raise RequestError("the steady traffic still runs", remedy="read it after its with block")
        return self._traffic

    @property
    def lateness(self) -> Lateness:
        """How well the generator itself keeps to its plan; ``lateness.trouble`` says so when it does not."""
        return self._generator.lateness

    def samples(self, entry: str = "") -> tuple[Sample, ...]:
        """What has ended so far, in the order of ending; of one entry node if named."""
        return tuple(one for one in tuple(self._recorder.samples) if not entry or one.entry == entry)

    def recent(self, seconds: float, entry: str = "") -> tuple[Sample, ...]:
        """What ended in the last ``seconds``."""
        return tuple(self._since(SYSTEM.now() - seconds, entry))

    def last_ok(self, entry: str = "") -> Sample | None:
        """The last sample that got its answer, through ``entry`` or through any node."""
        own = self._recorder.samples
        for index in range(len(own) - 1, -1, -1):
            if own[index].ok and (not entry or own[index].entry == entry):
                return own[index]
        return None

    def until(
        self,
        predicate: Callable[[Sequence[Sample]], bool],
        *,
        within: float,
        since: float | None = None,
        what: str = "the traffic to be as expected",
    ) -> float:
        """Wait until ``predicate`` holds for the samples that ended from ``since`` on.

        Args:
            predicate: gets these samples in the order of ending; runs often, in the caller's thread.
            within: seconds to wait.
            since: seconds (monotonic); from now on if not given.
            what: what is waited for, for the error.

        Returns:
            When it was seen to hold (seconds, monotonic).

        Raises:
            WaitTimeout: it did not hold in time; tells how the last second went at every entry node.
            Unmeasurable: the traffic has ended by itself or was stopped.
        """
        start = SYSTEM.now() if since is None else since
        deadline = Deadline.after(within)
        while True:
            ended = not self._generator.alive
            if predicate(self._since(start)):
                return SYSTEM.now()
            if ended:
                raise self._generator.broken or Unmeasurable(
                    f"the traffic has ended while waiting for {what}"
                )
            if deadline.passed:
                raise WaitTimeout(f"waited {within:g} s for {what} in vain", last=self._lately())
            with self._generator.news:
                self._generator.news.wait(min(_PAUSE, deadline.left or _PAUSE))
            SYSTEM.sleep(min(_PAUSE, deadline.left))  # news may come 450 times a second: do not look as often

    def wait_served(
        self, replica: str, *, within: float, entries: Iterable[str] = (), since: float | None = None
    ) -> Sample:
        """Wait until ``replica`` has answered through each of ``entries`` (through any node if none named).

        Returns:
            The sample that completed it: the last of the entries' first answers.

        Raises:
            WaitTimeout: it has not in time.
            Unmeasurable: the traffic has ended.
        """
        wanted = set(entries)
        start = SYSTEM.now() if since is None else since
        first: dict[str, Sample] = {}

        def served(samples: Sequence[Sample]) -> bool:
            for sample in samples:
                if sample.ok and sample.replica == replica:
                    first.setdefault(sample.entry, sample)
            return wanted <= first.keys() if wanted else bool(first)

        where = f" through {', '.join(sorted(wanted))}" if wanted else ""
        self.until(served, within=within, since=start, what=f"replica {replica} to answer{where}")
        answers = [sample for entry, sample in first.items() if not wanted or entry in wanted]
        ordered = sorted(answers, key=lambda sample: sample.ended)
        return ordered[-1] if wanted else ordered[0]

    def wait_each(self, n: int, *, within: float, since: float | None = None) -> float:
        """Wait until ``n`` requests (from ``since``, or now, on) have ended at every entry node, well or not.

        Returns:
            When that was seen (seconds, monotonic).

        Raises:
            WaitTimeout: they have not in time.
            Unmeasurable: the traffic has ended.
        """

        def enough(samples: Sequence[Sample]) -> bool:
            counts = Counter(sample.entry for sample in samples)
            return all(counts[entry] >= n for entry in self.entries)

        return self.until(enough, within=within, since=since, what=f"{n} requests at every entry node")

    def stop(self) -> Traffic:
        """Begin no more requests, wait for those under way (at most the time-out and 2 s), keep the evidence.

        Raises:
            Unmeasurable: the generator broke: this machine could not ask, or it did not stop.
        """
        if self._traffic is not None:
            return self._traffic
        self._generator.stop()
        ended = self._generator.stopped_at or SYSTEM.now()
        self._traffic = self._recorder.traffic(ended=ended)
        if self.lateness.trouble:
            self._recorder.journal.write("trouble", text=self.lateness.trouble, evidence=self.id)
        if self._generator.broken is not None:
            raise self._generator.broken
        return self._traffic

    def _since(self, start: float, entry: str = "") -> list[Sample]:
        """Samples that ended at or after ``start``; looks back from the end: that is about the order."""
        own = self._recorder.samples
        found: list[Sample] = []
        for index in range(len(own) - 1, -1, -1):
            sample = own[index]
            if sample.ended < start:
                if sample.ended < start - 1:  # within one turn of the loop the order is not exact
                    break
            elif not entry or sample.entry == entry:
                found.append(sample)
        return found[::-1]

    def _lately(self) -> str:
        lately = self.recent(1.0)
        told = []
        for entry in self.entries:
            counts = Counter(str(sample.outcome) for sample in lately if sample.entry == entry)
            seen = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "nothing"
            told.append(f"{entry}: {seen}")
        return "in the last second " + "; ".join(told)


@contextlib.contextmanager
def steady(
    targets: Sequence[Target], rate: float = 50.0, *, journal: Journal, timeout: float = 2.0
) -> Iterator[Steady]:
    """Ask every entry node ``rate`` times a second on fresh connections, for the length of the block.

    Open loop: each request has a due time, and begins then whether or not those before it have been answered.
    After the block ``steady.traffic`` holds everything, and the journal too.

    Args:
        targets: the entry nodes.
        rate: requests/s for each.
        journal: where samples and traffic go.
        timeout: seconds for each request, connecting and reading together, from its own start.

    Raises:
        RequestError: no target, or an address that does not resolve.
        Unmeasurable: this machine cannot ask (no ports, no file handles), or the traffic did not stop.
    """
    recorder = Recorder(targets, journal)
    generator = Generator(recorder, rate, timeout=timeout)
    running = Steady(recorder, generator)
    generator.start()
    try:
        yield running
    except BaseException:
        with contextlib.suppress(HarnessError):  # the block's own error says more than the traffic's
            running.stop()
        raise
    running.stop()
