"""A history of what happened to a service and to the nodes, read in the background."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from harness.clock import Clock
from harness.errors import Unmeasurable
from harness.evidence import Change, History
from harness.journal import Journal
from harness.swarm.conditions import Named
from harness.swarm.view import Differ, Reader
from harness.swarm.wait import EVERY, SHARED


class Watch:
    """Reads tasks and nodes every 200 ms for the length of a ``with`` block; made by ``Swarm.watch``."""

    def __init__(self, service: Named, reader: Reader, journal: Journal, clock: Clock) -> None:
        self._service, self._reader, self._journal, self._clock = service, reader, journal, clock
        self._differ = Differ()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._changes: list[Change] = []
        self._began = self._last = clock.now()
        self._slowest = EVERY
        self._thread = threading.Thread(target=self._run, name=f"watch-{service.name}", daemon=True)

    def __enter__(self) -> Self:
        self._began = self._last = self._clock.now()
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5.0)

    def history(self) -> History:
        """What changed so far, kept in the journal.

        The first reading gives one change per task and node: how things stood. ``resolution`` is the longest
        time between two readings, at least 0.2 s.
        """
        with self._lock:
            return self._journal.keep(
                History(
                    id=self._journal.new_id("history"),
                    service=self._service.name,
                    began=self._began,
                    ended=self._last,
                    changes=tuple(self._changes),
                    resolution=round(self._slowest, 3),
                )
            )

    def look(self) -> None:
        """Read once, now; an absent manager is journaled and makes the resolution coarser."""
        with self._lock:  # readings keep their order, whoever makes them
            try:
                view = self._reader.read([self._service.id], SHARED)
            except Unmeasurable as absent:
                self._journal.write("trouble", text=f"watching {self._service.name}: {absent}")
                return
            self._changes += self._differ.changes(view)
            self._slowest = max(self._slowest, view.at - self._last)
            self._last = view.at

    def _run(self) -> None:
        while not self._stop.is_set():
            began = self._clock.now()
            self.look()
            self._stop.wait(max(0.01, EVERY - (self._clock.now() - began)))
