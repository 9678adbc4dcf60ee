"""Managers that were restarted: what they must still have, and what they may tell while they are locked."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from harness.evidence import Fault, Kept, Locking, Roster, Standing
from harness.judge.control import keeps_all, locks, tasks_untouched
from harness.judge.verdict import State, Verdict
from harness.model import Replica

M, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
FAULT = Fault("fault-1", "engine-restart", M, 10.0, 12.0, "dockerd 1 has ended, 2 runs")
OBJECTS = (
    Kept("service", "s1", "web", "aa"),
    Kept("secret", "k1", "key", "bb"),
    Kept("config", "c1", "note", "cc"),
    Kept("node", "n1", M, "dd"),
)
BEFORE = Standing("standing-1", 9.0, M, "swarm1", "n1", OBJECTS)
AFTER = dataclasses.replace(BEFORE, id="standing-2", at=30.0)
LOCKED = Locking(
    "locking-1", M, 25.0, ((15.0, "locked"), (20.0, "active")), "the swarm is locked", "invalid key", 20.0
)


def roster(*tasks: tuple[str, str]) -> Roster:
    """Tasks by id and node."""
    replicas = tuple(Replica(task, index, node) for index, (task, node) in enumerate(tasks, 1))
    return Roster("roster-1", "web", 0.0, replicas, len(replicas))


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def test_a_manager_that_keeps_all_is_told_with_how_much() -> None:
    """By kind."""
    verdict = keeps_all(BEFORE, AFTER, FAULT)

    assert verdict.state is State.UPHELD
    assert "1 config and 1 node and 1 secret and 1 service 20 s after" in verdict.sentence


@pytest.mark.parametrize("lost", range(len(OBJECTS)))
def test_each_object_that_is_gone_is_named(lost: int) -> None:
    """Of every kind."""
    left = tuple(one for index, one in enumerate(OBJECTS) if index != lost)
    verdict = keeps_all(BEFORE, dataclasses.replace(AFTER, objects=left), FAULT)

    assert found(verdict) == [("object-lost", M)]
    assert f"the {OBJECTS[lost].kind} {OBJECTS[lost].name} is gone" in verdict.sentence


def test_an_object_that_changed_and_another_swarm_are_named() -> None:
    """Ids alone do not do: a raft store may be an old one."""
    changed = (dataclasses.replace(OBJECTS[0], digest="zz"), *OBJECTS[1:])

    assert found(keeps_all(BEFORE, dataclasses.replace(AFTER, objects=changed), FAULT)) == [
        ("object-changed", M)
    ]
    assert found(keeps_all(BEFORE, dataclasses.replace(AFTER, cluster="swarm2"), FAULT)) == [
        ("another-swarm", M)
    ]


def test_new_objects_are_no_fault() -> None:
    """Others are at work as well."""
    more = (*OBJECTS, Kept("config", "c2", "other", "ee"))

    assert keeps_all(BEFORE, dataclasses.replace(AFTER, objects=more), FAULT)


def test_what_was_not_restarted_proves_nothing() -> None:
    """Nor what was asked at the wrong time."""
    idle = dataclasses.replace(FAULT, proved=None)
    runs = roster(("a", M), ("b", W1))

    assert keeps_all(BEFORE, AFTER, idle).state is State.UNKNOWN
    assert keeps_all(AFTER, AFTER, FAULT).state is State.UNKNOWN
    assert tasks_untouched(runs, runs, idle).state is State.UNKNOWN
    assert locks(LOCKED, idle).state is State.UNKNOWN


def test_tasks_elsewhere_run_on() -> None:
    """The manager's own are replaced; a task of a worker that was is named with its node."""
    was = roster(("a", M), ("b", W1), ("c", W2))

    assert tasks_untouched(was, roster(("d", M), ("b", W1), ("c", W2)), FAULT)
    assert found(tasks_untouched(was, roster(("d", M), ("e", W1), ("c", W2)), FAULT)) == [
        ("task-restarted", W1)
    ]
    assert found(tasks_untouched(was, roster(("b", W1), ("c", W2)), FAULT)) == [("task-lost", M)]
    assert tasks_untouched(roster(("a", M)), roster(("d", M)), FAULT).state is State.UNKNOWN


def test_a_locked_manager_is_told_with_what_it_said() -> None:
    """Locked, refusing, unlocked; and whether its engine is in the mesh then."""
    mute = locks(dataclasses.replace(LOCKED, gossips=False), FAULT)

    assert locks(LOCKED, FAULT).state is State.UPHELD
    assert "did not join gossip" not in locks(LOCKED, FAULT).sentence
    assert mute.state is State.UPHELD
    assert "did not join gossip" in mute.sentence


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"states": ((15.0, "active"),), "refusal": "", "wrong": None}, "not-locked"),
        ({"refusal": ""}, "told-while-locked"),
        ({"wrong": ""}, "wrong-key-taken"),
        ({"unlocked": None}, "stays-locked"),
    ],
)
def test_a_lock_that_does_not_lock_is_named(changed: dict[str, Any], name: str) -> None:
    """Each on the manager."""
    verdict = locks(dataclasses.replace(LOCKED, **changed), FAULT)

    assert (verdict.state, found(verdict)) == (State.REFUTED, [(name, M)])


@pytest.mark.parametrize(
    "changed",
    [
        {"states": (), "refusal": "", "wrong": None, "unlocked": None},
        {"wrong": None},
        {"refusal": "cannot be reached"},
    ],
)
def test_a_lock_that_nobody_tried_is_unknown(changed: dict[str, Any]) -> None:
    """Never seen locked; no wrong key; nothing heard."""
    verdict = locks(dataclasses.replace(LOCKED, **changed), FAULT)

    assert verdict.state is State.UNKNOWN
