"""A VIP from its own tasks, and silent connections through it, case by case."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import Idling, OwnVip, OwnVips, Quiet, Roster
from harness.judge.verdict import State, Verdict
from harness.judge.vip import dies_when_silent, own_vip_answers
from harness.model import Replica

W1, W2 = "swarm-worker1", "swarm-worker2"
VIP = "10.0.1.2"
ROSTER = Roster("roster-1", "web", 0.0, (Replica("t1", 1, W1), Replica("t2", 2, W2)))
FAIR = (("t1", 30), ("t2", 30))


def asked(task: str, node: str, replicas: tuple[tuple[str, int], ...] = FAIR, **lost: int) -> OwnVip:
    """What one task got."""
    ok = sum(number for _, number in replicas)
    outcomes = (("ok", ok), *((name.replace("_", "-"), number) for name, number in lost.items()))
    return OwnVip(node, task, (VIP,), outcomes, replicas)


def own(*tasks: OwnVip, missing: tuple[tuple[str, str], ...] = ()) -> Verdict:
    """The verdict."""
    return own_vip_answers(OwnVips("ownvips-1", 0.0, "web", (VIP,), tasks, missing), ROSTER)


def named(verdict: Verdict) -> set[tuple[str, str]]:
    """Findings and their nodes."""
    return {(one.name, one.subject.node) for one in verdict.findings}


def test_everybody_reaches_everybody() -> None:
    """The asking task itself too; the sentence has its n."""
    verdict = own(asked("t1", W1), asked("t2", W2))

    assert verdict.state is State.UPHELD
    assert "60 requests" in verdict.sentence


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (asked("t2", W2, (("t1", 60),)), "task-missing-at-vip"),
        (asked("t2", W2, (("t1", 30), ("t2", 20)), read_timeout=10), "own-vip-lost"),
        (asked("t2", W2, (), connect_timeout=12), "own-vip-lost"),
        (asked("t2", W2, (("t1", 30), ("t2", 30), ("t9", 1))), "foreign-answer-at-vip"),
        (dataclasses.replace(asked("t2", W2), addresses=("10.0.1.9",)), "wrong-vip"),
        (dataclasses.replace(asked("t2", W2), addresses=(VIP, "10.0.1.9")), "wrong-vip"),
    ],
)
def test_a_task_that_does_not_is_named(wrong: OwnVip, name: str) -> None:
    """With its node; hairpin, loss, strangers, a wrong name."""
    assert named(own(asked("t1", W1), wrong)) == {(name, W2)}


def test_the_one_that_is_missing_is_told_to_be_the_asker() -> None:
    """Its own answer does not find its way back."""
    assert "itself" in own(asked("t1", W1), asked("t2", W2, (("t1", 60),))).sentence


def test_too_little_is_unknown() -> None:
    """Few requests, a task that did not ask, a node that told nothing, tasks that were replaced, no VIP."""
    went = dataclasses.replace(ROSTER, went=ROSTER.replicas[:1])
    whole = OwnVips("ownvips-1", 0.0, "web", (VIP,), (asked("t1", W1), asked("t2", W2)))

    assert own(asked("t1", W1), asked("t2", W2, (("t1", 9),))).state is State.UNKNOWN
    assert own(asked("t1", W1)).state is State.UNKNOWN
    assert own(asked("t1", W1), asked("t2", W2), missing=((W2, "cut"),)).state is State.UNKNOWN
    assert own_vip_answers(whole, went).state is State.UNKNOWN
    assert own_vip_answers(dataclasses.replace(whole, vips=()), ROSTER).state is State.UNKNOWN


def quiet(kind: str, node: str = W1, **outcomes: int) -> Quiet:
    """Three connections of a kind."""
    silence = 2.0 if kind == "brief" else 9.0
    return Quiet(node, kind, silence, tuple((name.replace("_", "-"), n) for name, n in outcomes.items()))


BRIEF, SILENT, KEPT = quiet("brief", ok=3), quiet("silent", reset=2, read_timeout=1), quiet("kept", ok=3)


def idle(*seen: Quiet, before: int = 900, during: int = 4) -> Verdict:
    """The verdict on one node."""
    return dies_when_silent(Idling("idling-1", 0.0, "web", 4, ((W1, before, during),), seen))


def test_silence_ends_what_keep_alive_keeps() -> None:
    """Reset, or silent for ever: both are an end."""
    verdict = idle(BRIEF, SILENT, KEPT)

    assert verdict.state is State.UPHELD
    assert "900 s" in verdict.sentence
    assert "9 connections" in verdict.sentence


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ((quiet("brief", ok=2, reset=1), SILENT, KEPT), "idle-died-early"),
        ((BRIEF, quiet("silent", ok=1, reset=2), KEPT), "idle-outlived"),
        ((BRIEF, SILENT, quiet("kept", reset=3)), "keep-alive-died"),
    ],
)
def test_what_behaves_otherwise_is_named(seen: tuple[Quiet, ...], name: str) -> None:
    """One connection of them is enough."""
    assert named(idle(*seen)) == {(name, W1)}


def test_another_timeout_than_documented_is_named() -> None:
    """Somebody set it: then connections die sooner than people expect."""
    assert named(idle(BRIEF, SILENT, KEPT, before=60)) == {("other-idle-timeout", W1)}


def test_silence_that_was_none_is_unknown() -> None:
    """The timeout was not set, a kind is missing, nothing ever answered, nobody was silent."""
    dead = Quiet(W1, "brief", 0.0, (("connect-timeout", 3),))
    missing = Idling("idling-1", 0.0, "web", 4, ((W1, 900, 4),), (BRIEF, SILENT, KEPT), ((W2, "cut"),))

    assert idle(BRIEF, SILENT, KEPT, during=900).state is State.UNKNOWN
    assert idle(BRIEF, SILENT).state is State.UNKNOWN
    late = dataclasses.replace(BRIEF, seconds=4.2, outcomes=(("reset", 3),))
    assert idle(late, SILENT, KEPT).state is State.UNKNOWN
    assert idle(dead, SILENT, KEPT).state is State.UNKNOWN
    assert dies_when_silent(missing).state is State.UNKNOWN
    assert dies_when_silent(dataclasses.replace(missing, timeouts=())).state is State.UNKNOWN
