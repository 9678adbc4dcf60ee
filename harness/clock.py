"""Time is a value on one monotonic clock.

Everything a run records (samples, events, faults, states) carries seconds of ``CLOCK_MONOTONIC``, which all
processes of one machine share, so the lines of several processes can be put in one order.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Protocol


class Clock(Protocol):
    """What waits and records read the time from; a fake in unit tests makes minutes free."""

    def now(self) -> float:
        """Seconds on the monotonic clock."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class MonotonicClock:
    """The machine's own monotonic clock."""

    def now(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        time.sleep(max(0.0, seconds))


SYSTEM: Clock = MonotonicClock()


@dataclasses.dataclass(frozen=True)
class Deadline:
    """A point on the clock by which something must have happened."""

    at: float
    clock: Clock = SYSTEM

    @classmethod
    def after(cls, seconds: float, clock: Clock = SYSTEM) -> Deadline:
        """The deadline ``seconds`` from now."""
        return cls(clock.now() + seconds, clock)

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.clock.now())

    @property
    def passed(self) -> bool:
        """Whether the point lies behind us."""
        return self.clock.now() >= self.at
