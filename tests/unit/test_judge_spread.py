"""Coverage and evenness by the rule of the scheduler that was read, on simulated IPVS tables."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge.reach import answers_everywhere
from harness.judge.simulated import NODES, Swarm, roster
from harness.judge.spread import covered, even, pinned
from harness.judge.stats import sample_size
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path

W1, W2 = NODES[1], NODES[2]
GHOST = "10.0.0.250"


def names(*verdicts: Verdict) -> set[tuple[str, str]]:
    """Cause and node of every finding."""
    return {(one.name, one.subject.node) for verdict in verdicts for one in verdict.findings}


def judged(swarm: Swarm, requests: int = 48, *, read: bool = True, replicas: int = 6) -> list[Verdict]:
    """All judges of spread and reach on one burst."""
    traffic, table = swarm.asked(requests), swarm.read() if read else None
    return [
        covered(traffic, roster(replicas), table),
        even(traffic, roster(replicas), table),
        answers_everywhere(traffic, entries=NODES),
    ]


@given(st.integers(1, 12), st.integers(4, 8), st.integers(0, 40))
@settings(deadline=None, max_examples=30)
def test_a_healthy_round_robin_table_is_upheld(replicas: int, periods: int, start: int) -> None:
    """Wherever the pointer stands, and also when the sample ends within a period."""
    swarm = Swarm.of(replicas)
    swarm.pointer = start

    verdicts = judged(swarm, periods * replicas + start % replicas, replicas=replicas)

    assert [one.state for one in verdicts] == [State.UPHELD] * 3, [str(one) for one in verdicts]
    assert verdicts[1].witnesses == ("outside", "kernel")
    assert "round robin" in verdicts[1].sentence
    assert str(periods * replicas + start % replicas) in verdicts[1].sentence


def test_the_vip_is_judged_by_the_overlays_table() -> None:
    """On the way through the VIP the table of the lb_ sandbox counts, not the ingress sandbox's."""
    swarm = Swarm.of()
    traffic = swarm.asked(24, Path.VIP)

    by_overlay = even(traffic, roster(), swarm.read(namespace="lb_abcdefghi"))
    by_ingress = even(traffic, roster(), swarm.read())

    assert by_overlay.state is State.UPHELD
    assert by_overlay.witnesses == ("inside", "kernel")
    assert by_ingress.state is State.UNKNOWN


def test_connections_of_others_refute_nothing() -> None:
    """Gaps in the order that others' connections leave: the random-choice rule decides."""
    swarm = Swarm.of()
    swarm.foreign_every = 20

    verdict = even(swarm.asked(96), roster(), swarm.read())

    assert verdict.state is State.UPHELD


@pytest.mark.parametrize("requests", [0, 1, 5, 23])
def test_too_few_requests_are_unknown(requests: int) -> None:
    """Less than four periods uphold nothing, and a healthy swarm is not refuted for it."""
    swarm = Swarm.of()

    states = {judge(swarm.asked(requests), roster(), swarm.read()).state for judge in (covered, even)}

    assert states == {State.UNKNOWN}


def test_a_node_that_was_not_asked_is_unknown_and_a_broken_one_beats_it() -> None:
    """Unknown for one entry node is unknown for all; refuted for another is refuted."""
    swarm = Swarm.of()
    gap = swarm.asked(48)
    gap = dataclasses.replace(gap, samples=tuple(one for one in gap.samples if one.entry != W2))
    swarm.dead[W1] = Outcome.REFUSED
    broken = swarm.asked(48)
    broken = dataclasses.replace(broken, samples=tuple(one for one in broken.samples if one.entry != W2))

    unknown, refuted = even(gap, roster(), swarm.read()), even(broken, roster(), swarm.read())

    assert (unknown.state, refuted.state) == (State.UNKNOWN, State.REFUTED)
    assert W2 in unknown.sentence
    assert W2 in refuted.sentence
    assert answers_everywhere(gap, entries=NODES).state is State.UNKNOWN
    assert (
        answers_everywhere(dataclasses.replace(gap, entries=NODES[:2]), entries=NODES).state is State.UNKNOWN
    )


