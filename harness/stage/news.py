"""Progress told through a pipe to the process that draws it, one JSON line per piece of news."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from harness.journal import Journal


class Pipe:
    """A :class:`~harness.progress.Progress` at the writing end of a pipe; a reader that left is no error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def begin(self, step: str) -> None:
        """Tell that ``step`` has begun."""
        self._tell(news="begin", step=step)

    def note(self, step: str, text: str) -> None:
        """Tell news about a step."""
        self._tell(news="note", step=step, text=text)

    def end(self, step: str, seconds: float, *, ok: bool) -> None:
        """Tell that a step is over."""
        self._tell(news="end", step=step, seconds=seconds, ok=ok)

    def _tell(self, **news: Any) -> None:
        with contextlib.suppress(OSError):
            os.write(self._descriptor, (json.dumps(news) + "\n").encode())


class Steps:
    """Steps of a run: told as progress, and journaled so that the report says where time went."""

    def __init__(self, progress: Any, journal: Journal) -> None:
        self.progress = progress
        self._journal = journal
        self._depth = 0

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Report ``name`` as under way for the length of the block.

        The journal calls an outermost step a ``phase``, so that phases add up, and one within it a ``step``.
        """
        began = time.monotonic()
        self.progress.begin(name)
        self._depth += 1
        ok = False
        try:
            yield
            ok = True
        finally:
            self._depth -= 1
            seconds = time.monotonic() - began
            self.progress.end(name, seconds, ok=ok)
            self._journal.write("step" if self._depth else "phase", name=name, seconds=round(seconds, 3))
