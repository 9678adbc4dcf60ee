"""A clock for unit tests: minutes take no time."""

from __future__ import annotations

from collections.abc import Callable


class FakeClock:
    """Time passes by sleeping only; ``at`` runs something when a moment is reached."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._plans: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        """Seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Jump, and do what was planned on the way."""
        target = self._now + max(0.0, seconds)
        for plan in sorted(self._plans, key=lambda plan: plan[0]):
            if plan[0] <= target:
                self._now = max(self._now, plan[0])
                self._plans.remove(plan)
                plan[1]()
        self._now = target

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Plan ``action`` for ``seconds`` from now."""
        self._plans.append((self._now + seconds, action))
