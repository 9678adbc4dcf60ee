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
