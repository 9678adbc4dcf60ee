"""A local volume stays on its node: judged by what flask-redis counts while its Redis moves."""

from __future__ import annotations

import bisect
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Counter, Fault, Roster, Traffic
from harness.judge.counter import counts_through_kill, falls_once
from harness.judge.verdict import State
from harness.judge.volume import another_volume
from harness.model import Outcome, Path, Replica, Sample

HOME, AWAY = "swarm-worker2", "swarm-worker1"
LEAVES, ARRIVES, RETURNS, BACK, END = 100.0, 110.0, 130.0, 140.0, 160.0


def rosters(*nodes: str) -> tuple[Roster, ...]:
    """Where Redis ran: before it left, after, before it returned, after."""
    times = (LEAVES, ARRIVES, RETURNS, BACK)
    return tuple(
        Roster(f"roster-{at}", "redis", at, (Replica(f"task-{at}", 1, node),))
        for at, node in zip(times, nodes, strict=True)
    )


def counted(before: int, away: int, after: int) -> Traffic:
    """One request a second; the counts at the start of each of the three times, one more per request."""
    samples = []
    for seq in range(160):
        at = float(seq)
        if at < LEAVES:
            outcome, counter = Outcome.OK, before + seq
        elif ARRIVES <= at < RETURNS:
            outcome, counter = Outcome.OK, away + seq - int(ARRIVES)
        elif at >= BACK:
            outcome, counter = Outcome.OK, after + seq - int(BACK)
        else:
            outcome, counter = Outcome.SERVER_ERROR, None
        samples.append(
            Sample(seq, "entry", Path.INGRESS, at, at, at + 0.01, outcome, "web-1", counter=counter)
        )
    return Traffic("traffic-1", "flask", Path.INGRESS, ("entry",), 0.0, END, tuple(samples))


MOVED = rosters(HOME, AWAY, AWAY, HOME)


def test_another_node_has_another_volume() -> None:
    """It begins at 1 there, and goes on where it was."""
    verdict = another_volume(counted(500, 1, 601), MOVED)

    assert verdict.state is State.UPHELD
    assert verdict.sentence == (
        f"redis left {HOME} at 599, began at 1 on {AWAY}, and went on at 601 back on {HOME}"
    )


def test_a_volume_that_followed_is_not_local() -> None:
    """A driver that shares it, or one disk behind both nodes."""
    verdict = another_volume(counted(500, 600, 700), MOVED)

    assert verdict.state is State.REFUTED
    assert [(one.name, one.subject.node) for one in verdict.findings] == [("volume-not-local", AWAY)]


def test_data_that_is_gone_on_the_return_is_lost() -> None:
    """Somebody removed the volume while no task used it."""
    verdict = another_volume(counted(500, 1, 1), MOVED)

    assert verdict.state is State.REFUTED
    assert [(one.name, one.subject.node) for one in verdict.findings] == [("data-lost", HOME)]


@pytest.mark.parametrize(
    ("traffic", "nodes", "why"),
    [
        (counted(500, 1, 601), (HOME, HOME, HOME, HOME), "did not move"),
        (counted(500, 1, 601), (HOME, AWAY, AWAY, AWAY), "did not move"),
        (counted(0, 1, 101), MOVED, ""),
        (counted(500, 300, 601), MOVED, "nobody's"),
        (counted(-85, 1, 21), MOVED, ""),
        (counted(-90, 20, 31), MOVED, "may be"),
    ],
    ids=["never moved", "never returned", "enough to tell", "a stranger's volume", "few before", "too few"],
)
def test_what_does_not_show_it_is_unknown(traffic: Traffic, nodes: tuple[object, ...], why: str) -> None:
    """No move, no verdict; a count that proves nothing proves nothing."""
    moved = MOVED if nodes is MOVED else rosters(*(str(node) for node in nodes))
    verdict = another_volume(traffic, moved)

    assert verdict.state is (State.UNKNOWN if why else State.UPHELD)
    assert why in verdict.sentence


def test_too_few_answers_are_unknown() -> None:
    """Each of the three times needs its answers."""
    verdict = another_volume(counted(500, 1, 601), MOVED, least=25)

    assert verdict.state is State.UNKNOWN
    assert "away: 20 answers, 25 needed" in verdict.sentence


def test_a_redis_that_is_not_one_task_is_unknown() -> None:
    """Two of them would each have a volume."""
    none = (Roster("roster-0", "redis", LEAVES, ()), *MOVED[1:])

    assert another_volume(counted(500, 1, 601), none).state is State.UNKNOWN


