"""An encrypted network on the wire, case by case."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Capture, Frames, Sent
from harness.judge.onwire import sealed
from harness.judge.verdict import State, Verdict

M, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
WAYS = [(one, other) for one in (M, W1, W2) for other in (M, W1, W2) if one != other]
HEALTHY = Capture(
    "capture-1",
    0.0,
    "h-sealed",
    (M, W1, W2),
    tuple(Frames(*way, 9, 0, 7) for way in WAYS),
    tuple(Sent(*way, kind, 6, 5) for way in WAYS for kind in ("sealed", "plain")),
)


def frames(where: tuple[str, str], **changed: Any) -> Capture:
    """A capture with one way changed."""
    return dataclasses.replace(
        HEALTHY,
        frames=tuple(
            dataclasses.replace(one, **changed) if (one.source, one.target) == where else one
            for one in HEALTHY.frames
        ),
    )


def unanswered(capture: Capture, *where: tuple[str, str], kinds: tuple[str, ...] = ("sealed",)) -> Capture:
    """Nothing arrived on these ways."""
    return dataclasses.replace(
        capture,
        sent=tuple(
            dataclasses.replace(one, answered=0)
            if (one.source, one.target) in where and one.kind in kinds
            else one
            for one in capture.sent
        ),
    )


def named(verdict: Verdict) -> set[tuple[str, str]]:
    """Findings and their nodes."""
    return {(one.name, one.subject.node) for one in verdict.findings}


def test_esp_alone_is_upheld() -> None:
    """With the number of ways, and of packets."""
    verdict = sealed(HEALTHY)

    assert verdict.state is State.UPHELD
    assert "6 ways" in verdict.sentence
    assert "9 packets" in verdict.sentence


def test_a_node_that_sends_clear_text_is_named_alone() -> None:
    """Its peers drop what comes unencrypted, so nothing of theirs is answered: that is its fault as well."""
    clear = frames((W1, M), esp=0, sealed=4)
    clear = dataclasses.replace(
        clear,
        frames=tuple(
            dataclasses.replace(one, esp=0, sealed=4) if one.source == W1 else one for one in clear.frames
        ),
    )
    dropped = unanswered(clear, (W1, M), (W1, W2), (M, W1), (W2, W1))

    verdict = sealed(dropped)

    assert named(verdict) == {("clear-text-on-the-wire", W1)}
    assert verdict.state is State.REFUTED


def test_one_frame_in_clear_text_among_many_is_enough() -> None:
    """A rule that matches only some packets."""
    assert named(sealed(frames((W1, M), sealed=1))) == {("clear-text-on-the-wire", W1)}


def test_nothing_that_leaves_and_nothing_that_arrives_are_named() -> None:
    """No keys towards a peer; ESP that a firewall drops."""
    assert named(sealed(frames((W1, M), esp=0))) == {("not-sent-as-esp", W1)}
    assert named(sealed(unanswered(HEALTHY, (W1, M)))) == {("esp-lost", W1)}


@pytest.mark.parametrize(
    "capture",
    [
        frames((W1, M), plain=0),
        frames((W1, M), plain=0, esp=0),
        dataclasses.replace(HEALTHY, sent=HEALTHY.sent[2:]),
        dataclasses.replace(HEALTHY, lost=((W1, 3),)),
        dataclasses.replace(HEALTHY, missing=((W1, "no answer"),)),
        dataclasses.replace(HEALTHY, frames=()),
    ],
)
def test_without_a_control_nothing_is_known(capture: Capture) -> None:
    """The plain payload unseen, nothing sent, frames not looked at, a node that told nothing."""
    assert sealed(capture).state is State.UNKNOWN


def test_a_path_that_is_dead_for_both_is_no_matter_of_encryption() -> None:
    """`overlay.mesh` names it."""
    assert named(sealed(unanswered(HEALTHY, (W1, M), kinds=("sealed", "plain")))) == set()


@given(st.lists(st.integers(0, 2), min_size=18, max_size=18))
def test_clear_text_is_never_upheld(counts: list[int]) -> None:
    """Whatever else was seen."""
    ways = tuple(Frames(*way, *counts[3 * n : 3 * n + 3]) for n, way in enumerate(WAYS))
    verdict = sealed(dataclasses.replace(HEALTHY, frames=ways))

    clear = {one.source for one in ways if one.sealed}
    assert {node for name, node in named(verdict) if name == "clear-text-on-the-wire"} == clear
    assert verdict.state is not State.UPHELD or all(one.esp and one.plain for one in ways)
