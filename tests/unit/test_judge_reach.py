"""Reach, pinning and flask-redis' counter, case by case."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from harness.evidence import Counter, Fault, PortClosure, Roster, Traffic
from harness.judge.counter import counts_exactly, counts_through_kill
from harness.judge.reach import answers_everywhere, answers_without_task, closed_after_remove
from harness.judge.spread import covered, even, pinned
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Replica, Sample

MANAGER, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
NODES = (MANAGER, W1, W2)
ROSTER = Roster("roster-1", "web", 0.0, tuple(Replica(f"task{i}", i + 1, NODES[i]) for i in range(3)))


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Cause and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def traffic(
    outcomes: dict[str, Outcome] | None = None, *, each: int = 30, who: tuple[str, ...] = ("task0",)
) -> Traffic:
    """``each`` requests per node; nodes in ``outcomes`` end so."""
    samples = []
    for node in NODES:
        outcome = (outcomes or {}).get(node, Outcome.OK)
        for i in range(each):
            name = who[i % len(who)] if outcome is Outcome.OK else ""
            samples.append(Sample(i, node, Path.INGRESS, i, i, i + 0.01, outcome, name, i, counter=i))
    return Traffic("traffic-1", "web", Path.INGRESS, NODES, 0.0, 99.0, tuple(samples))


LONE = dataclasses.replace(ROSTER, replicas=ROSTER.replicas[:1])


def test_nodes_without_a_task_answer() -> None:
    """The replica runs on one node, the others answer all the same."""
    verdict = answers_without_task(traffic(), LONE)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["without_task"] == [W1, W2]


def test_works_only_where_it_runs() -> None:
    """Both other nodes dead, its own alive: the data path first (mode C1)."""
    dead = traffic({W1: Outcome.CONNECT_TIMEOUT, W2: Outcome.CONNECT_TIMEOUT})

    verdict = answers_without_task(dead, LONE)

    assert found(verdict) == [("entry-dead", W1), ("entry-dead", W2)]
    assert {one.modes[0] for one in verdict.findings} == {"C1"}


def test_a_task_on_every_node_shows_nothing() -> None:
    """With a replica on each node, or none known, the claim is unknown."""
    assert answers_without_task(traffic(), ROSTER).state is State.UNKNOWN
    assert answers_without_task(traffic(), dataclasses.replace(ROSTER, replicas=())).state is State.UNKNOWN


def test_every_node_must_have_been_asked() -> None:
    """A node that is not among the traffic's entries, or was asked too little, is unknown."""
    assert answers_everywhere(traffic(), entries=NODES).state is State.UPHELD
    assert answers_everywhere(traffic(), entries=(*NODES, "swarm-worker3")).state is State.UNKNOWN
    assert answers_everywhere(traffic(each=3), least=4).state is State.UNKNOWN
    assert answers_everywhere(dataclasses.replace(traffic(), entries=(), samples=())).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("closed", "ended", "state"),
    [
        ({W1: 101.0, W2: 99.0}, 110.0, State.UPHELD),
        ({W1: 103.0, W2: 100.5}, 110.0, State.REFUTED),
        ({W1: None, W2: 100.5}, 110.0, State.REFUTED),
        ({W1: None, W2: 100.5}, 101.0, State.UNKNOWN),
        ({}, 110.0, State.UNKNOWN),
    ],
)
def test_a_removed_services_port_closes(closed: dict[str, float | None], ended: float, state: State) -> None:
    """Within 2 s of the last task's end on every node; still open at the end only if watched so long."""
    verdict = closed_after_remove(PortClosure("c-1", "web", 8080, 100.0, ended, tuple(closed.items())))

    assert verdict.state is state
    assert found(verdict) == ([("port-open-after-remove", W1)] if state is State.REFUTED else [])


