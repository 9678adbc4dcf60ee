"""The journal: whole lines, readable after a crash, and judged again from its samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import journal
from harness.errors import RequestError
from harness.evidence import Counter, Traffic
from harness.judge.verdict import State, Verdict, judge, refuted, replay, unknown, upheld
from harness.model import Outcome, Sample
from harness.model import Path as Way


@judge
def _all_answered(traffic: Traffic, *, least: int = 1) -> Verdict:
    """A judge for these tests."""
    good = sum(sample.ok for sample in traffic.samples)
    if len(traffic.samples) < least:
        return unknown("too few", n=good)
    return upheld("all", n=good) if good == len(traffic.samples) else refuted("lost some", n=good)


def _sample(seq: int, outcome: Outcome = Outcome.OK) -> Sample:
    at = 10.0 + seq / 10
    return Sample(seq, "node-a", Way.INGRESS, at, at, at + 0.05, outcome, replica="task-1")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A journal with one traffic of three samples and one claim on its first two."""
    path = tmp_path / "journal.jsonl"
    with journal.Journal(path) as log:
        log.begin("run-1", profile="smoke")
        samples = tuple(_sample(seq) for seq in range(3))
        log.samples("traffic-1", samples)
        traffic = log.keep(Traffic("traffic-1", "web", Way.INGRESS, ("node-a",), 10.0, 11.0, samples))
        log.claim("reach.every-node", "all answer", _all_answered(traffic.between(10.0, 10.15), least=2))
    return path


def test_what_is_kept_is_what_is_loaded(written: Path) -> None:
    """Samples return to their traffic, the claim to its verdict."""
    saved = journal.load(written)
    traffic = saved.evidence["traffic-1"]

    assert isinstance(traffic, Traffic)
    assert traffic.samples == tuple(_sample(seq) for seq in range(3))
    assert saved.claims[0].verdict.state is State.UPHELD


def test_a_recorded_claim_can_be_judged_again(written: Path) -> None:
    """From the evidence that it names, over the span that it named."""
    saved = journal.load(written)
    verdict = saved.claims[0].verdict
    assert verdict.basis is not None

    assert replay(verdict.basis, saved.evidence) == verdict


def test_altering_one_sample_changes_the_verdict(written: Path) -> None:
    """The samples are what is judged, nothing beside them."""
    lines = written.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if '"kind":"sample"' in line)
    lines[place] = json.dumps({**json.loads(lines[place]), "outcome": "refused"})
    written.write_text("\n".join(lines) + "\n")
    saved = journal.load(written)
    basis = saved.claims[0].verdict.basis
    assert basis is not None

    assert replay(basis, saved.evidence).state is State.REFUTED


def test_a_torn_last_line_is_noted_and_the_rest_read(written: Path) -> None:
    """A run that was killed is still readable."""
    written.write_bytes(written.read_bytes() + b'{"kind":"sample","in":"traf')
    saved = journal.load(written)

    assert (saved.torn, len(saved.claims)) == (True, 1)


def test_garbage_in_the_middle_is_refused_with_its_line(written: Path) -> None:
    """A file that somebody damaged is not judged as if it were whole."""
    lines = written.read_text().splitlines()
    written.write_text("\n".join([lines[0], "garbage", *lines[1:]]) + "\n")

    with pytest.raises(RequestError, match="line 2 is not a journal line"):
        journal.load(written)


def test_a_missing_journal_is_refused(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(RequestError, match="cannot be read"):
        journal.load(tmp_path / "none.jsonl")


def test_a_record_of_another_shape_is_refused(written: Path) -> None:
    """Such as a sample without its outcome."""
    written.write_text(written.read_text().replace('"outcome":"ok"', '"outcome":"odd"'))

    with pytest.raises(RequestError, match="cannot read"):
        journal.load(written)


def test_ids_are_unique_in_a_run(tmp_path: Path) -> None:
    """Counted per kind."""
    with journal.Journal(tmp_path / "j") as log:
        assert [log.new_id("traffic"), log.new_id("roster"), log.new_id("traffic")] == [
            "traffic-1", "roster-1", "traffic-2",
        ]  # fmt: skip


@given(before=st.none() | st.integers(), after=st.none() | st.integers(), service=st.text())
def test_any_evidence_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, before: int | None, after: int | None, service: str
) -> None:
    """Whatever characters a name holds."""
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    with journal.Journal(path) as log:
        kept = log.keep(Counter("counter-1", service, before, after))

    assert journal.load(path).evidence == {"counter-1": kept}


def test_a_judge_that_fails_is_unknown_and_says_so() -> None:
    """A fault of ours is never blamed on the swarm."""

    @judge
    def clumsy(traffic: Traffic) -> Verdict:
        return upheld(str(1 // len(traffic.samples)))

    verdict = clumsy(Traffic("traffic-9", "web", Way.INGRESS, (), 0.0, 1.0))

    assert verdict.state is State.UNKNOWN
    assert "ZeroDivisionError" in verdict.sentence


def test_an_unknown_verdict_is_neither_true_nor_false() -> None:
    """No evidence is never green, nor red."""
    with pytest.raises(Exception, match="neither yes nor no"):
        bool(unknown("no traffic"))