@pytest.mark.parametrize("scheduler", ["", "wrr"], ids=["not-read", "other"])
def test_random_choice_is_judged_by_chance(scheduler: str) -> None:
    """Without rr the exact rule does not apply: a fair random balancer is upheld at the sample size."""
    swarm = Swarm.of()
    rng = random.Random(11)  # noqa: S311  a seeded draw, no secret
    swarm.choose = lambda rows, _: rng.choice(rows)
    table = swarm.read(scheduler) if scheduler else None
    covering, size = sample_size(6, entries=3), sample_size(6, entries=3, margin=0.5)

    coverage = [covered(swarm.asked(covering), roster(), table).state for _ in range(10)]
    evenness = [even(swarm.asked(size), roster(), table, margin=0.5).state for _ in range(3)]

    assert coverage == [State.UPHELD] * 10
    assert evenness == [State.UPHELD] * 3


def test_a_random_balancer_with_a_favourite_is_refuted() -> None:
    """Weight 10 on one replica skews the shares beyond chance, and it is named."""
    swarm = Swarm.of()
    rng = random.Random(5)  # noqa: S311  a seeded draw, no secret
    swarm.choose = lambda rows, _: rng.choices(rows, [10, 1, 1, 1, 1, 1])[0]

    verdict = even(swarm.asked(240), roster(), None)

    assert {one.name for one in verdict.findings} == {"uneven-at-entry"}
    assert {one.subject.replica for one in verdict.findings} == {"task0"}


def test_random_choice_tells_between_what_bounds_the_shares_lie() -> None:
    """An equal share is upheld within a margin, which the numbers give; round robin needs none."""
    swarm = Swarm.of()
    traffic = swarm.asked(108)

    by_chance = even(traffic, roster(), None).numbers["entries"][W1]["share"]
    exact = even(traffic, roster(), swarm.read()).numbers["entries"][W1]["share"]

    assert by_chance[0] < 1 / 6 < by_chance[1] < 0.4
    assert exact == []


def test_equal_counts_in_no_order_are_unknown() -> None:
    """The table says rr, the counts are equal, the order is not: others' connections, or no round robin."""
    swarm = Swarm.of()
    turns = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]]
    swarm.pointer = 0
    swarm.choose = lambda rows, at: rows[turns[at // 6 % 2][at % 6]]

    verdict = even(swarm.asked(24), roster(), swarm.read())

    assert verdict.state is State.UNKNOWN
    assert "do not come in turns" in verdict.sentence


def test_a_round_robin_that_was_read_does_not_excuse_random_counts() -> None:
    """The table says rr, the answers come in no order: refuted by the exact rule."""
    swarm = Swarm.of()
    rng = random.Random(3)  # noqa: S311  a seeded draw, no secret
    swarm.choose = lambda rows, _: rng.choice(rows)

    assert even(swarm.asked(96), roster(), swarm.read()).state is State.REFUTED


def test_kept_connections_are_not_judged_as_fresh_ones() -> None:
    """Evenness of kept connections means nothing; pinning of fresh ones means nothing."""
    fresh = Swarm.of().asked(48)
    kept = dataclasses.replace(fresh, kept_alive=True)

    assert even(kept, roster()).state is State.UNKNOWN
    assert covered(kept, roster()).state is State.UNKNOWN
    assert pinned(fresh, roster()).state is State.UNKNOWN


def test_without_replicas_there_is_nothing_to_compare() -> None:
    """An empty roster never upholds."""
    assert even(Swarm.of().asked(48), roster(0)).state is State.UNKNOWN
    assert covered(Swarm.of().asked(48), roster(0)).state is State.UNKNOWN
