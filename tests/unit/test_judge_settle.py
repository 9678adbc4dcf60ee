"""Even again: since when, over which replicas, and how surely."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence import Balancers, RealServer, Roster, Traffic, VirtualServer
from harness.judge.settle import even_again
from harness.judge.verdict import State
from harness.model import Attachment, Outcome, Path, Replica, Sample

NODES = ("swarm-manager", "swarm-worker1")
RATE = 50
RUNNING = 8.6  # when the replacement was seen running


def roster() -> Roster:
    """Six replicas, the last of them new."""
    return Roster(
        "roster-1",
        "web",
        9.0,
        tuple(
            Replica(f"task{i}", i + 1, NODES[i % 2], (Attachment("ingress", f"10.0.0.{10 + i}"),))
            for i in range(6)
        ),
    )


def tables(scheduler: str = "rr") -> Balancers:
    """Tables of both nodes with all six."""
    rows = tuple(RealServer(f"10.0.0.{10 + i}", 1) for i in range(6))
    servers = tuple(VirtualServer(node, "ingress_sbox", 256, scheduler, rows) for node in NODES)
    return Balancers("balancers-1", 20.0, servers)


def steady(
    full_at: dict[str, float], *, length: float = 20.0, seed: int | None = None, swaps: int = 0
) -> Traffic:
    """Five replicas in turn until a node's moment, six from then on; or drawn at random."""
    rng = random.Random(seed or 0)  # noqa: S311  a seeded draw, no secret
    samples: list[Sample] = []
    for node in NODES:
        mine = []
        for seq in range(int(length * RATE)):
            at = seq / RATE
            rows = 6 if at >= full_at.get(node, 0.0) else 5
            chosen = rng.randrange(rows) if seed is not None else seq % rows
            mine.append(Sample(seq, node, Path.INGRESS, at, at, at + 0.002, Outcome.OK, f"task{chosen}", seq))
        for index in rng.sample(range(1, len(mine) - 1, 2), swaps):
            first, second = mine[index], mine[index + 1]
            mine[index] = dataclasses.replace(first, replica=second.replica)
            mine[index + 1] = dataclasses.replace(second, replica=first.replica)
        samples += mine
    return Traffic("traffic-1", "web", Path.INGRESS, NODES, 0.0, length, tuple(samples))


@given(st.floats(0.0, 4.0), st.floats(0.0, 4.0))
@settings(deadline=None, max_examples=12)
def test_how_long_it_took_is_found(first: float, second: float) -> None:
    """The moment from which all six answer in turn is found per entry node, to a window's length."""
    traffic = steady({NODES[0]: RUNNING + first, NODES[1]: RUNNING + second})

    verdict = even_again(traffic, roster(), tables(), RUNNING, within=5.0)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["took"][NODES[0]] == pytest.approx(first, abs=0.5)
    assert verdict.numbers["took"][NODES[1]] == pytest.approx(second, abs=0.5)


def test_even_before_the_manager_saw_it_running_is_no_negative_time() -> None:
    """The tables may be ahead of the manager's view: it took no time then."""
    verdict = even_again(steady({}), roster(), tables(), RUNNING)

    assert verdict.state is State.UPHELD
    assert set(verdict.numbers["took"].values()) == {0.0}


def test_requests_that_overtake_each_other_do_not_matter() -> None:
    """Open loop requests may arrive in another order than they began."""
    verdict = even_again(steady({}, swaps=200), roster(), tables(), RUNNING)

    assert verdict.state is State.UPHELD


