"""Section 7 of issue 2 and its neighbours: each planted fault gives its own cause, at its node, no other."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge.reach import answers_everywhere
from harness.judge.simulated import NODES, Swarm, roster
from harness.judge.spread import covered, even
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


@pytest.mark.parametrize("read", [True, False], ids=["tables-read", "outside-alone"])
class TestPlantedFaults:
    """Section 7 of issue 2: each fault gives its own cause, at its node, and no other."""

    def test_a_real_server_removed(self, read: bool) -> None:
        """Every request still succeeds; one replica is missing at one entry node."""
        swarm = Swarm.of()
        swarm.tables[W1].remove("10.0.0.13")
        coverage, evenness, reach = judged(swarm, 120, read=read)

        assert reach.state is State.UPHELD
        assert coverage.state is evenness.state is State.REFUTED
        assert names(coverage, evenness) == {("replica-missing-at-entry", W1)}
        assert coverage.findings[0].subject.replica == "task3"
        assert coverage.findings[0].modes == ("B2",)
        assert coverage.subject.node == W1
        assert ("10.0.0.13 is not in the table" in coverage.findings[0].sentence) is read

    def test_an_extra_real_server(self, read: bool) -> None:
        """One request of seven times out at one entry node, in a rhythm."""
        swarm = Swarm.of()
        swarm.tables[W2].insert(2, GHOST)
        coverage, evenness, reach = judged(swarm, 96, read=read)

        assert coverage.state is State.UPHELD
        assert evenness.state is reach.state is State.REFUTED
        assert names(evenness, reach) == {("dead-backend-at-entry", W2)}
        assert evenness.findings[0].modes[0] == "B1"
        assert (evenness.findings[0].subject.replica == GHOST) is read
        assert "96" in evenness.sentence

    @pytest.mark.parametrize(
        ("outcome", "mode"), [(Outcome.READ_TIMEOUT, "A1"), (Outcome.REFUSED, "A1"), (Outcome.RESET, "A11")]
    )
    def test_the_dnat_rule_deleted(self, read: bool, outcome: Outcome, mode: str) -> None:
        """No request through the node is answered: it connects and hears nothing, or is refused."""
        swarm = Swarm.of()
        swarm.dead[W1] = outcome
        verdicts = judged(swarm, 96, read=read)

        assert [one.state for one in verdicts] == [State.REFUTED] * 3
        assert names(*verdicts) == {("entry-dead", W1)}
        assert mode in verdicts[0].findings[0].modes


@given(
    st.integers(2, 10),
    st.sampled_from(["missing", "extra", "dead"]),
    st.sampled_from(NODES),
    st.data(),
)
@settings(deadline=None, max_examples=30)
def test_a_planted_fault_is_named_for_any_table(
    replicas: int, fault: str, node: str, data: st.DataObject
) -> None:
    """Whatever the number of replicas, the row and the pointer: right cause, right node, nothing else."""
    swarm = Swarm.of(replicas)
    swarm.pointer = data.draw(st.integers(0, 30))
    if fault == "missing":
        swarm.tables[node].pop(data.draw(st.integers(0, replicas - 1)))
    elif fault == "extra":
        swarm.tables[node].insert(data.draw(st.integers(0, replicas)), GHOST)
    else:
        swarm.dead[node] = Outcome.READ_TIMEOUT
    cause = {
        "missing": "replica-missing-at-entry",
        "extra": "dead-backend-at-entry",
        "dead": "entry-dead",
    }[fault]

    verdicts = judged(swarm, 5 * (replicas + 1), replicas=replicas)

    assert names(*verdicts) == {(cause, node)}
    assert verdicts[1].state is State.REFUTED


@pytest.mark.parametrize("requests", [24, 48, 60])
def test_a_missing_replica_is_never_even(requests: int) -> None:
    """Too few requests to be sure that it is missing are too few to call the shares equal."""
    swarm = Swarm.of()
    swarm.tables[W1].remove("10.0.0.13")

    verdicts = judged(swarm, requests, read=False)

    assert [one.state for one in verdicts[:2]] == [State.UNKNOWN] * 2
    assert ".4@swarm-manager" in verdicts[1].sentence


def test_a_replica_with_weight_0_is_starved() -> None:
    """The row is there, its weight is 0: mode B4 rather than B2."""
    swarm = Swarm.of()
    swarm.weights[W1, "10.0.0.12"] = 0

    verdict = even(swarm.asked(24), roster(), swarm.read())

    assert names(verdict) == {("replica-missing-at-entry", W1)}
    assert verdict.findings[0].modes == ("B4",)
    assert "weight 0" in verdict.findings[0].sentence


def test_a_foreign_answer_is_named() -> None:
    """An answer of somebody who is no replica refutes coverage, evenness and reach of the right node."""
    swarm = Swarm.of()
    swarm.tables[W2].append("10.0.0.99")
    swarm.owners["10.0.0.99"] = "stranger"

    traffic = swarm.asked(48)
    verdicts = [covered(traffic, roster(), swarm.read()), even(traffic, roster(), swarm.read())]

    assert names(*verdicts) == {("foreign-answer-at-entry", W2)}
    assert verdicts[0].findings[0].modes[0] == "B3"
    assert verdicts[0].findings[0].subject.replica == "stranger"


def test_a_wrong_application_is_a_foreign_answer_not_a_lost_request() -> None:
    """All answers wrong at one node: somebody else has its port."""
    swarm = Swarm.of()
    swarm.dead[W1] = Outcome.WRONG_BODY

    assert names(*judged(swarm)) == {("foreign-answer-at-entry", W1)}


def test_a_cut_data_path_is_neither_missing_nor_extra() -> None:
    """Two of six replicas time out from one node: they are unreachable from there."""
    swarm = Swarm.of()
    cut = {"10.0.0.12": Outcome.CONNECT_TIMEOUT, "10.0.0.15": Outcome.CONNECT_TIMEOUT}
    burst = swarm.asked(48)
    broken = tuple(
        dataclasses.replace(one, outcome=cut[row], replica="")
        if one.entry == W1 and (row := f"10.0.0.{10 + int(one.replica[4:])}") in cut
        else one
        for one in burst.samples
    )

    verdict = even(dataclasses.replace(burst, samples=broken), roster(), swarm.read())

    assert names(verdict) == {("replica-unreachable-from-entry", W1)}
    assert "C1" in verdict.findings[0].modes
    assert W2 in verdict.findings[0].remedy


def test_a_replica_that_nobody_reaches_is_no_fault_of_an_entry() -> None:
    """Missing at all nodes: the task itself, or its announcement."""
    swarm = Swarm.of()
    for node in NODES:
        swarm.tables[node].remove("10.0.0.11")

    verdict = covered(swarm.asked(48), roster(), swarm.read())

    assert {one.name for one in verdict.findings} == {"replica-unreached"}


def test_a_service_that_answers_nowhere_is_one_cause() -> None:
    """All entry nodes dead: one finding about the service, not three about nodes."""
    swarm = Swarm.of()
    swarm.dead = dict.fromkeys(NODES, Outcome.REFUSED)

    verdicts = judged(swarm)

    assert names(*verdicts) == {("service-dead", "")}


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"outcome": Outcome.CONNECT_TIMEOUT, "replica": ""}, "requests-lost-at-entry"),
        ({"replica": "task0"}, "uneven-at-entry"),
    ],
    ids=["lost", "exchanged"],
)
def test_one_altered_sample_changes_the_verdict(changes: dict[str, Any], cause: str) -> None:
    """A single loss is not blamed on a table; an answer exchanged for another is no round robin any more."""
    traffic = Swarm.of().asked(48)
    samples = list(traffic.samples)
    samples[17] = dataclasses.replace(samples[17], **changes)

    verdict = even(dataclasses.replace(traffic, samples=tuple(samples)), roster(), Swarm.of().read())

    assert names(verdict) == {(cause, NODES[0])}


@pytest.mark.parametrize("known", [True, False], ids=["roster", "no-roster"])
def test_a_few_requests_refute_without_a_cause(known: bool) -> None:
    """One loss among six requests breaks the promise, and is too little to blame a row or a replica."""
    swarm = Swarm.of()
    swarm.tables[W1].insert(4, GHOST)

    traffic = swarm.asked(6, Path.LOCALHOST)
    reach = answers_everywhere(traffic, entries=NODES, roster=roster() if known else None)
    evenness = even(traffic, roster(), None)

    assert reach.state is evenness.state is State.REFUTED
    assert names(reach, evenness) == set()
    assert f"{W1}: 5 of 6 answered; 1 connect-timeout" in reach.sentence


def test_a_dead_backend_of_a_random_balancer_is_named_by_its_share() -> None:
    """Without rr there is no rhythm: about one in seven lost, with all replicas seen, is one backend more."""
    swarm = Swarm.of()
    rng = random.Random(2)  # noqa: S311  a seeded draw, no secret
    swarm.choose = lambda rows, _: rng.choice(rows)
    swarm.tables[W2].append(GHOST)

    verdict = even(swarm.asked(108), roster(), None)

    assert names(verdict) == {("dead-backend-at-entry", W2)}
    assert "about one in 7" in verdict.sentence
