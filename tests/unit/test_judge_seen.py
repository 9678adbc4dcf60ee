"""What tasks see of their clients and of their own service, case by case."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import Hairpins, Roster, Sources
from harness.judge.seen import reaches_itself, sources_as_documented
from harness.judge.verdict import State, Verdict
from harness.model import Replica

M, W1 = "swarm-manager", "swarm-worker1"
CLIENT = "192.0.2.1"
GOOD = (
    ("ingress", M, "10.0.0.2", ""),
    ("ingress", M, "10.0.0.2", ""),
    ("ingress", W1, "10.0.0.3", ""),
    ("host", W1, CLIENT, ""),
)
ROSTER = Roster("roster-1", "s", 0.0, (Replica("a", 1, M), Replica("b", 2, W1)))
WAYS = ("VIP", M, W1)
TOLD = tuple((task, way, "ok", who) for task in "ab" for way in WAYS for who in "abab")


def told(verdict: Verdict) -> set[tuple[str, str, str]]:
    """Name, node and path of each finding."""
    return {(one.name, one.subject.node, one.subject.path) for one in verdict.findings}


def sources(*seen: tuple[str, str, str, str]) -> Verdict:
    """Judged with these in the place of what a healthy swarm shows of the same node and mode."""
    changed = {(mode, entry) for mode, entry, _, _ in seen}
    kept = [one for one in GOOD if one[:2] not in changed]
    own = ((M, CLIENT), (W1, CLIENT))
    taken = ("10.0.0.5", "10.0.0.6")
    return sources_as_documented(Sources("s-1", "s", 0.0, (*kept, *seen), own, ("10.0.0.0/24",), taken))


def test_tasks_see_the_entry_node_or_their_client() -> None:
    """The sentence records both."""
    verdict = sources()

    assert verdict.state is State.UPHELD
    assert "10.0.0.2 by swarm-manager" in verdict.sentence
    assert CLIENT in verdict.sentence


@pytest.mark.parametrize(
    ("seen", "name", "path"),
    [
        ((("ingress", W1, CLIENT, ""),), "foreign-source", "ingress"),
        ((("ingress", W1, "10.0.0.6", ""),), "foreign-source", "ingress"),
        ((("ingress", W1, "10.0.0.3", ""), ("ingress", W1, "10.0.0.4", "")), "foreign-source", "ingress"),
        ((("host", W1, "172.18.0.1", ""),), "source-hidden", "host"),
    ],
)
def test_another_source_is_named(seen: tuple[tuple[str, str, str, str], ...], name: str, path: str) -> None:
    """With the node that translates wrongly."""
    assert told(sources(*seen)) == {(name, W1, path)}


def test_two_entry_nodes_have_different_addresses() -> None:
    """Which of them is wrong nobody can tell from here."""
    verdict = sources(("ingress", W1, "10.0.0.2", ""))

    assert {one.subject.node for one in verdict.findings} == {M, W1}


def test_what_no_task_told_is_unknown() -> None:
    """Nor is anything known without the network's subnet."""
    assert sources(("ingress", W1, "", "refused")).state is State.UNKNOWN
    assert sources(("host", W1, "", "refused")).state is State.UNKNOWN
    assert sources_as_documented(Sources("s-1", "s", 0.0, GOOD, (), ())).state is State.UNKNOWN
    assert sources_as_documented(Sources("s-1", "s", 0.0, (), (), ("10.0.0.0/24",))).state is State.UNKNOWN


def hairpins(rows: tuple[tuple[str, str, str, str], ...]) -> Verdict:
    """Judged for two tasks and two nodes."""
    return reaches_itself(Hairpins("h-1", "s", 0.0, WAYS, rows), ROSTER)


def lost(*ways: tuple[str, str]) -> tuple[tuple[str, str, str, str], ...]:
    """What a healthy swarm shows, but of these (task, way) nothing is answered."""
    return tuple(
        (task, way, "connect-timeout", "") if (task, way) in ways else (task, way, outcome, who)
        for task, way, outcome, who in TOLD
    )


def test_tasks_reach_their_own_service() -> None:
    """By every way, themselves among those who answer."""
    verdict = hairpins(TOLD)

    assert verdict.state is State.UPHELD
    assert "24 requests, none lost" in verdict.sentence


@pytest.mark.parametrize(
    ("ways", "found"),
    [
        ([("b", W1)], {("hairpin-lost", W1, W1)}),
        ([("b", M)], {("hairpin-lost", W1, M)}),
        ([("b", "VIP")], {("hairpin-lost", W1, "VIP")}),
        ([("a", W1), ("b", W1)], {("hairpin-lost", W1, W1)}),
        ([("a", "VIP"), ("b", "VIP")], {("hairpin-lost", M, "VIP"), ("hairpin-lost", W1, "VIP")}),
    ],
)
def test_a_way_that_is_lost_is_named(ways: list[tuple[str, str]], found: set[tuple[str, str, str]]) -> None:
    """With the task's node, or the entry node that nobody gets through."""
    assert told(hairpins(lost(*ways))) == found


def test_a_task_that_never_meets_itself_is_named() -> None:
    """If it got enough answers to tell."""
    few = tuple((task, way, outcome, "a" if task == "b" else who) for task, way, outcome, who in TOLD)

    assert hairpins(few).state is State.UNKNOWN
    assert told(hairpins(few * 3)) == {("hairpin-lost", W1, "itself")}


def test_what_a_task_did_not_tell_is_unknown() -> None:
    """As is everything once a task was replaced."""
    assert hairpins(tuple(one for one in TOLD if one[:2] != ("b", W1))).state is State.UNKNOWN
    assert hairpins(()).state is State.UNKNOWN
    went = dataclasses.replace(ROSTER, went=ROSTER.replicas[:1])
    assert reaches_itself(Hairpins("h-1", "s", 0.0, WAYS, TOLD), went).state is State.UNKNOWN


def test_a_stranger_is_no_answer() -> None:
    """Somebody else behind the service's own name."""
    rows = (*TOLD, ("b", M, "ok", "z"))

    assert told(hairpins(rows)) == {("hairpin-lost", W1, M)}
