"""The engine's events, read in the background for the whole run."""

from __future__ import annotations

import threading

from harness.engine.protocol import Engine, Event, Events
from harness.errors import HarnessError
from harness.journal import Journal

_AGAIN = 0.5  # seconds between attempts to get a lost stream back


class Pump:
    """Journals events and counts them; a stream that ended is opened again from the last event on.

    Streams end silently when an engine restarts, and the engine forgets its events then: what was missed is
    journaled as a gap, an ``event`` record of type ``stream``.
    """

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine, self._journal = engine, journal
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._stream: Events | None = None
        self._thread: threading.Thread | None = None
        self._last: int | None = None
        self._count = 0

    @property
    def count(self) -> int:
        """How many events came so far: a change means that nodes and services are worth a look."""
        return self._count

    def start(self) -> None:
        """Read from now on; no effect if it reads already."""
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)
                self._thread.start()

    def renew(self) -> None:
        """Drop the stream and open it again: the engine did not answer, so the stream may be dead too."""
        with self._lock:
            stream, self._stream = self._stream, None
        if stream:
            stream.close()

    def stop(self) -> None:
        """End reading, for good."""
        self._stop.set()
        self.renew()
        if self._thread:
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        lost: float | None = None
        clock = self._journal.clock
        while not self._stop.is_set():
            try:
                stream = self._engine.events(None if self._last is None else self._last + 1)
            except HarnessError:
                lost = clock.now() if lost is None else lost
                self._stop.wait(_AGAIN)
                continue
            with self._lock:
                self._stream = stream
            if lost is not None:
                self._journal.write("event", type="stream", action="gap", began=lost, ended=clock.now())
                self._count += 1  # whatever happened in the gap is news
            self._read(stream)
            lost = clock.now()
            self.renew()
            self._stop.wait(_AGAIN)

    def _read(self, stream: Events) -> None:
        if self._stop.is_set():
            return
        for event in stream:
            if self._last is None or event.nano > self._last:
                self._last = event.nano
                self._count += 1
                self._tell(event)

    def _tell(self, event: Event) -> None:
        if self._stop.is_set():
            return
        self._journal.write(
            "event",
            type=event.type,
            action=event.action,
            id=event.id,
            name=event.name,
            attributes=dict(event.attributes),
        )
