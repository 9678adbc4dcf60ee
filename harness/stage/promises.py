"""Promises: every verdict is written down before the next is asked for; the test fails at its end."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from harness import checks
from harness.journal import Claim, Journal
from harness.judge import machine
from harness.judge.verdict import State, Verdict, worst


class BrokenPromiseError(AssertionError):
    """The swarm broke at least one promise of a test; the message holds one sentence per promise."""


class OpenPromiseError(RuntimeError):
    """At least one promise of a test could not be judged, and none was broken."""


class Promises:
    """The ledger of one run.

    Args:
        journal: where each claim is written.
        selected: ids of the checks that this run verifies; verdicts on others are dropped.
    """

    def __init__(self, journal: Journal, selected: frozenset[str]) -> None:
        self._journal = journal
        self._selected = selected
        self.test = ""  # the one that runs
        self._of_test: list[Claim] = []
        self.claims: list[Claim] = []
        self.machine: list[machine.Use] = []  # how the machine that runs the lab was used so far

    def begin(self, test: str) -> None:
        """A test begins; its promises are counted from here."""
        self.test, self._of_test = test, []

    def __call__(self, check: str, verdict: Verdict) -> None:
        """Write down what was judged of ``check``.

        Raises:
            KeyError: no check has this id.
        """
        verdict = machine.excused(verdict, self.machine, self._journal.spans)
        claim = Claim(check, checks.claim_of(check), verdict, self.test)
        if check in self._selected:
            self._journal.claim(check, claim.title, verdict, suite=self.test)
            self._of_test.append(claim)
            self.claims.append(claim)

    def each(self, check: str, verdicts: Iterable[Verdict]) -> None:
        """Write down what was judged of each of several things; of none nothing is said."""
        for verdict in verdicts:
            self(check, verdict)

    def settle(self) -> None:
        """The test is over: fail it if a promise was broken or stayed open.

        Raises:
            BrokenPromiseError: a promise was refuted.
            OpenPromiseError: a promise is unknown.
        """
        told = "\n".join(
            f"{claim.check}: {claim.verdict}"
            for claim in self._of_test
            if claim.verdict.state is not State.UPHELD
        )
        state = worst((claim.verdict.state for claim in self._of_test), empty=State.UPHELD)
        if state is State.REFUTED:
            raise BrokenPromiseError(told)
        if state is State.UNKNOWN:
            raise OpenPromiseError(told)

    @property
    def open(self) -> frozenset[str]:
        """Selected checks of which nothing was judged."""
        return self._selected - {claim.check for claim in self.claims}

    def state(self, skipped: AbstractSet[str] = frozenset()) -> State:
        """All promises composed; one that was never reached is unknown, unless it was skipped."""
        reached = [claim.verdict.state for claim in self.claims]
        return worst([*reached, *(State.UNKNOWN for _ in self.open - skipped)])
