"""A port that was cut: its documented effect, its name, and nothing where the cut did not bite."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.evidence import Change, Fault, History, Link, PortMatrix, Roster, Traffic
from harness.judge.cutting import cut_spares_service, hides_news, hides_tasks, port_named, stays_ready
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Replica, Sample

M, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
NODES = (M, W1, W2)
FAULT = Fault("fault-1", "cut-4789", W2, 10.0, 11.0, "80 packets", 30.0)
OLD = {M: "a", W1: "b", W2: "c"}
NEW = {M: "d", W1: "e", W2: "f"}


def roster(*groups: dict[str, str]) -> Roster:
    """One task per node and group."""
    tasks = [(task, node) for group in groups for node, task in group.items()]
    replicas = tuple(Replica(task, index, node) for index, (task, node) in enumerate(tasks, 1))
    return Roster("roster-1", "web", 0.0, replicas, len(replicas))


def traffic(answers: Callable[[str, int], str]) -> Traffic:
    """40 requests through each node from 5 s to 45 s; ``answers(entry, seq)`` is who answered, or nobody."""
    samples = []
    for entry in NODES:
        for seq in range(160):
            replica, at = answers(entry, seq), 5.0 + seq / 4
            outcome = Outcome.OK if replica else Outcome.CONNECT_TIMEOUT
            samples.append(Sample(seq, entry, Path.INGRESS, at, at, at + 0.1, outcome, replica))
    return Traffic("traffic-1", "web", Path.INGRESS, NODES, 5.0, 45.0, tuple(samples))


def turns(entry: str, seq: int, *groups: dict[str, str]) -> tuple[str, str]:
    """Round robin over all tasks: node and task."""
    tasks = [pair for group in groups for pair in group.items()]
    del entry
    return tasks[seq % len(tasks)]


def split(entry: str, seq: int) -> str:
    """Requests between worker 2 and the others hang."""
    node, task = turns(entry, seq, OLD)
    return task if (node == W2) == (entry == W2) else ""


def own(entry: str, seq: int) -> str:
    """Each side goes round its own tasks, old and new."""
    side = [
        (node, task) for group in (OLD, NEW) for node, task in group.items() if (node == W2) == (entry == W2)
    ]
    return side[seq % len(side)][1]


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def matrix(*shut: tuple[str, str, int], missing: tuple[tuple[str, str], ...] = ()) -> PortMatrix:
    """All links between three nodes, some of them silent."""
    links = [
        Link(one, two, port, "udp", "silent" if (one, two, port) in shut else "open")
        for one in NODES
        for two in NODES
        if one != two
        for port in (4789, 7946)
    ]
    return PortMatrix("portmatrix-1", 20.0, tuple(links), missing)


def history(*changes: Change, ended: float = 40.0) -> History:
    """Nodes, watched."""
    return History("history-1", "web", 0.0, ended, changes)


def test_the_data_path_cut_hides_tasks_and_nothing_more() -> None:
    """Each side answers for itself."""
    verdict = hides_tasks(traffic(split), FAULT, roster(OLD), until=29.0)

    assert verdict.state is State.UPHELD
    assert "swarm-worker2 48 of" in verdict.sentence


def test_an_answer_across_is_named_with_its_entry() -> None:
    """Then it is not the path that was cut."""
    through = traffic(lambda entry, seq: turns(entry, seq, OLD)[1] if entry == M else split(entry, seq))

    assert ("answered-through-cut", M) in found(hides_tasks(through, FAULT, roster(OLD), until=29.0))


def test_a_loss_beyond_the_cut_is_named_with_its_entry() -> None:
    """Worker 1 does not even reach the manager's task."""
    lost = traffic(lambda entry, seq: "" if entry == W1 and seq % 3 == 0 else split(entry, seq))

    assert found(hides_tasks(lost, FAULT, roster(OLD), until=29.0)) == [("lost-beyond-cut", W1)]


def test_without_a_loss_nothing_went_across() -> None:
    """The tables may hold no task of the other side: then the cut was not tried."""
    assert hides_tasks(traffic(own), FAULT, roster(OLD, NEW), until=29.0).state is State.UNKNOWN


