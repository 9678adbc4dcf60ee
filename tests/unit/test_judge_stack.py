"""A stack runs as asked, and leaves nothing: what is told when it does not."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import Stacked, StackedService, StackRemoval
from harness.judge.stack import leaves_nothing, runs_as_asked
from harness.judge.verdict import State

WEB = StackedService("h-abc123-s_web", "replicated", 3, 3)
RUNS = Stacked("stacked-1", "h-abc123-s", "s.yml", 1.0, 21.5, (WEB, dataclasses.replace(WEB, name="db")))
GONE = StackRemoval("removal-1", "h-abc123-s", 1.0, 5.0, ("service web", "network net"), ())


def test_all_of_it_runs() -> None:
    """With what the CLI said that a stack ignores."""
    verdict = runs_as_asked(dataclasses.replace(RUNS, ignored=("Ignoring unsupported options: build",)))

    assert verdict.state is State.UPHELD
    assert verdict.sentence == (
        "2 services with 6 tasks run 20.5 s after they were asked for; "
        "a stack ignores: Ignoring unsupported options: build"
    )


@pytest.mark.parametrize("state", ["paused", "rollback_completed", "rollback_paused", "rollback_started"])
def test_rolled_back_is_no_success(state: str) -> None:
    """Though everything runs."""
    seen = dataclasses.replace(RUNS, services=(dataclasses.replace(WEB, update=state),))

    assert [one.name for one in runs_as_asked(seen).findings] == ["update-failed"]


def test_a_missing_task_is_told() -> None:
    """By service."""
    seen = dataclasses.replace(RUNS, services=(dataclasses.replace(WEB, running=2),))

    assert runs_as_asked(seen).sentence == "h-abc123-s_web runs 2 of 3"


def test_no_service_is_no_evidence() -> None:
    """Nothing ran."""
    assert runs_as_asked(dataclasses.replace(RUNS, services=())).state is State.UNKNOWN
    assert leaves_nothing(dataclasses.replace(GONE, removed=())).state is State.UNKNOWN


def test_a_node_that_does_not_tell_leaves_it_open() -> None:
    """It may have kept anything."""
    assert leaves_nothing(dataclasses.replace(GONE, unasked=("swarm-worker1",))).state is State.UNKNOWN


def test_what_is_left_is_named() -> None:
    """Of the swarm, and of each node."""
    assert leaves_nothing(GONE).sentence == "2 objects gone within 4 s"
    left = dataclasses.replace(GONE, left=("network net",), nodes=(("swarm-worker1", "net"),))
    verdict = leaves_nothing(left)

    assert (verdict.state, len(verdict.findings)) == (State.REFUTED, 2)
    assert "network net" in verdict.sentence
    assert "swarm-worker1" in verdict.sentence
