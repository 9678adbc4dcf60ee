"""The judges of the overlay: healthy, broken in each way, and silent."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import OverlayMesh, Pair, Way
from harness.judge import replay
from harness.judge.overlay import first_packets, mesh_open
from harness.judge.verdict import Finding, State
from tests.pair_swarm import NODES, OWN, TASKS, W1, W2, WAYS, Lost, M, mesh


def only(verdict_of: OverlayMesh) -> Finding:
    """The one finding of a refuted mesh."""
    verdict = mesh_open(verdict_of)
    assert verdict.state is State.REFUTED, str(verdict)
    (found,) = verdict.findings
    return found


def test_a_healthy_overlay_is_upheld_with_its_numbers() -> None:
    """Six tasks by ICMP and TCP, two peers by TCP and UDP, from three nodes."""
    verdict = mesh_open(mesh())

    assert verdict.state is State.UPHELD
    assert "all 48 pairs" in verdict.sentence
    assert verdict.numbers["open"] == 48


@pytest.mark.parametrize(
    ("deaf", "name", "node", "peer", "path"),
    [
        ({(W2, W1)}, "overlay-pair-cut", W1, W2, f"{W2} -> {W1}"),
        ({(W2, W1), (W1, W2)}, "overlay-pair-cut", W2, W1, f"{W1} <-> {W2}"),
        ({(M, W1), (W2, W1)}, "overlay-node-cut", W1, "", f"all nodes -> {W1}"),
        ({(W1, M), (W1, W2)}, "overlay-node-cut", W1, "", f"all nodes <- {W1}"),
        (WAYS, "overlay-cut", "", "", "every node <-> every other"),
    ],
)
def test_a_cut_data_path_is_one_finding_with_its_direction(
    deaf: set[tuple[str, str]], name: str, node: str, peer: str, path: str
) -> None:
    """C1: the answers of every task over that way are lost too, and are not told one by one."""
    found = only(mesh(deaf=deaf))

    assert (found.name, found.subject.node, found.subject.address) == (name, node, peer)
    assert found.subject.path == path
    assert "C1" in found.modes


def _tcp_between(a: str, b: str) -> Lost:
    return lambda pair: "silent" if pair.protocol == "tcp" and {pair.source, pair.target} == {a, b} else ""


def test_tcp_alone_dead_between_two_nodes_is_the_offload() -> None:
    """C2: ICMP and UDP pass, TCP does not, to whichever task."""
    found = only(mesh(_tcp_between(W1, W2)))

    assert (found.name, found.modes) == ("overlay-tcp-dead", ("C2",))
    assert {found.subject.node, found.subject.address} == {W1, W2}


def test_tcp_dead_at_one_node_is_one_finding() -> None:
    """Both peers see it, and the node is named once."""
    found = only(
        mesh(
            lambda p: (
                "silent"
                if p.protocol == "tcp" and p.source != p.target and W1 in {p.source, p.target}
                else ""
            )
        )
    )

    assert (found.name, found.subject.node, found.subject.address) == ("overlay-tcp-dead", W1, "")


def test_a_task_that_nobody_reaches_is_the_task() -> None:
    """A dead interface: no protocol, from no node, its own included."""
    address, task, node = TASKS[1]

    found = only(mesh(lambda pair: "silent" if pair.address == address else ""))

    assert (found.name, found.subject.node, found.subject.replica) == ("task-unreachable", node, task)
    assert found.subject.address == address


def test_a_task_that_refuses_but_echoes_is_the_application() -> None:
    """The layer above: packets arrive, nobody listens."""
    address, task, _ = TASKS[2]

    found = only(mesh(lambda pair: "closed" if pair.address == address and pair.protocol == "tcp" else ""))

    assert (found.name, found.subject.replica) == ("task-silent", task)
    assert "H5" in found.modes


def test_one_task_unseen_from_one_node_is_that_nodes_table() -> None:
    """C5, C6: a forwarding entry of W2 for one address; others see it well."""
    address, task, _ = TASKS[1]

    found = only(mesh(lambda pair: "silent" if (pair.source, pair.address) == (W2, address) else ""))

    assert (found.name, found.subject.node) == ("task-unreachable-from-node", W2)
    assert (found.subject.address, found.subject.replica) == (address, task)
    assert {"C5", "C6"} <= set(found.modes)


def test_somebody_else_at_an_address_is_told_once() -> None:
    """F1: seen from all nodes, one finding."""
    address, task, node = TASKS[0]

    found = only(mesh(lambda pair: "foreign" if pair.address == address and pair.protocol == "tcp" else ""))

    assert (found.name, found.subject.address) == ("foreign-answer-at-address", address)
    assert (found.subject.node, found.subject.replica) == (node, task)


def test_udp_alone_lost_between_two_nodes_is_no_cut() -> None:
    """No datagram arrived, but TCP and ICMP pass: a rule against UDP, and one finding."""
    lost = mesh(lambda p: "silent" if p.protocol == "udp" and {p.source, p.target} == {W1, W2} else "")
    ways = tuple(Way(w.source, w.target, {w.source, w.target} != {W1, W2}) for w in lost.ways)

    found = only(dataclasses.replace(lost, ways=ways))

    assert found.name == "overlay-udp-dead"
    assert found.subject.path == f"{W1} <-> {W2}"


def test_two_causes_are_two_findings() -> None:
    """A cut way, and a task that is dead for all."""
    address, *_ = TASKS[0]
    verdict = mesh_open(mesh(lambda pair: "silent" if pair.address == address else "", deaf={(W2, W1)}))

    assert sorted(one.name for one in verdict.findings) == ["overlay-pair-cut", "task-unreachable"]


def test_what_nobody_told_is_unknown() -> None:
    """A node without an answer; pairs of which a node told nothing; nothing at all."""
    gone = dataclasses.replace(mesh(), missing=((W1, "its task failed"),))
    unsaid = mesh(lambda pair: "skipped" if pair.source == W2 and pair.protocol == "icmp" else "")
    empty = dataclasses.replace(mesh(), pairs=(), missing=((M, "it told nothing"),))

    for seen in (gone, unsaid, empty):
        assert mesh_open(seen).state is State.UNKNOWN
    assert "its task failed" in mesh_open(gone).sentence
    assert "it told nothing" in mesh_open(empty).sentence


def test_a_verdict_is_repeated_from_its_evidence() -> None:
    """The saved claim names the evidence by id."""
    seen = mesh(deaf={(W2, W1)})
    verdict = mesh_open(seen)
    assert verdict.basis is not None

    assert replay(verdict.basis, {seen.id: seen}).sentence == verdict.sentence


def quiet(tries: dict[tuple[str, str], int], deaf: frozenset[tuple[str, str]] = frozenset()) -> OverlayMesh:
    """What the quiet job told; each ordered pair spoke once in its turn."""
    pairs = tuple(
        Pair(a, b, OWN[b], "", "udp", "silent" if {(a, b), (b, a)} & deaf else "open", tries.get((a, b), 1))
        for a, b in sorted(WAYS)
    )
    ways = tuple(Way(a, b, (a, b) not in deaf) for a, b in sorted(WAYS))
    return OverlayMesh("overlaymesh-2", "", "h-net", 0.0, NODES, pairs, ways, silence=8.0)


def test_after_a_silence_the_first_packet_must_arrive() -> None:
    """C5: the permanent entry is gone, the learned one has aged, a later packet teaches it again."""
    lost = first_packets(quiet({(W1, M): 2}))

    assert first_packets(quiet({})).state is State.UPHELD
    assert (lost.state, lost.subject.node, lost.findings[0].name) == (State.REFUTED, W1, "lost-after-silence")
    assert "packet 2 was the first" in lost.sentence


def test_a_silence_must_outlast_what_was_learned() -> None:
    """Otherwise a learned entry may have carried it: nothing is shown, not even by a lost packet."""
    seen = dataclasses.replace(quiet({(W1, M): 2}), ageing=300.0)

    assert first_packets(seen).state is State.UNKNOWN
    assert "ages after 300 s" in first_packets(seen).sentence
    assert "forgotten after 2 s" in first_packets(dataclasses.replace(quiet({}), ageing=2.0)).sentence


def test_the_task_whose_entry_is_gone_is_named() -> None:
    """C5: the other task there is reached, and so is our own."""
    address, task, node = TASKS[0]
    asked = (
        Pair(W1, node, address, task, "icmp", "silent", 3),
        Pair(W1, node, "10.0.1.13", "t", "icmp", "open"),
    )
    seen = quiet({})

    verdict = first_packets(dataclasses.replace(seen, pairs=(*seen.pairs, *asked)))

    (found,) = verdict.findings
    assert (found.subject.node, found.subject.replica, found.subject.address) == (W1, task, address)
    assert f"no packet was answered by task {task} on {node} at {address}" in verdict.sentence


def test_a_cut_way_is_no_matter_of_silence() -> None:
    """It is named as what it is; and without silence nothing is shown."""
    cut = first_packets(quiet({}, frozenset({(W1, M)})))

    assert [one.name for one in cut.findings] == ["overlay-pair-cut"]
    assert first_packets(mesh()).state is State.UNKNOWN


def test_peers_that_did_not_find_each_other_are_unknown() -> None:
    """Names were late on W1: nothing is known of datagrams to M, though M's reached it."""
    seen = mesh()
    pairs = tuple(p for p in seen.pairs if p.replica or (p.source, p.target) != (W1, M))

    verdict = mesh_open(dataclasses.replace(seen, pairs=pairs))

    assert verdict.state is State.UNKNOWN
    assert f"{W1}: it did not find our own task on {M}" in verdict.sentence


def test_a_single_node_shows_no_overlay() -> None:
    """All other nodes drained: its own tasks prove nothing of the way between nodes."""
    seen = mesh()
    alone = tuple(pair for pair in seen.pairs if pair.source == pair.target == M)

    assert mesh_open(dataclasses.replace(seen, pairs=alone, ways=())).state is State.UNKNOWN