def kept_traffic(per_connection: Sequence[Sequence[str]]) -> Traffic:
    """Kept connections through one node; each is the answers on it."""
    samples = tuple(
        Sample(10 * c + i, W1, Path.INGRESS, float(c), float(c), c + 0.01, Outcome.OK, name, c)
        for c, connection in enumerate(per_connection)
        for i, name in enumerate(connection)
    )
    return Traffic("traffic-2", "web", Path.INGRESS, (W1,), 0.0, 9.0, samples, kept_alive=True)


@pytest.mark.parametrize(
    ("connections", "state"),
    [
        ([["task0"] * 5, ["task1"] * 5], State.UPHELD),
        ([["task0"] * 5, ["task1", "task2"]], State.REFUTED),
        ([["task0"], ["task1"]], State.UNKNOWN),
        ([["task0", "stranger"]], State.REFUTED),
        ([], State.UNKNOWN),
    ],
)
def test_a_kept_connection_stays_with_its_replica(connections: list[list[str]], state: State) -> None:
    """One replica per connection is upheld, two refute, one answer each shows nothing."""
    assert pinned(kept_traffic(connections), ROSTER).state is state


THREE = ("task0", "task1", "task2")


@pytest.mark.parametrize(
    ("grown", "state"), [(90, State.UPHELD), (89, State.REFUTED), (91, State.REFUTED), (None, State.UNKNOWN)]
)
def test_every_request_counts_once(grown: int | None, state: State) -> None:
    """Exactly as many as were sent."""
    counter = Counter("n-1", "web", 10, None if grown is None else 10 + grown)

    assert counts_exactly(counter, traffic(who=THREE), ROSTER, least=30).state is state


def test_readings_that_count_are_taken_off() -> None:
    """A counter that is read by asking the service counts its own reading."""
    counter = Counter("n-1", "web", 10, 101)

    assert counts_exactly(counter, traffic(who=THREE), ROSTER, least=30, readings=1).state is State.UPHELD


def test_a_counter_needs_enough_requests_all_replicas_and_no_loss() -> None:
    """Too few are unknown; a silent replica or a lost request refutes."""
    counter = Counter("n-1", "web", 0, 90)

    assert counts_exactly(counter, traffic(who=THREE), ROSTER, least=300).state is State.UNKNOWN
    assert counts_exactly(counter, traffic(who=THREE[:2]), ROSTER, least=30).state is State.REFUTED
    lossy = counts_exactly(counter, traffic({W1: Outcome.REFUSED}, who=THREE), ROSTER, least=30)
    assert found(lossy) == [("entry-dead", W1)]


@pytest.mark.parametrize(
    ("grown", "state"),
    [(59, State.REFUTED), (60, State.UPHELD), (75, State.UPHELD), (90, State.UPHELD), (91, State.REFUTED)],
)
def test_through_a_kill_growth_lies_between_answers_and_attempts(grown: int, state: State) -> None:
    """60 of 90 answered: between 60 and 90 were counted."""
    fault = Fault("f-1", "task-kill", "task0", 10.0, 10.1)
    lossy = traffic({W1: Outcome.REFUSED})

    assert counts_through_kill(Counter("n-1", "web", 5, 5 + grown), lossy, fault).state is state


@pytest.mark.parametrize(("least", "state"), [(90, State.UPHELD), (91, State.UNKNOWN)])
def test_through_a_kill_enough_must_be_sent(least: int, state: State) -> None:
    """As many requests as were asked for are enough, one less is not."""
    verdict = counts_through_kill(Counter("n-1", "web", 0, 90), traffic(), least=least)

    assert verdict.state is state