def test_a_counter_that_fell_lost_its_data() -> None:
    """A Redis whose successor found an empty volume: said, and not as a miscount."""
    verdict = counts_through_kill(Counter("counter-1", "flask", 50, 161), counted(51, 1, 141), readings=1)

    assert verdict.state is State.REFUTED
    assert [one.name for one in verdict.findings] == ["data-lost"]
    assert "fell from 150 to 1" in verdict.sentence


def test_two_redises_behind_one_name_lose_nothing() -> None:
    """Mode B3: the count jumps to and fro; that is a miscount."""
    kept = counted(500, 600, 620)
    samples = tuple(
        dataclasses.replace(one, counter=one.seq // 2 + 1) if one.seq % 2 and one.counter else one
        for one in kept.samples
    )
    torn = dataclasses.replace(kept, samples=samples)
    verdict = counts_through_kill(Counter("counter-1", "flask", 499, 80), torn, readings=1)

    assert [one.name for one in verdict.findings] == ["counter-differs"]


def test_an_answer_that_comes_late_is_no_fall() -> None:
    """It was counted before those that overtook it."""
    kept = counted(51, 151, 171)
    late = dataclasses.replace(kept.samples[5], ended=END)
    slow = dataclasses.replace(kept, samples=(*kept.samples[:5], late, *kept.samples[6:]))
    verdict = counts_through_kill(Counter("counter-1", "flask", 50, 1191), slow, readings=1)

    assert [one.name for one in verdict.findings] == ["counter-differs"]


@given(
    began=st.lists(st.floats(0, 50), min_size=1, max_size=30),
    data=st.data(),
)
def test_a_redis_that_only_counts_never_falls(began: list[float], data: st.DataObject) -> None:
    """However requests overtake each other: INCR comes first, GET tells what others have counted since."""
    times = [
        tuple(sorted(data.draw(st.tuples(st.floats(0, 9), st.floats(0, 9), st.floats(0, 9))))) for _ in began
    ]
    counted_at = sorted(start + first for start, (first, _, _) in zip(began, times, strict=True))
    samples = tuple(
        Sample(
            seq,
            "entry",
            Path.INGRESS,
            start,
            start,
            start + last,
            Outcome.OK,
            counter=50 + bisect.bisect_right(counted_at, start + then),
        )
        for seq, (start, (_, then, last)) in enumerate(zip(began, times, strict=True))
    )
    traffic = Traffic("traffic-1", "flask", Path.INGRESS, ("entry",), 0.0, 60.0, samples)
    verdict = counts_through_kill(Counter("counter-1", "flask", 50, 1000), traffic, readings=1)

    assert [one.name for one in verdict.findings] == ["counter-differs"]


def test_a_redis_without_a_volume_falls_once_and_it_is_said() -> None:
    """At the kill; that is its nature."""
    verdict = falls_once(*restarted([(1.0, 5), (2.0, 6), (4.0, 1), (5.0, 2)]))

    assert verdict.state is State.UPHELD
    assert verdict.sentence.startswith("it fell once, from 6 to 1, when Redis was killed: its data is gone")


def test_a_redis_that_kept_its_data_is_told_too() -> None:
    """It may have a volume."""
    assert "never fell" in falls_once(*restarted([(1.0, 5), (2.0, 6), (4.0, 7)])).sentence


def test_a_fall_before_the_kill_is_data_lost() -> None:
    """And two falls are two Redises behind one name."""
    early = falls_once(*restarted([(1.0, 5), (1.5, 2), (4.0, 3)]))
    twice = falls_once(*restarted([(1.0, 5), (4.0, 1), (5.0, 6), (6.0, 2)]))

    assert [one.name for one in early.findings] == ["data-lost"]
    assert [one.name for one in twice.findings] == ["counter-differs"]


def test_without_the_count_on_both_sides_nothing_is_told() -> None:
    """Nor without a kill."""
    counter, traffic, fault = restarted([(1.0, 5), (2.0, 6)])

    assert falls_once(counter, traffic, fault).state is State.UNKNOWN
    assert falls_once(*restarted([(4.0, 6)])).state is State.UNKNOWN
    assert falls_once(counter, traffic, dataclasses.replace(fault, proved=None)).state is State.UNKNOWN


def restarted(told: list[tuple[float, int]]) -> tuple[Counter, Traffic, Fault]:
    """What the answers told, by when they were asked for; Redis was killed after three seconds."""
    samples = tuple(
        Sample(n, "a", Path.INGRESS, at, at, at + 0.1, Outcome.OK, "t", counter=count)
        for n, (at, count) in enumerate(told)
    )
    traffic = Traffic("traffic-9", "flask", Path.INGRESS, ("a",), 0.5, 9.0, samples)
    fault = Fault("fault-9", "kill-task", "t", 3.0, 3.1, ended=3.2)
    return Counter("counter-9", "flask", 4, told[-1][1]), traffic, fault