def test_a_generator_that_stalls_and_catches_up_does_not_matter() -> None:
    """Thirty requests under way at once arrive in any order: their windows' edges are blurred, no more."""
    traffic = steady({})
    rng = random.Random(8)  # noqa: S311  a seeded draw, no secret
    burst = [one for one in traffic.samples if 12.0 <= one.planned < 12.6]
    names = [one.replica for one in burst]
    rng.shuffle(names)
    shuffled = {
        (one.entry, one.seq): dataclasses.replace(one, began=12.6, ended=12.7, replica=name)
        for one, name in zip(burst, names, strict=True)
    }
    samples = tuple(shuffled.get((one.entry, one.seq), one) for one in traffic.samples)

    verdict = even_again(dataclasses.replace(traffic, samples=samples), roster(), tables(), RUNNING)

    assert verdict.state is State.UPHELD
    assert set(verdict.numbers["took"].values()) == {0.0}


def test_too_late_is_refuted_with_its_time() -> None:
    """Even again only 8 s after the last replica ran."""
    traffic = steady({NODES[1]: RUNNING + 8.0}, length=30.0)

    verdict = even_again(traffic, roster(), tables(), RUNNING, within=5.0)

    assert verdict.state is State.REFUTED
    assert verdict.subject.node == NODES[1]
    assert verdict.numbers["took"][NODES[1]] == pytest.approx(8.0, abs=0.5)
    assert "even only" in verdict.sentence


def test_never_even_names_the_missing_replica() -> None:
    """One entry node never sends anything to the new replica: refuted, and the replica is named."""
    verdict = even_again(steady({NODES[1]: 99.0}), roster(), tables(), RUNNING, within=5.0)

    assert verdict.state is State.REFUTED
    assert [(one.name, one.subject.node, one.subject.replica) for one in verdict.findings] == [
        ("replica-missing-at-entry", NODES[1], "task5")
    ]


def test_a_dead_backend_that_stays_is_named() -> None:
    """Every seventh request through one node times out until the end."""
    traffic = steady({})
    broken = tuple(
        dataclasses.replace(one, outcome=Outcome.CONNECT_TIMEOUT, replica="")
        if one.entry == NODES[0] and one.seq % 7 == 3
        else one
        for one in traffic.samples
    )

    verdict = even_again(dataclasses.replace(traffic, samples=broken), roster(), tables(), RUNNING)

    assert verdict.state is State.REFUTED
    assert {(one.name, one.subject.node) for one in verdict.findings} == {("dead-backend-at-entry", NODES[0])}


def test_a_single_loss_late_moves_the_moment() -> None:
    """A refused request when the replacement enters: even from after it."""
    traffic = steady({})
    broken = tuple(
        dataclasses.replace(one, outcome=Outcome.REFUSED, replica="") if one.planned == 11.0 else one
        for one in traffic.samples
    )

    verdict = even_again(dataclasses.replace(traffic, samples=broken), roster(), tables(), RUNNING)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["took"][NODES[0]] == pytest.approx(2.4, abs=0.5)


@pytest.mark.parametrize("length", [8.0, 8.9, 10.0])
def test_too_little_traffic_after_it_is_unknown(length: float) -> None:
    """Traffic that ended before it could show evenness, or its lack, gives unknown."""
    late = {NODES[0]: RUNNING + 1.2, NODES[1]: RUNNING + 1.2}

    assert even_again(steady(late, length=length), roster(), tables(), RUNNING).state is State.UNKNOWN


def test_an_entry_that_was_not_asked_is_unknown() -> None:
    """No request through one node: unknown."""
    traffic = steady({})
    part = tuple(one for one in traffic.samples if one.entry == NODES[0])

    verdict = even_again(dataclasses.replace(traffic, samples=part), roster(), tables(), RUNNING)

    assert verdict.state is State.UNKNOWN


@pytest.mark.parametrize("balancers", [None, tables("wrr")], ids=["not-read", "other"])
def test_random_choice_becomes_even_again(balancers: Balancers | None) -> None:
    """Without rr: since every replica answered, with shares as equal as chance makes them."""
    traffic = steady({NODES[0]: RUNNING + 1.0, NODES[1]: RUNNING + 1.0}, seed=4)

    verdict = even_again(traffic, roster(), balancers, RUNNING, within=5.0)

    assert verdict.state is State.UPHELD
    assert verdict.witnesses == ("outside",)


