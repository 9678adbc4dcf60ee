"""How long work tells a person where it is; what draws it lives in the command line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol


class Progress(Protocol):
    """A listener for long work. Every call must be cheap and must not raise."""

    def begin(self, step: str) -> None:
        """``step`` has begun; steps may overlap (nodes boot side by side)."""

    def note(self, step: str, text: str) -> None:
        """News about a step that is under way, such as ``engine answers``."""

    def end(self, step: str, seconds: float, *, ok: bool) -> None:
        """``step`` is over after ``seconds``."""


class Silent:
    """Tells nobody; the default of library calls."""

    def begin(self, step: str) -> None:
        """Ignore."""

    def note(self, step: str, text: str) -> None:
        """Ignore."""

    def end(self, step: str, seconds: float, *, ok: bool) -> None:
        """Ignore."""


@contextlib.contextmanager
def step(progress: Progress, name: str) -> Iterator[None]:
    """Report ``name`` as under way for the length of the block, and how long it took."""
    began = time.monotonic()
    progress.begin(name)
    ok = False
    try:
        yield
        ok = True
    finally:
        progress.end(name, time.monotonic() - began, ok=ok)
