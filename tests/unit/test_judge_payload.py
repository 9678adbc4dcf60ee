"""The judge of payload sizes: black holes, and what is none."""

from __future__ import annotations

import dataclasses

import pytest

from harness.judge.payload import sizes_pass
from harness.judge.verdict import State
from tests.pair_swarm import NODES, W1, W2, M, payloads


def test_every_size_everywhere_is_upheld_with_its_range() -> None:
    """The sentence says from how small to how large, and on how many ways."""
    verdict = sizes_pass(payloads())

    assert verdict.state is State.UPHELD
    assert "of 1 B to 1 MiB arrived" in verdict.sentence
    assert "9 ways over the overlay and through 3 entry nodes" in verdict.sentence


def test_a_node_that_receives_no_large_packet_is_named_once() -> None:
    """C3 at W1: what is uploaded to it and what it downloads is lost, and half of what enters the mesh."""
    verdict = sizes_pass(
        payloads(
            overlay=lambda sender, receiver, size: size < 1300 or receiver != W1 or sender == W1,
            ingress=lambda entry, direction, size: size < 1300 or entry != W1 or direction == "up",
        )
    )

    (found,) = verdict.findings
    assert (found.name, found.subject.node, found.subject.path) == (
        "mtu-black-hole",
        W1,
        f"all nodes -> {W1}",
    )
    assert found.modes[0] == "C3"
    assert "up to 1200 B pass, of 1300 B hang" in found.sentence
    assert verdict.numbers["holes"] == {f"{M} -> {W1}": [1200, 1300], f"{W2} -> {W1}": [1200, 1300]}


def test_a_pair_that_loses_large_packets_one_way_is_the_pair() -> None:
    """One direction between two nodes."""
    verdict = sizes_pass(payloads(overlay=lambda a, b, size: size < 1500 or (a, b) != (W2, W1)))

    (found,) = verdict.findings
    assert (found.subject.node, found.subject.address) == (W1, W2)
    assert found.subject.path == f"{W2} -> {W1}"


def test_a_limit_below_1000_is_rather_the_hypervisor() -> None:
    """C4: what eats VXLAN leaves far less room than a wrong MTU."""
    verdict = sizes_pass(payloads(overlay=lambda a, b, size: size < 1000 or a == b))

    (found,) = verdict.findings
    assert (found.modes[0], found.subject.node) == ("C4", "")


def test_a_megabyte_that_is_lost_alone_is_no_black_hole() -> None:
    """8 KiB are several full segments already: B16 or loss."""
    verdict = sizes_pass(payloads(overlay=lambda a, b, size: size <= 8192 or (a, b) != (W2, W1)))

    assert [one.name for one in verdict.findings] == ["bulk-transfer-lost"]


def test_what_an_entry_alone_loses_is_the_entrys() -> None:
    """The overlay carries all; through one port downwards the large ones are lost."""
    verdict = sizes_pass(
        payloads(ingress=lambda entry, way, size: size < 1500 or (entry, way) != (W2, "down"))
    )

    (found,) = verdict.findings
    assert (found.name, found.subject.node) == ("mtu-black-hole-at-entry", W2)


def test_between_tasks_of_one_node_it_is_the_node() -> None:
    """No data path lies between."""
    verdict = sizes_pass(payloads(overlay=lambda a, b, size: size < 1500 or (a, b) != (M, M)))

    assert [(one.name, one.subject.node) for one in verdict.findings] == [("payload-lost-on-node", M)]


@pytest.mark.parametrize("way", ["overlay", "ingress"])
def test_where_not_even_the_smallest_passes_nothing_is_said_of_sizes(way: str) -> None:
    """A cut path is another promise's matter, and no evidence is never green."""
    if way == "overlay":
        verdict = sizes_pass(payloads(overlay=lambda a, b, _: (a, b) != (W2, W1)))
    else:
        verdict = sizes_pass(payloads(ingress=lambda entry, *_: entry != W1))

    assert (verdict.state, verdict.findings) == (State.UNKNOWN, ())
    assert "not even the smallest" in verdict.sentence


def test_missing_answers_are_unknown_and_a_single_loss_is_counted() -> None:
    """Through a balancer a lost one is not tried again, and one is not enough to name a cause."""
    lost = iter([False])
    single = sizes_pass(
        payloads(ingress=lambda entry, way, size: next(lost, True) if (entry, size) == (W1, 1500) else True)
    )
    gone = sizes_pass(dataclasses.replace(payloads(), missing=((W1, "no whole answer"),)))
    empty = sizes_pass(dataclasses.replace(payloads(), tries=()))

    assert [one.state for one in (gone, empty)] == [State.UNKNOWN] * 2
    assert single.state is State.UPHELD
    assert "203 of 204 payloads" in single.sentence


def test_every_node_is_among_the_ways() -> None:
    """The builder tries all pairs: a guard for the cases above."""
    assert {one.source for one in payloads().tries} == set(NODES)


def test_what_a_cut_way_costs_an_entry_is_not_called_a_size() -> None:
    """C1 between W1 and W2: a share of every entry's payloads is lost, and the mesh says why."""
    verdict = sizes_pass(
        payloads(
            overlay=lambda a, b, _: {a, b} != {W1, W2},
            ingress=lambda entry, _, size: entry == M or size not in {1300, 1500},
        )
    )

    assert (verdict.state, verdict.findings) == (State.UNKNOWN, ())


def test_small_ones_lost_as_well_are_no_matter_of_size() -> None:
    """A stale backend takes whatever comes."""
    verdict = sizes_pass(payloads(ingress=lambda entry, _, size: entry != W1 or size not in {600, 1500}))

    assert (verdict.state, verdict.findings) == (State.UNKNOWN, ())
    assert "of any size" in verdict.sentence


def test_a_single_node_shows_nothing_of_the_way_between_nodes() -> None:
    """Its own tasks and its port do not cross the overlay for certain."""
    seen = payloads()
    alone = tuple(one for one in seen.tries if one.source == M and one.target in {M, ""})

    assert sizes_pass(dataclasses.replace(seen, tries=alone)).state is State.UNKNOWN