def test_a_kill_without_proof_or_without_requests_is_unknown() -> None:
    """No proof, not during the traffic, no requests, no answers, no counter."""
    counter = Counter("n-1", "web", 0, 90)
    unproved = Fault("f-1", "task-kill", "task0", 10.0, None)
    elsewhen = Fault("f-1", "task-kill", "task0", 1000.0, 1001.0)
    nothing = dataclasses.replace(traffic(), samples=())
    dark = traffic(dict.fromkeys(NODES, Outcome.REFUSED))

    states = {
        counts_through_kill(counter, traffic(), unproved).state,
        counts_through_kill(counter, traffic(), elsewhen).state,
        counts_through_kill(dataclasses.replace(counter, after=0), nothing).state,
        counts_through_kill(dataclasses.replace(counter, after=0), dark).state,
        counts_through_kill(dataclasses.replace(counter, before=None), traffic()).state,
    }

    assert states == {State.UNKNOWN}


HEIR = Replica("task9", 2, W2)
MOVED = dataclasses.replace(ROSTER, came=(HEIR,), went=ROSTER.replicas[1:2])


def torn(asked: Traffic, lost: Callable[[int], bool]) -> Traffic:
    """The traffic with these requests through W1 refused, by their number."""
    samples = tuple(
        dataclasses.replace(one, outcome=Outcome.REFUSED, replica="")
        if one.entry == W1 and lost(one.seq)
        else one
        for one in asked.samples
    )
    return dataclasses.replace(asked, samples=samples)


def test_a_replacement_is_no_stranger() -> None:
    """A task came while the nodes were asked: its answers count, every node answered."""
    asked = traffic(who=("task0", "task1", "task2", "task9"))

    assert answers_everywhere(asked, roster=MOVED).state is State.UPHELD
    assert found(answers_everywhere(asked, roster=ROSTER)) == [
        ("foreign-answer-at-entry", node) for node in NODES
    ]
    other = dataclasses.replace(asked.samples[0], replica="task7")
    stranger = dataclasses.replace(asked, samples=(other, *asked.samples[1:]))
    assert found(answers_everywhere(stranger, roster=MOVED)) == [("foreign-answer-at-entry", MANAGER)]


def test_what_a_replacement_cost_is_lost_and_named_so() -> None:
    """Losses that end belong to it; no table's pattern is read into them."""
    asked = torn(traffic(each=60, who=("task0", "task2", "task9")), lambda number: number in {8, 12, 16})

    verdict = answers_everywhere(asked, roster=MOVED)

    assert [one.name for one in verdict.findings] == ["replica-replaced"]
    assert "while it was asked, .2@swarm-worker1 ended and .2@swarm-worker2 came" in verdict.sentence


def test_a_row_that_a_replacement_left_behind_keeps_its_name() -> None:
    """One in four is lost to the end: the dead task's row is still there (B1, D5)."""
    asked = torn(traffic(each=60, who=("task0", "task2", "task9")), lambda number: number % 4 == 3)

    assert found(answers_everywhere(asked, roster=MOVED)) == [("dead-backend-at-entry", W1)]


def test_a_node_to_which_the_task_moved_is_not_one_without() -> None:
    """It answers itself: that shows nothing about nodes without a task."""
    two = dataclasses.replace(LONE, came=(Replica("task9", 1, W1),), went=LONE.replicas)

    verdict = answers_without_task(traffic(who=("task0", "task9")), two)

    assert (verdict.state, verdict.numbers["without_task"]) == (State.UPHELD, [W2])


@pytest.mark.parametrize(
    ("came", "went"), [((HEIR,), ()), ((), ROSTER.replicas[:1]), ((), ROSTER.replicas)], ids=str
)
@pytest.mark.parametrize("judge", [covered, even])
def test_shares_over_a_set_that_changed_are_unknown(
    judge: Callable[..., Verdict], came: tuple[Replica, ...], went: tuple[Replica, ...]
) -> None:
    """Grown, shrunk or gone: there was no one set to be even over."""
    asked = traffic(who=("task0", "task1", "task2"))

    assert judge(asked, ROSTER).state is State.UPHELD
    verdict = judge(asked, dataclasses.replace(ROSTER, came=came, went=went))
    assert (verdict.state, "while it was asked" in verdict.sentence) == (State.UNKNOWN, True)
