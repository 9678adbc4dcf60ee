"""The one wait: reads every 200 ms until a condition holds, gives up early where hope is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from harness.clock import Clock, Deadline
from harness.errors import Unmeasurable, WaitTimeout
from harness.swarm.conditions import Condition
from harness.swarm.view import View

EVERY = 0.2  # seconds between readings: tasks have no events
SHARED = 0.15  # seconds that another reader's reading may be old and still do


@dataclasses.dataclass(frozen=True)
class Waiter:
    """Waits, with what every wait of a run shares.

    Attributes:
        read: gives the view of services (ids), not older than so many seconds; may raise Unmeasurable while
            the manager is away.
        seen: told of every view, to report what changed.
        away: told, once per absence, that the manager did not answer.
    """

    read: Callable[[tuple[str, ...], float], View]
    seen: Callable[[View], None]
    away: Callable[[Unmeasurable], None]
    clock: Clock

    def wait(
        self,
        condition: Condition,
        *,
        within: float,
        what: str = "",
        successes: int = 1,
        error: Condition | None = None,
    ) -> View:
        """Wait until ``condition`` held ``successes`` times in a row, and return the last view.

        Args:
            condition: what must come true.
            within: bound in seconds; one reading is made in any case.
            what: how errors name it; the condition's own text by default.
            successes: readings in a row, 200 ms apart, that must show it.
            error: a condition that ends the wait at once when it holds.

        Raises:
            WaitTimeout: it did not come true within the bound, or ``error`` did.
            RequestError: it can never come true, such as an image that is not found.
            Unmeasurable: the manager did not answer at the bound.
        """
        deadline = Deadline.after(within, self.clock)
        services = condition.services + (error.services if error else ())
        name = what or condition.text
        held, present, max_age = 0, True, 0.0  # the first reading is new: we may just have changed something
        while True:
            began = self.clock.now()
            try:
                view = self.read(services, max_age)
            except Unmeasurable as absent:
                held = 0
                if present:
                    self.away(absent)
                present = False
                if deadline.passed:
                    raise
            else:
                present, max_age = True, SHARED
                self.seen(view)
                held = held + 1 if condition.holds(view) else 0
                if held >= successes:
                    return view
                self._give_up(condition, error, view, name)
                if deadline.passed:
                    raise WaitTimeout(
                        f"{name}: not within {within:g} s: "
                        f"{condition.missing(view) or f'held {held} of {successes} times'}",
                        last=str(view),
                    )
            pause = EVERY - (self.clock.now() - began)
            self.clock.sleep(min(max(pause, 0.01), max(deadline.left, 0.01)))

    def _give_up(self, condition: Condition, error: Condition | None, view: View, name: str) -> None:
        lost = condition.hopeless(view)
        if lost:
            lost.add_note(f"last seen: {view}")
            raise lost
        if error and error.holds(view):
            raise WaitTimeout(f"{name}: gave up, since {error.text}", last=str(view))
