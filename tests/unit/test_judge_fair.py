"""Equal shares at random choice: how much traffic they take, what is said of them, when one may stop."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence import Balancers, Traffic
from harness.judge import fair, stats
from harness.judge.simulated import NODES, Swarm, roster
from harness.judge.spread import covered, even
from harness.judge.verdict import State, replay
from harness.model import Outcome, Path

W1 = NODES[1]
MARGIN = 0.5  # the sample for the default margin is ten times as long
SIZE = stats.sample_size(6, entries=3, margin=MARGIN)
TERMS = fair.Terms.of(6, 3, margin=MARGIN)
NOBODY = Balancers("balancers-1", 0.0, ())


def drawn(seed: int = 1, weights: tuple[int, ...] = (1,) * 6, *, at: str = W1) -> Swarm:
    """A balancer that chooses at random, with these weights at one node."""
    swarm = Swarm.of()
    rng = random.Random(seed)  # noqa: S311  a seeded draw, no secret
    swarm.choose = lambda rows, _: rng.choice(rows)
    if len(set(weights)) > 1:
        swarm.tables[at] = [
            row for row, times in zip(swarm.tables[at], weights, strict=True) for _ in range(times)
        ]
    return swarm


def stopped(swarm: Swarm, *, least: int = 108, most: int = SIZE, tables: Balancers = NOBODY) -> Traffic:
    """A burst that each node's watch ended."""
    watches = fair.watches(NODES, Path.INGRESS, roster(), tables, TERMS, least=least)
    samples = []
    for node in NODES:
        for one in swarm.asked(most, nodes=[node]).samples:
            samples.append(one)
            if watches[node](one):
                break
    return dataclasses.replace(swarm.asked(0), samples=tuple(samples))


judged = functools.partial(even, roster=roster(), margin=MARGIN)


def test_an_upheld_sentence_states_interval_confidence_and_margin() -> None:
    """The shares that the sample supports, over all nodes and replicas, and so do the numbers."""
    verdict = judged(drawn().asked(SIZE))
    found = re.search(
        r"every share ([\d.]+)-([\d.]+) % with 99 % confidence, margin 50 % of the fair 16.7 %", str(verdict)
    )

    assert verdict.state is State.UPHELD
    assert found is not None
    assert 100 * 0.5 / 6 <= float(found[1]) < 100 / 6 < float(found[2]) <= 100 * 1.5 / 6
    assert (verdict.numbers["margin"], verdict.numbers["confidence"]) == (MARGIN, 0.99)
    assert all(0 < one["chance"] <= 1 for one in verdict.numbers["entries"].values())


def test_too_little_traffic_for_the_margin_is_unknown_and_says_how_much_suffices() -> None:
    """Enough to see every replica is not enough to call shares equal."""
    swarm = drawn()
    traffic = swarm.asked(108)

    coverage, evenness = covered(traffic, roster()), even(traffic, roster())

    assert (coverage.state, evenness.state) == (State.UPHELD, State.UNKNOWN)
    assert f"{stats.sample_size(6, entries=3, margin=0.2)} suffice" in evenness.sentence
    assert "108 answers" in evenness.sentence


def test_strict_turns_uphold_although_no_table_was_read() -> None:
    """A node whose kernel nobody can read (drained, say) shows its round robin by its answers."""
    verdict = even(Swarm.of().asked(108), roster())
    short = even(Swarm.of(2).asked(20), roster(2))

    assert verdict.state is State.UPHELD
    assert "no rr read there; answers in strict turns at 3" in verdict.sentence
    assert short.state is State.UNKNOWN  # in turns with chance 2^-19 anyway


def test_a_double_weight_is_refuted_and_named_before_the_planned_sample_ends() -> None:
    """Stopped on evidence, at the node that has it; the other nodes are asked until they are shown even."""
    traffic = stopped(drawn(weights=(1, 1, 1, 3, 1, 1)))
    verdict = judged(traffic)

    assert [(one.name, one.subject.node, one.subject.replica) for one in verdict.findings] == [
        ("uneven-at-entry", W1, "task3")
    ]
    assert verdict.state is State.REFUTED
    assert "with equal chances so with at most" in verdict.findings[0].sentence
    assert all(108 < len(traffic.at(node)) < SIZE for node in NODES)


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 10_000))
def test_whoever_stops_on_evidence_has_a_verdict(seed: int) -> None:
    """The watch and the judge follow one rule: equal chances, stopped early, are upheld."""
    traffic = stopped(drawn(seed))

    assert judged(traffic).state is State.UPHELD
    assert sum(len(traffic.at(node)) for node in NODES) < 3 * SIZE


def test_a_watch_asks_no_more_of_round_robin_than_before() -> None:
    """Where rr was read, where the answers come in turns, where a request was lost: the least suffices."""
    read, lossy = Swarm.of(), drawn()
    lossy.dead = dict.fromkeys(NODES, Outcome.CONNECT_TIMEOUT)
    random_but_read = stopped(drawn(), tables=read.read())

    for traffic in (stopped(read, tables=read.read()), stopped(read), stopped(lossy), random_but_read):
        assert {len(traffic.at(node)) for node in NODES} == {108}


def test_a_missing_replica_needs_no_longer_sample() -> None:
    """It is sure after as many requests as coverage needs."""
    swarm = drawn()
    swarm.tables[W1].remove("10.0.0.13")
    traffic = stopped(swarm)
    verdict = judged(traffic)

    assert len(traffic.at(W1)) == 108
    assert {(one.name, one.subject.node) for one in verdict.findings} == {("replica-missing-at-entry", W1)}


def test_only_what_more_requests_can_tell_is_undecided() -> None:
    """Random choice with too few answers; not a table that was read, turns, losses, or silence."""
    fresh = drawn(2)
    lost = drawn(2)
    lost.dead[W1] = Outcome.REFUSED

    def undecided(swarm: Swarm, requests: int = 108, tables: Balancers = NOBODY) -> tuple[str, ...]:
        return fair.undecided(swarm.asked(requests), roster(), tables, TERMS)

    assert undecided(fresh) == NODES
    assert undecided(lost) == (NODES[0], NODES[2])
    assert undecided(fresh, SIZE) == undecided(fresh, 0) == undecided(Swarm.of()) == ()
    assert undecided(fresh, tables=fresh.read()) == ()


def test_connections_of_others_can_refute_but_need_no_margin() -> None:
    """The order shows the turns; 96 answers would not show the margin."""
    swarm = Swarm.of()
    swarm.foreign_every = 20

    verdict = even(swarm.asked(96), roster(), swarm.read())

    assert (verdict.state, verdict.findings) == (State.UPHELD, ())
    assert verdict.sentence.endswith("exact round robin rule)")


def test_it_is_judged_the_same_from_what_the_journal_holds() -> None:
    """The margin and the confidence are part of the claim."""
    traffic = drawn().asked(SIZE)
    verdict = judged(traffic)
    assert verdict.basis is not None
    basis = dataclasses.replace(verdict.basis, args=json.loads(json.dumps(dict(verdict.basis.args))))

    again = replay(basis, {"traffic-1": traffic, "roster-1": roster()})

    assert (again.state, again.sentence, again.numbers) == (verdict.state, verdict.sentence, verdict.numbers)
    assert basis.args["margin"] == MARGIN


@pytest.mark.parametrize(("margin", "state"), [(0.2, State.UNKNOWN), (0.5, State.UPHELD)])
def test_the_margin_asked_for_decides(margin: float, state: State) -> None:
    """The same traffic supports one margin and not another."""
    assert even(drawn().asked(SIZE), roster(), margin=margin).state is state
