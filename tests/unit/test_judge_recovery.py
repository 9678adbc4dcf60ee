"""Detecting, replacing, rescheduling, taking back: on histories as they were measured, and broken ones."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.evidence import Change, Fault, History, Roster, Traffic
from harness.judge import bounds
from harness.judge.recovery import detected, rejoined, replaced, rescheduled
from harness.judge.timeline import phases
from harness.judge.verdict import State
from harness.model import Outcome, Path, Replica, Sample

MANAGER, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
NODES = (MANAGER, W1, W2)
AT = 100.0


def task(at: float, name: str, state: str, node: str, slot: int, desired: str = "running") -> Change:
    """A task seen in a state, ``at`` seconds after the fault."""
    return Change(AT + at, "task", name, state, desired, node, slot)


def node(at: float, name: str, state: str) -> Change:
    """A node seen in a state, ``at`` seconds after the fault."""
    return Change(AT + at, "node", f"id-of-{name}", state, "", name)


BEFORE = (
    *(node(-9, name, "ready") for name in NODES),
    *(task(-9, f"task{i}", "running", NODES[i % 3], i + 1) for i in range(6)),
)
LOSS = (
    node(15.5, W2, "down"),
    task(15.6, "task2", "running", W2, 3, "shutdown"),
    task(15.6, "task5", "running", W2, 6, "shutdown"),
    task(15.6, "new2", "ready", MANAGER, 3, "ready"),
    task(15.6, "new5", "ready", W1, 6, "ready"),
    task(20.8, "new2", "starting", MANAGER, 3),
    task(20.8, "new5", "starting", W1, 6),
    task(21.6, "new2", "running", MANAGER, 3),
    task(22.0, "new5", "running", W1, 6),
)


def history(*changes: Change, ended: float = 60.0) -> History:
    """What was seen before the fault, and then."""
    return History("history-1", "web", AT - 10, AT + ended, (*BEFORE, *changes))


def loss(*, proved: float | None = 0.1, ended: float | None = None) -> Fault:
    """The second worker without power at AT."""
    return Fault(
        "fault-1",
        "power-off",
        W2,
        AT,
        None if proved is None else AT + proved,
        "",
        None if ended is None else AT + ended,
    )


def kill() -> Fault:
    """Task 1 killed at AT."""
    return Fault("fault-2", "task-kill", "task1", AT, AT + 0.1)


KILL = (
    task(0.2, "task1", "failed", W1, 2, "shutdown"),
    task(0.2, "new1", "ready", W1, 2, "ready"),
    task(5.4, "new1", "starting", W1, 2),
    task(8.4, "new1", "running", W1, 2),
)


def roster() -> Roster:
    """The replicas before."""
    return Roster(
        "roster-1", "web", AT - 1, tuple(Replica(f"task{i}", i + 1, NODES[i % 3]) for i in range(6))
    )


def answers(*found: tuple[float, str, Outcome, str]) -> Traffic:
    """Requests at seconds after the fault: (at, entry, outcome, replica)."""
    samples = tuple(
        Sample(i, entry, Path.INGRESS, AT + at, AT + at, AT + at + 0.01, outcome, who)
        for i, (at, entry, outcome, who) in enumerate(found)
    )
    return Traffic("traffic-1", "web", Path.INGRESS, NODES, AT - 10, AT + 60, samples)


def test_a_healthy_node_loss() -> None:
    """Down after 15.5 s and everything running at 22 s: within the computed bounds, phases told."""
    seen = history(*LOSS)
    served = answers((21.9, MANAGER, Outcome.OK, "new2"), (22.5, W1, Outcome.OK, "new5"))

    down = detected(seen, loss(), within=bounds.node_down(5))
    again = rescheduled(seen, loss(), within=bounds.running_again(5, 5, 8), roster=roster(), traffic=served)

    assert (down.state, again.state) == (State.UPHELD, State.UPHELD)
    assert "15.5 s" in down.sentence
    assert down.numbers["down"] == pytest.approx(15.5)
    assert "22 s" in again.sentence
    assert "2 lost tasks" in again.sentence
    assert again.numbers["phases"] == pytest.approx(
        {"detect": 15.5, "reschedule": 15.6, "running": 22.0, "serving": 22.51}
    )
    assert again.numbers["replacements"] == ["new2", "new5"]


def test_a_healthy_kill() -> None:
    """The killed task's slot runs again after 8.4 s."""
    verdict = replaced(history(*KILL), kill(), within=bounds.replaced(5, 8), roster=roster())

    assert verdict.state is State.UPHELD
    assert "8.4 s" in verdict.sentence
    assert verdict.numbers["phases"]["detect"] == pytest.approx(0.2)


@settings(deadline=None)
@given(st.floats(0.0, 40.0))
@example(17.7)
@example(17.95)
@example(18.05)
def test_the_bound_decides_with_the_clocks_resolution(at: float) -> None:
    """In time is what may have been: proof of the bite + bound + the 0.2 s that reading costs."""
    verdict = detected(history(node(at, W2, "down")), loss(proved=0.3), within=17.5)

    if at < 17.99:
        assert verdict.state is State.UPHELD
    elif at > 18.01:
        assert verdict.state is State.REFUTED


@pytest.mark.parametrize(
    ("ended", "state"), [(5.0, State.UNKNOWN), (17.0, State.UNKNOWN), (30.0, State.REFUTED)]
)
def test_never_seen_is_refuted_only_if_watched_long_enough(ended: float, state: State) -> None:
    """A watch that ended before the bound cannot refute."""
    assert detected(history(ended=ended), loss(), within=17.5).state is state
    assert rescheduled(history(ended=ended), loss(), within=17.5).state is state


