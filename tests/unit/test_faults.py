"""Injecting: gates around it, proof that it bit, and an undo that always comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import journal
from harness.errors import WaitTimeout
from harness.evidence import Fault
from harness.faults.protocol import injected


class Scripted:
    """A breakage that remembers what was done to it."""

    kind = "scripted"
    subject = "thing"
    lasting = True

    def __init__(self, done: list[str], proof: str = "it is gone", *, fails: bool = False) -> None:
        self.done, self.proof, self.fails = done, proof, fails

    def begin(self) -> str:
        """Break."""
        self.done.append("begin")
        if self.fails:
            raise RuntimeError("half broken")
        return self.proof

    def end(self) -> None:
        """Mend."""
        self.done.append("end")


@pytest.fixture
def log(tmp_path: Path) -> journal.Journal:
    """A journal."""
    return journal.Journal(tmp_path / "journal.jsonl")


def _kept(log: journal.Journal) -> Fault:
    found = [one for one in journal.load(log.path).evidence.values() if isinstance(one, Fault)]
    return found[-1]


def test_gates_stand_before_and_after(log: journal.Journal) -> None:
    """Steady state, fault, undo, steady state."""
    done: list[str] = []
    with injected(Scripted(done), log, gate=done.append):
        done.append("body")

    assert done == ["before", "begin", "body", "end", "after"]


def test_a_fault_is_kept_with_its_proof_and_its_end(log: journal.Journal) -> None:
    """On the one clock, in this order."""
    with injected(Scripted([]), log, gate=lambda _: None) as injection:
        assert injection.fault.ended is None
    fault = _kept(log)

    assert fault == injection.fault
    assert fault.proved is not None
    assert fault.ended is not None
    assert fault.began <= fault.proved <= fault.ended


def test_a_fault_without_proof_says_so(log: journal.Journal) -> None:
    """Whoever judges it must know that nothing may have happened."""
    with injected(Scripted([], proof=""), log, gate=lambda _: None):
        pass

    assert _kept(log).proved is None


def test_an_unhealthy_swarm_is_not_broken_further(log: journal.Journal) -> None:
    """The gate before stops it."""
    done: list[str] = []

    def gate(when: str) -> None:
        raise WaitTimeout(f"not whole {when} the fault")

    with pytest.raises(WaitTimeout, match="before"), injected(Scripted(done), log, gate=gate):
        done.append("body")
    assert done == []


@pytest.mark.parametrize("fails", [True, False])
def test_the_undo_comes_whatever_happens(log: journal.Journal, *, fails: bool) -> None:
    """Also when the fault was half injected, or the block was interrupted."""
    done: list[str] = []
    with (
        pytest.raises((RuntimeError, KeyboardInterrupt)),
        injected(Scripted(done, fails=fails), log, gate=lambda _: None),
    ):
        raise KeyboardInterrupt

    assert done == ["begin", "end"]