def test_random_choice_without_the_new_replica_is_refuted() -> None:
    """Without rr a replica that never answers refutes as well."""
    verdict = even_again(steady({NODES[0]: 99.0}, seed=4, length=30.0), roster(), None, RUNNING)

    assert verdict.state is State.REFUTED
    assert {one.name for one in verdict.findings} == {"replica-missing-at-entry"}


def favoured(until: float, *, length: float, share: float = 1.0) -> Traffic:
    """Random choice, but through one node task0 gets this share of what others would until then."""
    rng = random.Random(6)  # noqa: S311  a seeded draw, no secret
    traffic = steady({}, seed=4, length=length)
    samples = tuple(
        dataclasses.replace(one, replica="task0")
        if one.entry == NODES[1] and RUNNING <= one.planned < until and rng.random() < share
        else one
        for one in traffic.samples
    )
    return dataclasses.replace(traffic, samples=samples)


def test_random_choice_states_between_what_bounds_the_shares_are() -> None:
    """Traffic of a fixed length supports a margin, which is told, for every node and replica together."""
    verdict = even_again(steady({}, seed=4, length=30.0), roster(), None, RUNNING, confidence=0.95)
    exact = even_again(steady({}), roster(), tables(), RUNNING)

    low, high = verdict.numbers["share"][NODES[0]]
    assert 0.09 < low < 1 / 6 < high < 0.25
    assert "random-choice rule for 2: no rr read there; every share" in verdict.sentence
    assert "with 95 % confidence" in verdict.sentence
    assert (exact.numbers["share"], "share" in exact.sentence) == ({}, False)


def test_what_chance_may_do_is_not_blamed_on_the_swarm() -> None:
    """69 late requests without one of six replicas: chance does that to one in 50,000; unknown."""
    verdict = even_again(steady({NODES[0]: 99.0}, seed=4, length=RUNNING + 6.4), roster(), None, RUNNING)

    assert verdict.state is State.UNKNOWN
    assert "69 requests later" in verdict.sentence
    assert "cannot tell chance" in verdict.sentence


def test_uneven_shares_that_pass_in_time_are_upheld_with_their_time() -> None:
    """One replica gets everything for 3 s: the answers from the end backwards tell most of it."""
    verdict = even_again(favoured(RUNNING + 3.0, length=16.0), roster(), None, RUNNING, within=5.0)

    assert verdict.state is State.UPHELD, str(verdict)
    assert verdict.numbers["took"][NODES[0]] == 0.0
    assert 1.0 < verdict.numbers["took"][NODES[1]] <= 3.0


def test_uneven_shares_that_stay_are_refuted_without_a_request_lost() -> None:
    """All replicas answer until the end, one of them far too often."""
    verdict = even_again(favoured(99.0, length=30.0, share=0.3), roster(), None, RUNNING, within=5.0)

    assert verdict.state is State.REFUTED
    assert {(one.name, one.subject.node) for one in verdict.findings} == {("not-even-again", NODES[1])}


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=8)
def test_a_healthy_random_choice_is_never_refuted(seed: int) -> None:
    """Not even where a replica is slow to get its first request."""
    assert even_again(steady({}, seed=seed), roster(), None, RUNNING, within=0.1).state is not State.REFUTED


def test_a_replica_that_came_after_the_wait_is_not_called_foreign() -> None:
    """Five of six ran when the wait ended; the sixth's answers belong to the swarm: unknown, not refuted."""
    five = dataclasses.replace(roster(), replicas=roster().replicas[:5], asked=6)

    verdict = even_again(steady({}), five, tables(), RUNNING)

    assert verdict.state is State.UNKNOWN, str(verdict)
    assert "only 5 of 6 replicas" in verdict.sentence
