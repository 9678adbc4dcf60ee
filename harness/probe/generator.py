"""An open loop: requests start when they are due, whatever became of those before them."""

from __future__ import annotations

import dataclasses
import resource
import threading

from harness.clock import SYSTEM
from harness.errors import HarnessError, Unmeasurable
from harness.probe.http1 import Exchange
from harness.probe.loop import Loop
from harness.probe.recorder import Recorder

LATE = 0.05  # seconds after its due time from which a request began late
TOLERATED = 0.01  # share of late requests that is not worth a word
_STALE = 1.0  # a request this much overdue is not sent: after a stall a flood would be another experiment
_TICK = 0.05  # seconds after which an idle generator looks whether it is to stop
_AT_ONCE = 64  # requests begun before the answers get a look
_SPARE_FILES = 256  # file handles for everything else in this process
_PATIENCE = 2.0  # seconds beyond the last time-out that stopping may take


@dataclasses.dataclass(frozen=True)
class Lateness:
    """How well the generator itself kept to its plan; its faults are not the swarm's.

    Attributes:
        planned: requests that were due.
        late: those begun more than 50 ms after they were due.
        dropped: those never sent, because the generator was stalled for over a second.
        worst: greatest delay in seconds.
    """

    planned: int = 0
    late: int = 0
    dropped: int = 0
    worst: float = 0.0

    @property
    def share(self) -> float:
        """Share of the due requests that were late or dropped."""
        return (self.late + self.dropped) / self.planned if self.planned else 0.0

    @property
    def trouble(self) -> str:
        """One sentence if more than 1 % were late or dropped, else empty."""
        if self.share <= TOLERATED:
            return ""
        return (
            f"the generator itself was late: {self.late} of {self.planned} requests began over "
            f"{LATE * 1000:.0f} ms after they were due, {self.dropped} were never sent, "
            f"worst {self.worst:.3f} s"
        )


class Generator:
    """Asks every target of ``recorder`` at ``rate`` (requests/s for each) from a thread of its own.

    Args:
        recorder: what the samples go to, from the generator's thread.
        rate: fresh requests/s per target; the targets' due times are spread evenly over a period.
        timeout: seconds for each request, counted from its own start.
        knock: connect only.

    Attributes:
        news: notified whenever samples came in or the generator ended; guards the recorder's samples.
        broken: why the generator ended by itself, None while all is well.
    """

    def __init__(self, recorder: Recorder, rate: float, *, timeout: float, knock: bool = False) -> None:
        self.news = threading.Condition()
        self.broken: HarnessError | None = None
        self.lateness = Lateness()
        self.stopped_at: float | None = None
        self._recorder = recorder
        self._rate = rate
        self._timeout = timeout
        self._knock = knock
        self._stop = threading.Event()
        self._under_way: dict[Exchange, tuple[int, float]] = {}
        self._loop = Loop(self._done)
        self._thread = threading.Thread(target=self._run, name=f"sampler-{recorder.id}", daemon=True)
        self._seen = 0

    def start(self) -> None:
        """Begin to ask.

        Raises:
            Unmeasurable: the limit of open files is too low for the requests that may hang at once.
        """
        _make_room(int(self._rate * len(self._recorder.targets) * (self._timeout + 1)) + _SPARE_FILES)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still asks, or waits for answers."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Begin nothing more, wait for what is under way: at most the time-out and two seconds.

        Raises:
            Unmeasurable: the thread did not end in that time.
        """
        self._stop.set()
        if self._thread.ident is None:
            self._loop.close()
            return
        self._thread.join(self._timeout + _PATIENCE)
        if self._thread.is_alive():
            raise Unmeasurable(
                f"the traffic {self._recorder.id} did not stop within {self._timeout + _PATIENCE:g} s",
                remedy="the machine that runs the harness is overloaded",
            )

    def _run(self) -> None:
        try:
            self._ask()
        except HarnessError as error:
            self.broken = error
        except Exception as error:  # noqa: BLE001  a thread must hand its fault to whoever waits for its samples
            self.broken = Unmeasurable(f"the sampler failed: {type(error).__name__}: {error}")
        finally:
            self.stopped_at = self.stopped_at or SYSTEM.now()
            self._loop.close()
            with self.news:
                self._recorder.flush()
                self.news.notify_all()

    def _ask(self) -> None:
        step = 1 / (self._rate * len(self._recorder.targets))
        began = self._recorder.began = SYSTEM.now()
        number = 0
        while not self._stop.is_set():
            begun = 0
            while (due := began + number * step) <= SYSTEM.now() and begun < _AT_ONCE:
                self._begin(number, due)
                number += 1
                begun += 1
            self._turn(min(began + number * step, SYSTEM.now() + _TICK))
        self.stopped_at = SYSTEM.now()
        while self._loop.active:
            self._turn(SYSTEM.now() + _TICK)

    def _turn(self, until: float) -> None:
        self._loop.turn(until)
        self._recorder.flush(now=SYSTEM.now())
        if len(self._recorder.samples) > self._seen:
            self._seen = len(self._recorder.samples)
            with self.news:
                self.news.notify_all()

    def _begin(self, number: int, due: float) -> None:
        delay = SYSTEM.now() - due
        before = self.lateness
        self.lateness = Lateness(
            planned=before.planned + 1,
            late=before.late + (LATE < delay <= _STALE),
            dropped=before.dropped + (delay > _STALE),
            worst=max(before.worst, delay),
        )
        if delay > _STALE:
            return
        target = self._recorder.targets[number % len(self._recorder.targets)]
        exchange = Exchange(target, timeout=self._timeout, knock=self._knock)
        self._under_way[exchange] = (number, due)
        self._loop.launch(exchange)

    def _done(self, exchange: Exchange) -> None:
        number, due = self._under_way.pop(exchange)
        self._recorder.add(exchange, seq=number, planned=due, connection=number)


def _make_room(files: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return
    if hard != resource.RLIM_INFINITY and hard < files:
        raise Unmeasurable(
            f"steady traffic may need {files} open files, {hard} are allowed",
            remedy=f"raise the limit (ulimit -Hn {files}) or lower steady_rate in [limits]",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
