"""From bad ways to the fewest causes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.ways import Way, explain
from tests.pair_swarm import NODES, W1, W2, WAYS, M


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({(W2, W1)}, [f"{W2} -> {W1}"]),
        ({(W2, W1), (W1, W2)}, [f"{W1} <-> {W2}"]),
        ({(M, W1), (W2, W1)}, [f"all nodes -> {W1}"]),
        ({(W1, M), (W1, W2)}, [f"all nodes <- {W1}"]),
        ({(M, W1), (W2, W1), (W1, M), (W1, W2)}, [f"all nodes <-> {W1}"]),
        ({(M, W1), (W2, W1), (M, W2)}, [f"all nodes -> {W1}", f"{M} -> {W2}"]),
        (set(WAYS), ["every node <-> every other"]),
        (set(), []),
    ],
)
def test_one_thing_that_is_wrong_is_one_cause(bad: set[Way], words: list[str]) -> None:
    """A node where all its ways agree, else a pair with its direction."""
    assert [cause.words for cause in explain(bad, WAYS)] == words


def test_with_two_nodes_it_is_the_pair() -> None:
    """Nobody can tell which of two is to blame."""
    (cause,) = explain({(M, W1)}, {(M, W1), (W1, M)})

    assert (cause.node, cause.peer, cause.direction) == (W1, M, "to")


@given(st.sets(st.sampled_from(sorted(WAYS))), st.sets(st.sampled_from(sorted(WAYS))))
def test_every_bad_way_is_explained_and_no_good_one_is(bad: set[Way], good: set[Way]) -> None:
    """Whatever is wrong, the causes cover exactly that."""
    causes = explain(bad, bad | good)

    assert {way for cause in causes for way in cause.ways} == bad
    assert all(cause.node in {*NODES, ""} for cause in causes)
