"""Ctrl-C, the deadline, the death of our parent: each stops the run once and never breaks its clean-up."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from types import FrameType

_PR_SET_PDEATHSIG = 1
_EXPIRED = "the deadline was reached"


class Interrupts:
    """Turns SIGINT, SIGTERM and the deadline into one KeyboardInterrupt outside of clean-up.

    Within clean-up the wish is noted and ``on_late`` is called instead, so that an undo is never torn.
    """

    def __init__(self, on_late: Callable[[str], None]) -> None:
        self._on_late = on_late
        self.reason = ""
        self.cleaning = False

    @property
    def expired(self) -> bool:
        """Whether the run was stopped by its deadline."""
        return self.reason == _EXPIRED

    def install(self, *, deadline: float | None) -> None:
        """Listen; ``deadline`` is a point on the monotonic clock.

        If our parent dies the kernel sends SIGINT, so that the services of the run are removed.
        """
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGTERM, self._interrupted)
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() == 1:
            os.kill(os.getpid(), signal.SIGINT)
        if deadline is not None:
            signal.signal(signal.SIGALRM, self._expired)
            signal.setitimer(signal.ITIMER_REAL, max(0.001, deadline - time.monotonic()))

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stop("interrupted")

    def _expired(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stop(_EXPIRED)

    def _stop(self, reason: str) -> None:
        if self.reason:
            return
        self.reason = reason
        if self.cleaning:
            self._on_late(reason)
        else:
            raise KeyboardInterrupt(reason)
