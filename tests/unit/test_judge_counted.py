"""Spread by the kernels' count: what it says, names, and leaves open."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Balancers, Counted, CountedServer, Roster, Traffic, VirtualServer
from harness.judge.counted import counted_answers, counted_covered, counted_even, untold
from harness.judge.verdict import State, Verdict
from harness.model import Attachment, Outcome, Path, Replica, Sample

M, W1 = "swarm-manager", "swarm-worker1"
ADDRESSES = ("10.0.0.3", "10.0.0.4", "10.0.0.5")
REPLICAS = tuple(
    Replica(f"task-{n}", n, W1, (Attachment("ingress", address),)) for n, address in enumerate(ADDRESSES, 1)
)
ROSTER = Roster("roster-1", "web", 0.0, REPLICAS, 3)
TABLES = Balancers(
    "balancers-1",
    0.0,
    tuple(VirtualServer(node, "ingress_sbox", mark, "rr", ()) for node, mark in ((M, 256), (W1, 300))),
    ((M, "ingress_sbox", "port", "80", 256), (W1, "ingress_sbox", "port", "80", 300)),
)
BEFORE = Counted(
    "counted-1", 0.0, tuple(CountedServer(n, 80, a, 7, 7, 7) for n in (M, W1) for a in ADDRESSES)
)


def after(**given: int) -> Counted:
    """Counters after the traffic: four connections to each, but for ``m3=...`` (node, last digit)."""
    found = []
    for node, letter in ((M, "m"), (W1, "w")):
        for address in ADDRESSES:
            more = given.get(letter + address[-1], 4)
            found.append(CountedServer(node, 80, address, 7 + more, 7 + 5 * more, 7 + 4 * more))
    return Counted("counted-2", 9.0, tuple(found))


def asked(each: int = 12, *, refused: int = 0) -> Traffic:
    """So many connections through each of two nodes, some of which were refused."""
    samples = tuple(
        Sample(n, node, Path.INGRESS, 1.0, 1.0, 1.1, Outcome.REFUSED if n < refused else Outcome.OK)
        for node in (M, W1)
        for n in range(each)
    )
    return Traffic("traffic-1", "web", Path.INGRESS, (M, W1), 0.0, 9.0, samples)


def all_three(traffic: Traffic, before: Counted, end: Counted) -> list[Verdict]:
    """What each of the judges says."""
    return [
        counted_answers(traffic, before, end, ROSTER, 80),
        counted_covered(traffic, before, end, ROSTER, 80),
        counted_even(traffic, before, end, ROSTER, 80, TABLES),
    ]


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def test_what_is_well_is_told_with_its_numbers() -> None:
    """All three."""
    answers, covered, even = all_three(asked(), BEFORE, after())

    assert {one.state for one in (answers, covered, even)} == {State.UPHELD}
    assert "12 per entry node; it speaks no HTTP" in answers.sentence
    assert covered.sentence == (
        "each of 2 entry nodes uses all 3 replicas, and nobody else (12 connections per entry node)"
    )
    assert even.numbers["given"][M] == {".1@swarm-worker1": 4, ".2@swarm-worker1": 4, ".3@swarm-worker1": 4}


def test_a_connection_that_no_balancer_saw_was_the_engines() -> None:
    """Below 29.8 the engine accepts by itself where its rule is gone."""
    verdict = counted_answers(asked(), BEFORE, after(m3=0, m4=0, m5=0), ROSTER, 80)

    assert (verdict.state, found(verdict)) == (State.REFUTED, [("connections-past-the-balancer", M)])


def test_a_replica_from_which_nothing_comes_back_is_named() -> None:
    """Its row is there, and its packets get lost."""
    end = after()
    dead = dataclasses.replace(end.servers[0], packets_out=7)
    verdict = counted_answers(
        asked(), BEFORE, dataclasses.replace(end, servers=(dead, *end.servers[1:])), ROSTER, 80
    )

    assert found(verdict) == [("replica-silent", M)]
    assert ".1@swarm-worker1" in verdict.sentence


def test_refused_connections_are_told() -> None:
    """They are no matter of counting."""
    assert found(counted_answers(asked(refused=12), BEFORE, after(), ROSTER, 80))[0] == ("entry-dead", M)


def test_a_replica_that_gets_nothing_is_missing() -> None:
    """On that node alone."""
    verdict = counted_covered(asked(), BEFORE, after(m3=0, m4=6, m5=6), ROSTER, 80)

    assert (verdict.state, found(verdict)) == (State.REFUTED, [("replica-missing-at-entry", M)])


def test_a_row_that_no_replica_has_is_dead() -> None:
    """It took connections."""
    stray = CountedServer(M, 80, "10.0.0.9", 4, 4, 0)
    end = dataclasses.replace(after(), servers=(*after().servers, stray))
    verdict = counted_covered(asked(16), BEFORE, end, ROSTER, 80)

    assert found(verdict) == [("dead-backend-at-entry", M)]


def test_uneven_is_refuted_where_nobody_else_connected() -> None:
    """And left open where somebody did."""
    alone = counted_even(asked(), BEFORE, after(m3=2, m4=4, m5=6), ROSTER, 80, TABLES)
    others = counted_even(asked(), BEFORE, after(m3=2, m4=4, m5=9), ROSTER, 80, TABLES)

    assert (alone.state, found(alone)) == (State.REFUTED, [("uneven-at-entry", M)])
    assert (others.state, others.findings) == (State.UNKNOWN, ())


def test_strict_turns_are_expected_of_round_robin_alone() -> None:
    """Of a scheduler that was not read nothing follows."""
    unread = dataclasses.replace(TABLES, servers=())

    assert counted_even(asked(), BEFORE, after(m3=2, m5=6), ROSTER, 80, unread).state is State.UNKNOWN


@pytest.mark.parametrize(
    "end",
    [
        dataclasses.replace(after(), servers=()),
        dataclasses.replace(after(), missing=((M, "no answer"), (W1, "no answer"))),
        dataclasses.replace(
            after(), servers=tuple(CountedServer(n, 80, a, 1, 1, 1) for n in (M, W1) for a in ADDRESSES)
        ),
    ],
    ids=["no balancer", "not read", "begun anew"],
)
def test_without_counters_nothing_is_told(end: Counted) -> None:
    """Neither good nor bad."""
    assert {one.state for one in all_three(asked(), BEFORE, end)} == {State.UNKNOWN}


def test_connections_that_no_balancer_counted_tell_nothing_of_shares() -> None:
    """One of two replicas may be missing behind those that were counted; none at all are not even."""
    for first in (8, 0, 1):
        _, covered, even = all_three(asked(), BEFORE, after(m3=first, m4=0, m5=0))
        assert (covered.state, even.state) == (State.UNKNOWN, State.UNKNOWN)


def test_too_few_connections_tell_nothing() -> None:
    """Four rounds over the replicas are needed."""
    few = after(m3=1, m4=1, m5=1, w3=1, w4=1, w5=1)

    assert counted_covered(asked(3), BEFORE, few, ROSTER, 80).state is State.UNKNOWN
    assert counted_even(asked(3), BEFORE, few, ROSTER, 80, TABLES).state is State.UNKNOWN


def test_a_replica_that_came_meanwhile_is_nobody_s_fault() -> None:
    """Its row and the one of its predecessor tell nothing."""
    changed = dataclasses.replace(ROSTER, went=REPLICAS[:1])
    verdicts = [
        judge(asked(), BEFORE, after(m3=0), changed, 80) for judge in (counted_answers, counted_covered)
    ]

    assert {one.state for one in verdicts} == {State.UNKNOWN}
    assert verdicts[0].sentence == "while it was asked, .1@swarm-worker1 ended"


def test_a_host_port_without_http_is_not_judged() -> None:
    """Whoever accepts there may be anybody."""
    assert untold(asked()).state is State.UNKNOWN


def test_without_replicas_nothing_is_told() -> None:
    """There is nobody to share."""
    nobody = dataclasses.replace(ROSTER, replicas=())

    assert counted_covered(asked(), BEFORE, after(), nobody, 80).state is State.UNKNOWN


@given(st.lists(st.integers(0, 50), min_size=6, max_size=6))
def test_only_strict_turns_are_even(given: list[int]) -> None:
    """Upheld exactly where on each node the counts differ by at most 1."""
    end = after(**dict(zip(("m3", "m4", "m5", "w3", "w4", "w5"), given, strict=True)))
    verdict = counted_even(asked(), BEFORE, end, ROSTER, 80, TABLES)
    even = all(max(part) - min(part) <= 1 and sum(part) >= 12 for part in (given[:3], given[3:]))

    assert (verdict.state is State.UPHELD) == even
