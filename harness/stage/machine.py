"""Watches, for the length of a run on a lab, how much of this machine others use."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from harness.journal import Journal
from harness.judge.machine import Use
from harness.lab import machine

EVERY = 2.0  # seconds between two readings; one costs some 10 ms


class MachineWatch:
    """Journals ``machine`` records in the background of a ``with`` block, and tells each to ``told``.

    Args:
        roots: process ids of the lab; this process is ours as well.
        journal: where the records go.
        told: called with each, in the watch's thread.
    """

    def __init__(
        self, roots: Callable[[], Iterable[int]], journal: Journal, told: Callable[[Use], object]
    ) -> None:
        self._roots, self._journal, self._told = roots, journal, told
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="machine-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=EVERY)

    def _run(self) -> None:
        clock = self._journal.clock
        try:
            before, since = self._read(), clock.now()
            while not self._stop.wait(EVERY):
                reading, now = self._read(), clock.now()
                use = Use(since, now, round(reading.others(before), 3))
                before, since = reading, now
                self._journal.write("machine", began=round(use.began, 3), others=use.others)
                self._told(use)
        except OSError as error:  # the kernel does not tell: then nothing is excused
            self._journal.write("trouble", text=f"how this machine is used could not be read: {error}")

    def _read(self) -> machine.Reading:
        return machine.read([os.getpid(), *self._roots()])
