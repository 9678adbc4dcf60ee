"""Scaled under load: sizes, replicas that answer, and what it cost."""

from __future__ import annotations

import dataclasses

from harness.evidence import Roster, Traffic
from harness.judge.scaling import scales
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Replica, Sample

M, W1 = "swarm-manager", "swarm-worker1"


def roster(at: float, size: int) -> Roster:
    """So many replicas at a time."""
    replicas = tuple(Replica(f"task-{slot}", slot, W1) for slot in range(1, size + 1))
    return Roster(f"roster-{at}", "web", at, replicas, size)


def asked(size: int = 4, lost: int = 0) -> Traffic:
    """Two hundred requests, answered in turn."""
    samples = tuple(
        Sample(
            seq,
            M if seq % 2 else W1,
            Path.INGRESS,
            seq / 10,
            seq / 10,
            seq / 10 + 0.05,
            Outcome.RESET if seq < lost else Outcome.OK,
            f"task-{seq % size + 1}",
        )
        for seq in range(200)
    )
    return Traffic("traffic-1", "web", Path.INGRESS, (M, W1), 0.0, 20.0, samples)


ROSTERS = (roster(10.0, 4), roster(15.0, 2))


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def test_up_and_down_again() -> None:
    """All of them answered."""
    verdict = scales(asked(), ROSTERS, lost_share=0.01)

    assert verdict.state is State.UPHELD
    assert verdict.sentence == "scaled to 4, then 2 replicas, all of which answered: 0 of 200 requests lost"


def test_a_size_that_is_missed_is_told() -> None:
    """As many as asked for, not more, not fewer."""
    short = dataclasses.replace(ROSTERS[0], replicas=ROSTERS[0].replicas[:3])

    assert found(scales(asked(), (short, ROSTERS[1]), lost_share=0.01)) == [("scale-missed", "")]


def test_a_replica_that_answers_nobody_is_placed() -> None:
    """A new one that no table has."""
    assert found(scales(asked(size=3), ROSTERS, lost_share=0.01)) == [("replica-silent", W1)]


def test_a_replica_that_falls_silent_is_seen_at_its_size() -> None:
    """What it answered before the service was scaled again does not count."""
    kept = asked(size=4)
    mute = tuple(one for one in kept.samples if one.began < ROSTERS[1].at or one.replica != "task-2")
    verdict = scales(dataclasses.replace(kept, samples=mute), ROSTERS, lost_share=0.01)

    assert [(one.name, one.subject.replica) for one in verdict.findings] == [("replica-silent", "task-2")]


def test_what_is_lost_is_told_through_each_node() -> None:
    """Over its budget."""
    assert found(scales(asked(lost=4), ROSTERS, lost_share=0.01)) == [
        ("lost-in-change", M),
        ("lost-in-change", W1),
    ]


def test_what_was_not_scaled_is_unknown() -> None:
    """No evidence is never green."""
    assert scales(asked(), (), lost_share=0.01).state is State.UNKNOWN
