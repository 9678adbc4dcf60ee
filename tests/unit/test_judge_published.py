"""Ports beside one of TCP, case by case."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Roster, Traffic
from harness.judge.published import answers_at_home, reaches_all, serves_again, serves_on
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Replica, Sample

M, W1, W2 = NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
TASKS = ("a", "b", "c")
ROSTER = Roster("roster-1", "s", 0.0, tuple(Replica(task, n + 1, NODES[n]) for n, task in enumerate(TASKS)))
TWO = Roster("roster-2", "s", 0.0, ROSTER.replicas[:2])  # none on W2
Answer = str | Outcome


def asked(answers: dict[str, Sequence[Answer]]) -> Traffic:
    """What each entry node answered: a task, or why not."""
    samples = [
        Sample(
            seq=n,
            entry=entry,
            path=Path.INGRESS,
            planned=n / 10,
            began=n / 10,
            ended=n / 10 + 0.01,
            outcome=one if isinstance(one, Outcome) else Outcome.OK,
            replica="" if isinstance(one, Outcome) else one,
        )
        for entry, told in answers.items()
        for n, one in enumerate(told)
    ]
    return Traffic("traffic-1", "s", Path.INGRESS, tuple(answers), 0.0, 60.0, tuple(samples))


def told(verdict: Verdict) -> set[tuple[str, str]]:
    """Name and node of each finding."""
    return {(one.name, one.subject.node) for one in verdict.findings}


GOOD: list[Answer] = list(TASKS) * 20
LOST = Outcome.READ_TIMEOUT


def udp(worker: Sequence[Answer]) -> Verdict:
    """Datagrams, of which one worker answered these."""
    return reaches_all(asked({M: GOOD, W1: worker, W2: GOOD}), ROSTER, port=8088, protocol="udp")


def test_datagrams_that_reach_everybody() -> None:
    """The sentence says how many, and how many were lost."""
    verdict = udp(GOOD)

    assert verdict.state is State.UPHELD
    assert "0 of 180 datagrams lost" in verdict.sentence


def test_one_lost_datagram_is_told_and_forgiven() -> None:
    """Nobody sends it again, so a network may lose it."""
    verdict = udp([*GOOD[:-1], LOST])

    assert verdict.state is State.UPHELD
    assert "1 of 180 datagrams lost" in verdict.sentence


def test_some_lost_datagrams_are_unknown() -> None:
    """Too many for a good network, too few for a dead row."""
    assert udp([*GOOD[:-3], *[LOST] * 3]).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("worker", "name"),
    [
        ([LOST] * 8, "entry-dead"),
        ([Outcome.REFUSED] * 8, "entry-dead"),
        ([*TASKS, LOST] * 15, "datagrams-lost-at-entry"),
        (["a", "b"] * 30, "replica-missing-at-entry"),
        ([*GOOD[:-1], "z"], "foreign-answer-at-entry"),
        ([*GOOD[:-1], Outcome.WRONG_BODY], "foreign-answer-at-entry"),
    ],
)
def test_a_bad_entry_node_is_named(worker: list[Answer], name: str) -> None:
    """It, and no other."""
    verdict = udp(worker)

    assert verdict.state is State.REFUTED
    assert told(verdict) == {(name, W1)}


def test_no_request_over_tcp_may_be_lost() -> None:
    """It is sent again until it arrives."""
    traffic = asked({M: GOOD, W1: [*GOOD[:-1], LOST], W2: GOOD})

    assert told(reaches_all(traffic, ROSTER, port=8088)) == {("requests-lost-at-entry", W1)}


def test_what_too_few_answers_do_not_show_is_unknown() -> None:
    """So is a node that was not asked, and a service whose tasks changed."""
    few = asked({M: GOOD, W1: ["a", "b"] * 4})
    silent = asked({M: GOOD, W1: []})
    changed = Roster("roster-3", "s", 0.0, ROSTER.replicas, went=ROSTER.replicas[:1])

    assert reaches_all(few, ROSTER, port=8088).state is State.UNKNOWN
    assert reaches_all(silent, ROSTER, port=8088).state is State.UNKNOWN
    assert reaches_all(asked({M: GOOD}), changed, port=8088).state is State.UNKNOWN
    assert reaches_all(asked({M: GOOD}), Roster("r", "s", 0.0, ()), port=8088).state is State.UNKNOWN


@given(st.lists(st.sampled_from([*TASKS, "z", LOST, Outcome.REFUSED]), max_size=80))
def test_only_rightful_answers_uphold(worker: list[Answer]) -> None:
    """Whatever an entry node does: upheld means each replica, no stranger, at most one lost datagram."""
    verdict = udp(worker)

    if verdict.state is State.UPHELD:
        assert set(TASKS) <= set(worker)
        assert "z" not in worker
        assert sum(isinstance(one, Outcome) for one in worker) <= 1


def home(worker: Sequence[Answer], other: Sequence[Answer] = (Outcome.REFUSED,) * 6) -> Verdict:
    """A port in host mode, with tasks on the manager and the first worker."""
    return answers_at_home(asked({M: ["a"] * 6, W1: worker, W2: other}), TWO, port=8090)


@pytest.mark.parametrize("closed", [Outcome.REFUSED, Outcome.CONNECT_TIMEOUT, Outcome.UNREACHABLE])
def test_in_host_mode_nodes_without_a_task_are_closed(closed: Outcome) -> None:
    """Refused, or covered by a firewall."""
    verdict = home(["b"] * 6, [closed] * 6)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["away"] == [W2]


@pytest.mark.parametrize(
    ("worker", "other", "name", "node"),
    [
        ([Outcome.REFUSED] * 6, [Outcome.REFUSED], "host-port-dead", W1),
        (["b", "b", Outcome.CONNECT_TIMEOUT], [Outcome.REFUSED], "host-port-dead", W1),
        (["b", "a"], [Outcome.REFUSED], "foreign-answer-at-entry", W1),
        (["b", Outcome.WRONG_BODY], [Outcome.REFUSED], "foreign-answer-at-entry", W1),
        (["b"], ["b"], "port-open-without-task", W2),
        (["b"], [Outcome.READ_TIMEOUT], "port-open-without-task", W2),
        (["b"], ["z"], "port-open-without-task", W2),
    ],
)
def test_in_host_mode_a_wrong_node_is_named(
    worker: list[Answer], other: list[Answer], name: str, node: str
) -> None:
    """With a task: its own answers, always. Without: nobody."""
    assert told(home(worker, other)) == {(name, node)}


def test_in_host_mode_nothing_is_known_without_asking() -> None:
    """Of no node, or of a task that was replaced."""
    assert home([]).state is State.UNKNOWN
    assert home(["b"], []).state is State.UNKNOWN
    assert answers_at_home(asked({M: ["a"]}), Roster("r", "s", 0.0, ()), port=8090).state is State.UNKNOWN


def away(seconds: int, *, ends: Answer = "a") -> Traffic:
    """Ten requests/s for 20 s, of which one worker lost some seconds' worth."""
    worker = [*["a"] * 50, *[Outcome.REFUSED] * (10 * seconds), *["a"] * (149 - 10 * seconds), ends]
    return asked({M: ["a"] * 200, W1: worker, W2: ["a"] * 200})


def test_a_port_that_stays_may_be_away_while_all_tasks_are_replaced() -> None:
    """For as long as a task takes to start, and no longer; and it must come back."""
    change = "a port was added"
    quick, slow, dead = (
        serves_again(traffic, change=change, within=8.0)
        for traffic in (away(6), away(12), away(3, ends=Outcome.REFUSED))
    )

    assert quick.state is serves_again(away(0), change=change, within=8.0).state is State.UPHELD
    assert "60 of 600 requests lost" in quick.sentence
    assert told(slow) == told(dead) == {("outage-too-long", W1)}
    assert serves_again(asked({M: []}), change=change, within=8.0).state is State.UNKNOWN
    assert serves_again(asked({}), change=change, within=8.0).state is State.UNKNOWN


def test_another_services_port_is_not_touched() -> None:
    """Hardly a request may be lost there."""
    change = "a port was moved"

    assert serves_on(away(0), change=change, lost_share=0.01).state is State.UPHELD
    assert told(serves_on(away(1), change=change, lost_share=0.01)) == {("lost-in-change", W1)}
    assert serves_on(asked({}), change=change, lost_share=0.01).state is State.UNKNOWN
