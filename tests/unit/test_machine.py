"""Who uses the processors of the lab's machine, and what that excuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Span
from harness.journal import Journal
from harness.judge.machine import EXCUSABLE, STARVED, Use, excused, uses
from harness.judge.verdict import Basis, Finding, State, Subject, Verdict, refuted, upheld
from harness.lab import machine
from harness.stage.machine import MachineWatch

SPANS: dict[str, Span] = {"traffic-1": (10.0, 20.0)}
LATE = Finding("outage-too-long", Subject(node="swarm-worker1"), "5 s")
BASIS = Basis("outage", {"traffic": {"$evidence": "traffic-1"}, "within": 2.0})


def broken(*findings: Finding) -> Verdict:
    """A refuted verdict on traffic-1."""
    made = refuted("outage of 5 s", *findings)
    return Verdict(made.state, made.sentence, made.numbers, made.findings, basis=BASIS)


def test_what_took_too_long_on_a_busy_machine_is_not_the_swarms_fault() -> None:
    """Unknown, with what was seen and with what the machine did."""
    verdict = excused(broken(LATE), [Use(10.0, 20.0, 0.6)], SPANS)

    assert verdict.state is State.UNKNOWN
    assert "60% of its processors' time on other work" in verdict.sentence
    assert verdict.sentence.endswith("outage of 5 s")
    assert verdict.basis == BASIS
    assert verdict.numbers["machine"] == {"others": 0.6, "bound": STARVED}


@pytest.mark.parametrize(
    "seen", [(), (Use(10.0, 20.0, 0.1),), (Use(0.0, 10.0, 0.9), Use(20.0, 30.0, 0.9), Use(10.0, 20.0, 0.0))]
)
def test_nothing_is_excused_unless_others_were_at_work_at_that_time(seen: tuple[Use, ...]) -> None:
    """Before and after it does not count, nor does no reading at all."""
    assert excused(broken(LATE), seen, SPANS) == broken(LATE)


def test_a_cause_that_no_slow_machine_brings_about_stands() -> None:
    """A replica that is missing in a table is missing, however busy the machine is; also among others."""
    missing = Finding("replica-missing-at-entry", Subject(node="swarm-worker1"), "none of 108")
    busy = [Use(10.0, 20.0, 0.95)]

    assert excused(broken(missing), busy, SPANS).state is State.REFUTED
    assert excused(broken(LATE, missing), busy, SPANS).state is State.REFUTED
    assert excused(broken(), busy, SPANS).state is State.REFUTED
    assert excused(upheld("all well"), busy, SPANS) == upheld("all well")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_share_is_that_of_the_verdicts_own_time(shares: list[float]) -> None:
    """Readings weigh as much as of them lies in its time: here all the same."""
    length = 10.0 / len(shares)
    seen = [Use(10.0 + n * length, 10.0 + (n + 1) * length, share) for n, share in enumerate(shares)]
    mean = sum(shares) / len(shares)
    verdict = excused(broken(LATE), seen, SPANS)

    if abs(mean - STARVED) > 1e-9:
        assert (verdict.state is State.UNKNOWN) == (mean > STARVED)


def test_records_that_do_not_fit_are_left_out() -> None:
    """A journal may hold anything."""
    assert uses([{"began": 1.0, "t": 3.0, "others": 0.5}, {"began": "x", "t": 3.0}, {}]) == (
        Use(1.0, 3.0, 0.5),
    )


def test_every_excusable_finding_is_one_that_judges_name() -> None:
    """No name that nobody gives."""
    folder = Path(__file__).resolve().parents[2] / "harness" / "judge"
    named = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "machine.py")

    assert {name for name in EXCUSABLE if f'"{name}"' not in named} == set()


def fake_proc(folder: Path, first: str, **processes: tuple[int, int]) -> Path:
    """A /proc of these processes: id -> (parent, ticks)."""
    folder.mkdir()
    (folder / "stat").write_text(f"cpu  {first} 0 0\ncpu0 1 2 3\n")
    for name, (parent, ticks) in processes.items():
        (folder / name[1:]).mkdir()
        text = f"{name[1:]} (a (name) S) S {parent} 0 0 0 0 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 5\n"
        (folder / name[1:] / "stat").write_text(text)
    return folder


def test_time_of_others_is_what_neither_we_nor_idling_took(tmp_path: Path) -> None:
    """Descendants are ours; what the hypervisor took is others'."""
    tree = {"p1": (0, 5), "p10": (1, 100), "p11": (10, 50), "p20": (1, 400)}
    before = machine.read([10], fake_proc(tmp_path / "a", "300 0 200 500 0 0 0 0", **tree))
    tree |= {"p11": (10, 150), "p20": (1, 700)}
    after = machine.read([10], fake_proc(tmp_path / "b", "600 0 300 900 50 0 0 50", **tree))

    assert (before.whole, before.busy, before.ours) == (1000, 500, 150)
    assert (after.whole, after.busy, after.stolen, after.ours) == (1900, 900, 50, 250)
    assert after.others(before) == pytest.approx((400 - 100 + 50) / 900)
    assert before.others(before) == 0.0


def test_our_own_work_is_not_that_of_others() -> None:
    """A child that computes counts as ours, also once it has ended and was waited for."""
    before = machine.read([os.getpid()])
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    after = machine.read([os.getpid()])

    assert after.ours > before.ours
    assert after.whole > before.whole


def test_the_watch_journals_what_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record is told and can be read back."""
    monkeypatch.setattr("harness.stage.machine.EVERY", 0.02)
    told: list[Use] = []
    with Journal(tmp_path / "journal.jsonl") as log:
        with MachineWatch(lambda: (), log, told.append):
            while len(told) < 2:
                os.sched_yield()
        lines = (tmp_path / "journal.jsonl").read_text().splitlines()

    assert len(lines) == len(told) >= 2
    assert all(0 <= one.others <= 1 and one.began < one.ended for one in told)
