"""Promises: all of a test's are written down, the selected ones count, the test fails at its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import journal
from harness.judge.verdict import State, Verdict, refuted, unknown, upheld, worst
from harness.stage.promises import BrokenPromiseError, OpenPromiseError, Promises

CHECKS = ("spread.even", "spread.covered", "cluster.leader")


@pytest.fixture
def ledger(tmp_path: Path) -> Promises:
    """A ledger for three checks."""
    found = Promises(journal.Journal(tmp_path / "journal.jsonl"), frozenset(CHECKS))
    found.begin("test_one")
    return found


def test_a_first_broken_promise_does_not_hide_a_second(ledger: Promises) -> None:
    """The error at the end tells both."""
    ledger("spread.covered", refuted("one missing"))
    ledger("spread.even", refuted("one skewed"))

    with pytest.raises(BrokenPromiseError, match=r"(?s)one missing.*one skewed"):
        ledger.settle()


def test_an_open_promise_is_not_a_kept_one(ledger: Promises) -> None:
    """Nor is it a broken one."""
    ledger("spread.even", unknown("no table was read"))

    with pytest.raises(OpenPromiseError, match="no table was read"):
        ledger.settle()


def test_broken_outweighs_open(ledger: Promises) -> None:
    """Refuted, then unknown, then upheld."""
    ledger("spread.even", unknown("no table was read"))
    ledger("spread.covered", refuted("one missing"))

    with pytest.raises(BrokenPromiseError):
        ledger.settle()


def test_the_next_test_starts_with_none(ledger: Promises) -> None:
    """What was broken before is not blamed on it."""
    ledger("spread.even", refuted("skewed"))
    ledger.begin("test_two")

    ledger.settle()
    assert ledger.state() is State.REFUTED


def test_a_promise_that_was_not_asked_for_is_dropped(ledger: Promises) -> None:
    """``--only`` narrows what is judged, not just what is shown."""
    ledger("load.fresh", refuted("slow"))

    ledger.settle()
    assert ledger.claims == []


def test_a_promise_that_was_never_reached_is_unknown(ledger: Promises) -> None:
    """Unless it was skipped for a reason that was told."""
    ledger("spread.even", upheld("even"))
    ledger("spread.covered", upheld("covered"))

    assert (ledger.state(), ledger.state({"cluster.leader"})) == (State.UNKNOWN, State.UPHELD)


def test_nothing_at_all_is_unknown(ledger: Promises) -> None:
    """A run of which nothing ran is never green, skipped or not."""
    assert ledger.state(frozenset(CHECKS)) is State.UNKNOWN


def test_what_was_promised_is_in_the_journal(tmp_path: Path, ledger: Promises) -> None:
    """With its test, before the test ends."""
    ledger("spread.even", upheld("even"))
    saved = journal.load(tmp_path / "journal.jsonl")

    assert [(claim.check, claim.suite) for claim in saved.claims] == [("spread.even", "test_one")]


@given(st.lists(st.sampled_from(State), min_size=1))
def test_composing_is_as_strict_as_its_worst_part(states: list[State]) -> None:
    """One refuted refutes; without any, one unknown leaves it open."""
    expected = next(s for s in (State.REFUTED, State.UNKNOWN, State.UPHELD) if s in states)

    assert worst(states) is expected


def test_an_unjudged_verdict_reads_as_one_sentence() -> None:
    """What a person sees first is the state."""
    assert str(Verdict(State.UPHELD, "all 3 nodes answered")) == "upheld: all 3 nodes answered"


def test_each_of_several_things_is_written_down(ledger: Promises) -> None:
    """Of none nothing is said: the check stays open."""
    ledger.each("spread.even", iter([upheld("one"), refuted("other")]))
    ledger.each("spread.covered", ())

    assert [claim.verdict.sentence for claim in ledger.claims] == ["one", "other"]
    assert "spread.covered" in ledger.open
