"""Updates: over when swarm says so, failed when it says that, and what they cost through each entry node."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import Rollout, Traffic
from harness.judge.rollout import completes, fails_well, replaces
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Sample

M, W1 = "swarm-manager", "swarm-worker1"
GOOD = Rollout(
    "rollout-1", "web", 10.0, 30.0, ((11.0, "updating"), (29.0, "completed")), "done", ("a", "b"), ("c", "d")
)
PAUSED = dataclasses.replace(
    GOOD, states=((11.0, "updating"), (15.0, "paused")), message="task x failed", running=("a", "b")
)


def asked(**lost: int) -> Traffic:
    """A hundred requests through each of two nodes, of which some were lost."""
    samples = []
    for node, short in ((M, "manager"), (W1, "worker1")):
        for seq in range(100):
            outcome = Outcome.RESET if seq < lost.get(short, 0) else Outcome.OK
            samples.append(Sample(seq, node, Path.INGRESS, 0.0, 0.0, 0.1, outcome, "a"))
    return Traffic("traffic-1", "web", Path.INGRESS, (M, W1), 0.0, 1.0, tuple(samples))


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def test_a_good_update_is_told_with_what_it_cost() -> None:
    """Completed, all tasks replaced."""
    verdict = completes(GOOD, asked(), lost_share=0.01)

    assert verdict.state is State.UPHELD
    assert verdict.sentence == "2 tasks replaced, completed: 0 of 200 requests lost in 20 s"


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("updating", "update-not-over"),
        ("paused", "update-failed"),
        ("rollback_completed", "update-failed"),
        ("rollback_paused", "update-failed"),
    ],
)
def test_only_completed_is_completed(state: str, name: str) -> None:
    """Rolled back is no success; nor is what was not over in time; swarm's reason is told."""
    rollout = dataclasses.replace(GOOD, states=((11.0, "updating"), (29.0, state)), message="because")
    verdict = completes(rollout, asked(), lost_share=0.01)

    assert (verdict.state, found(verdict)) == (State.REFUTED, [(name, "")])
    assert "because" in verdict.sentence


def test_an_update_that_swarm_never_spoke_of_is_none() -> None:
    """No state at all."""
    verdict = completes(dataclasses.replace(GOOD, states=()), asked(), lost_share=0.01)

    assert "not spoken of" in verdict.sentence


def test_a_task_of_before_is_told_though_it_is_completed() -> None:
    """Swarm says so too early, or forgot one."""
    verdict = completes(dataclasses.replace(GOOD, running=("a", "d")), asked(), lost_share=0.01)

    assert found(verdict) == [("old-task-left", "")]


@pytest.mark.parametrize(("lost", "state"), [(1, State.UPHELD), (2, State.REFUTED)])
def test_requests_are_counted_through_each_entry_node(lost: int, state: State) -> None:
    """One node that loses what others keep is named."""
    verdict = completes(GOOD, asked(worker1=lost), lost_share=0.01)

    assert verdict.state is state
    assert found(verdict) == [("lost-in-change", W1)] * (state is State.REFUTED)


def test_without_requests_nothing_is_known_of_its_cost() -> None:
    """No evidence is never green."""
    silent = dataclasses.replace(asked(), samples=())
    nowhere = dataclasses.replace(silent, entries=())

    assert completes(GOOD, silent, lost_share=0.01).state is State.UNKNOWN
    assert completes(GOOD, nowhere, lost_share=0.01).state is State.UNKNOWN


def test_a_failed_update_ends_as_asked() -> None:
    """And what ran before serves on."""
    assert fails_well(PAUSED, asked(), ends="paused", lost_share=0.01).state is State.UPHELD


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"states": ((11.0, "completed"),)}, "failure-called-success"),
        ({"states": ((11.0, "updating"),)}, "update-not-over"),
        ({"states": ((11.0, "rollback_completed"),)}, "update-failed"),
        ({"running": ("a",)}, "task-lost"),
    ],
    ids=["called a success", "never over", "otherwise than asked", "a task less"],
)
def test_a_failed_update_that_ends_otherwise_is_told(changed: dict[str, object], name: str) -> None:
    """The opposite of what ``--update-failure-action`` asked for, or a task short."""
    rollout = dataclasses.replace(PAUSED, **changed)  # type: ignore[arg-type]  # a table of fields
    verdict = fails_well(rollout, asked(), ends="paused", lost_share=0.01)

    assert (verdict.state, found(verdict)) == (State.REFUTED, [(name, "")])


def test_what_a_forced_update_costs_is_told_and_not_judged() -> None:
    """Whose application it is decides that; that swarm calls it completed is judged."""
    assert replaces(GOOD, [asked(manager=50)]).sentence == "2 tasks replaced in 20 s: 50 of 200 requests lost"
    assert replaces(GOOD).state is State.UPHELD
    for state in ("updating", ""):
        going_on = dataclasses.replace(GOOD, states=((11.0, state),))
        assert replaces(going_on).state is State.UNKNOWN
    assert found(replaces(PAUSED)) == [("update-failed", "")]
    assert found(replaces(dataclasses.replace(GOOD, running=("a", "d")))) == [("old-task-left", "")]