def test_gossip_cut_keeps_news_away() -> None:
    """Each side knows its own; what worker 2 knew before it may still reach."""
    good = hides_news(
        traffic(own), FAULT, roster(OLD), roster(OLD, NEW), since=20.0, until=29.0, lost_share=0.01
    )
    slow = traffic(lambda entry, seq: "a" if entry == W2 and seq % 7 == 0 else own(entry, seq))

    assert good.state is State.UPHELD
    assert hides_news(slow, FAULT, roster(OLD), roster(OLD, NEW), since=20.0, until=29.0, lost_share=0.01)


@pytest.mark.parametrize(
    ("entry", "answer", "name"),
    [
        (W2, "d", "answered-through-cut"),
        (M, "c", "answered-through-cut"),
        (M, "f", "answered-through-cut"),
        (W1, "", "lost-beyond-cut"),
    ],
)
def test_news_that_comes_across_and_losses_are_named(entry: str, answer: str, name: str) -> None:
    """With the node through which they came."""
    seen = traffic(lambda node, seq: answer if node == entry and seq % 5 == 0 else own(node, seq))
    verdict = hides_news(seen, FAULT, roster(OLD), roster(OLD, NEW), since=20.0, until=29.0, lost_share=0.01)

    assert found(verdict) == [(name, entry)]


def test_without_new_tasks_on_both_sides_it_is_unknown() -> None:
    """Entries that were there keep working: they show nothing."""
    only = {M: "d", W1: "e"}
    verdict = hides_news(
        traffic(own), FAULT, roster(OLD), roster(OLD, only), since=20.0, until=29.0, lost_share=0.01
    )

    assert verdict.state is State.UNKNOWN


def test_a_cut_that_did_not_bite_proves_nothing() -> None:
    """No packet was dropped: unknown, whatever was seen."""
    idle = dataclasses.replace(FAULT, proved=None)
    verdicts = [
        hides_tasks(traffic(split), idle, roster(OLD), until=29.0),
        hides_news(
            traffic(own), idle, roster(OLD), roster(OLD, NEW), since=20.0, until=29.0, lost_share=0.01
        ),
        port_named(matrix((W1, W2, 4789)), idle, port=4789),
        stays_ready(history(), idle),
        cut_spares_service(traffic(split), idle, lost_share=0.01),
    ]

    assert {one.state for one in verdicts} == {State.UNKNOWN}


def test_the_port_is_named() -> None:
    """Either way, by the name of the node."""
    assert port_named(matrix((W1, W2, 4789), (W2, M, 4789)), FAULT, port=4789)


def test_a_port_that_nobody_names_or_another_is_told() -> None:
    """A look that shows nothing is no look; what was not cut must be open, unless it follows."""
    assert found(port_named(matrix(), FAULT, port=4789)) == [("cut-not-named", W2)]
    assert found(port_named(matrix((W1, W2, 4789), (W1, M, 4789)), FAULT, port=4789)) == [
        ("another-port-blocked", M)
    ]
    both = matrix((W1, W2, 7946), (W1, W2, 4789))
    assert found(port_named(both, FAULT, port=7946)) == [("another-port-blocked", W2)]
    assert port_named(both, FAULT, port=7946, follows=[4789])
    assert found(port_named(matrix((W1, W2, 4789)), FAULT, port=7946, follows=[4789])) == [
        ("cut-not-named", W2)
    ]


def test_a_node_that_told_nothing_leaves_it_unknown() -> None:
    """Its links were not seen."""
    seen = matrix((W1, W2, 4789), missing=((M, "no answer"),))

    assert port_named(seen, FAULT, port=4789).state is State.UNKNOWN


def test_nodes_stay_ready() -> None:
    """While it is cut; what came before or after is not of it."""
    early, meanwhile = Change(5.0, "node", "n2", "down", node=W2), Change(15.0, "node", "n2", "down", node=W2)

    assert stays_ready(history(early), FAULT).state is State.UPHELD
    assert found(stays_ready(history(meanwhile), FAULT)) == [("node-not-ready", W2)]
    assert stays_ready(history(ended=20.0), FAULT).state is State.UNKNOWN


def test_requests_go_on() -> None:
    """A port that carries none costs none."""
    assert cut_spares_service(traffic(own), FAULT, lost_share=0.01).state is State.UPHELD
    lost = traffic(lambda entry, seq: "" if entry == W1 and seq % 9 == 0 else own(entry, seq))
    assert found(cut_spares_service(lost, FAULT, lost_share=0.01)) == [("lost-in-change", W1)]
    late = dataclasses.replace(FAULT, ended=50.0)
    assert cut_spares_service(traffic(own), late, lost_share=0.01).state is State.UNKNOWN