def test_no_proof_no_verdict() -> None:
    """A fault that may not have bitten shows nothing."""
    dark = loss(proved=None, ended=30.0)
    seen = history(*LOSS)

    states = {judge(seen, dark, within=99.0).state for judge in (detected, rescheduled, rejoined)}

    assert states == {State.UNKNOWN}
    assert replaced(seen, dataclasses.replace(kill(), proved=None), within=99.0).state is State.UNKNOWN


def test_nothing_ran_there_nothing_to_reschedule() -> None:
    """A lost node without tasks of the service leaves the claim unknown."""
    seen = history(*LOSS)
    bare = dataclasses.replace(
        seen, changes=tuple(one for one in seen.changes if one.what == "node" or one.node != W2)
    )

    assert rescheduled(bare, loss(), within=31.5).state is State.UNKNOWN


def test_the_roster_knows_tasks_that_the_history_missed() -> None:
    """A history that began late still knows from the roster which slots were lost."""
    late = History("history-1", "web", AT - 1, AT + 60, LOSS)

    verdict = rescheduled(late, loss(), within=31.5, roster=roster())

    assert verdict.state is State.UPHELD
    assert sorted(verdict.numbers["lost"]) == ["task2", "task5"]


def test_one_slot_of_two_is_not_enough() -> None:
    """One of two lost tasks runs again, the other never: refuted, and the slot is named."""
    verdict = rescheduled(history(*LOSS[:-1]), loss(), within=31.5)

    assert verdict.state is State.REFUTED
    assert verdict.findings[0].name == "task-not-replaced"
    assert verdict.findings[0].subject.replica == "task5"
    assert "slot 6" in verdict.sentence


def test_a_task_that_runs_on_the_dead_node_is_no_replacement() -> None:
    """The manager says it runs again on the node without power: mode G1."""
    ghost = (*LOSS[:-2], task(21.6, "new2", "running", W2, 3), task(22.0, "new5", "running", W1, 6))
    moved = tuple(
        dataclasses.replace(one, node=W2) if one.id == "new2" else one for one in history(*ghost).changes
    )

    verdict = rescheduled(dataclasses.replace(history(), changes=moved), loss(), within=31.5)

    assert verdict.state is State.REFUTED
    assert verdict.findings[0].name == "task-on-dead-node"


def test_a_replacement_that_failed_is_followed_by_the_next() -> None:
    """The slot's second replacement counts, with its own time."""
    tries = (
        *KILL[:3],
        task(6.0, "new1", "failed", W1, 2, "shutdown"),
        task(6.0, "newer1", "ready", W1, 2, "ready"),
        task(12.0, "newer1", "running", W1, 2),
    )

    verdict = replaced(history(*tries), kill(), within=14.0)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["replacements"] == ["newer1"]
    assert "12 s" in verdict.sentence


BACK = (*LOSS, node(42.0, W2, "ready"))
AFTER = [(45.0 + i, W2, Outcome.OK, "task0") for i in range(4)]


def test_a_node_rejoins_and_answers() -> None:
    """Ready 12 s after power returned, and every request to its own address answered."""
    verdict = rejoined(history(*BACK), loss(ended=30.0), within=20.0, traffic=answers(*AFTER), least=4)

    assert verdict.state is State.UPHELD
    assert "12 s" in verdict.sentence
    assert "4 of 4 requests" in verdict.sentence


def test_a_return_that_power_on_waited_for_counts() -> None:
    """Power was given back by a command that ended only when the node was Ready already."""
    verdict = rejoined(history(*BACK), loss(ended=43.0), within=20.0)

    assert verdict.state is State.UPHELD
    assert "0 s after power returned" in verdict.sentence


def test_ready_before_its_return_does_not_count() -> None:
    """Only Ready after it was Down is a return."""
    assert rejoined(history(*LOSS), loss(ended=30.0), within=20.0).state is State.REFUTED


def test_a_node_that_is_ready_and_does_not_answer() -> None:
    """The API says Ready, the address is dead: refuted, mode H8."""
    dead = [(45.0 + i, W2, Outcome.REFUSED, "") for i in range(4)]

    verdict = rejoined(history(*BACK), loss(ended=30.0), within=20.0, traffic=answers(*dead))

    assert verdict.state is State.REFUTED
    assert verdict.findings[0].modes == ("H8",)


@pytest.mark.parametrize("traffic", [answers(), answers((35.0, W2, Outcome.OK, "task0"))])
def test_no_request_since_the_return_is_unknown(traffic: Traffic) -> None:
    """Requests before it was Ready show nothing."""
    assert rejoined(history(*BACK), loss(ended=30.0), within=20.0, traffic=traffic).state is State.UNKNOWN


def test_power_never_returned() -> None:
    """Nobody gave power back: nothing to judge."""
    assert rejoined(history(*BACK), loss(), within=20.0).state is State.UNKNOWN


def test_phases_are_in_order() -> None:
    """Detect, reschedule, running: each no earlier than the one before; what was not seen is None."""
    steps = phases(history(*LOSS), loss())

    assert steps.detect is not None
    assert steps.reschedule is not None
    assert steps.running is not None
    assert 0 < steps.detect <= steps.reschedule <= steps.running
    assert steps.serving is None
