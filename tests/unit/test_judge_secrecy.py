"""Secrets and configs, case by case: who finds the value, and who should not."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import HeldFile, Keeping, Place, Roster, Traffic
from harness.judge.secrecy import kept_while_used, nowhere_else, readable, rotated
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Replica, Sample

W1, W2 = "swarm-worker1", "swarm-worker2"
ROSTER = Roster("roster-1", "web", 0.0, (Replica("a", 1, W1), Replica("b", 2, W2)))
HELD = (HeldFile(W1, "a", "abc", "444", "tmpfs"), HeldFile(W2, "b", "abc", "444", "tmpfs"))
SECRET = Keeping(
    "keeping-1",
    "web",
    "secret",
    "key",
    0.0,
    "abc",
    HELD,
    places=tuple(Place(node, "memory", "/var/lib/docker/containers/1/mounts/secrets/x") for node in (W1, W2)),
    searched=("swarm-manager", W1, W2),
    removal="secret 'key' is in use",
)


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def test_every_task_finds_the_value() -> None:
    """With the value, in memory."""
    assert readable(SECRET, ROSTER).state is State.UPHELD


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"digest": ""}, "file-missing"),
        ({"digest": "def"}, "file-differs"),
        ({"filesystem": "ext2/ext3"}, "secret-on-disk"),
    ],
)
def test_a_task_that_finds_something_else_is_named(changed: dict[str, str], name: str) -> None:
    """No file, another value, or a file that is written to disk."""
    keeping = dataclasses.replace(SECRET, held=(HELD[0], dataclasses.replace(HELD[1], **changed)))

    assert (readable(keeping, ROSTER).state, found(readable(keeping, ROSTER))) == (
        State.REFUTED,
        [(name, W2)],
    )


def test_a_config_may_lie_on_disk() -> None:
    """It is no secret."""
    held = tuple(dataclasses.replace(one, filesystem="ext2/ext3") for one in HELD)
    config = dataclasses.replace(SECRET, kind="config", held=held)

    assert readable(config, ROSTER).state is State.UPHELD


def test_a_task_that_was_not_looked_at_is_unknown() -> None:
    """Its node did not answer; or nothing ran."""
    keeping = dataclasses.replace(SECRET, held=HELD[:1], missing=((W2, "powered off"),))

    assert readable(keeping, ROSTER).state is State.UNKNOWN
    assert "powered off" in readable(keeping, ROSTER).sentence
    assert readable(SECRET, dataclasses.replace(ROSTER, replicas=())).state is State.UNKNOWN


def test_only_nodes_with_a_task_hold_it_in_memory() -> None:
    """That is where a task finds it."""
    assert nowhere_else(SECRET, ROSTER).state is State.UPHELD


@pytest.mark.parametrize(
    "place",
    [
        Place("swarm-manager", "memory", "/var/lib/docker/containers/2/mounts/secrets/x"),
        Place(W1, "disk", "/var/log/app.log"),
        Place(W2, "environment", "/proc/7/environ"),
        Place("", "inspect", "docker service inspect"),
        Place("", "logs", "docker service logs"),
    ],
    ids=lambda place: place.kind,
)
def test_any_other_place_is_a_leak(place: Place) -> None:
    """Each is named with its node and path."""
    verdict = nowhere_else(dataclasses.replace(SECRET, places=(*SECRET.places, place)), ROSTER)

    assert (verdict.state, found(verdict)) == (State.REFUTED, [("secret-leaked", place.node)])
    assert place.path in verdict.sentence


def test_a_search_that_finds_nothing_at_all_is_unknown() -> None:
    """Where a task runs its own file must turn up; a search that misses it shows nothing."""
    verdict = nowhere_else(dataclasses.replace(SECRET, places=SECRET.places[:1]), ROSTER)

    assert verdict.state is State.UNKNOWN
    assert W2 in verdict.sentence


def test_a_node_that_was_not_searched_is_unknown() -> None:
    """It may tell the secret or not; so does nobody."""
    keeping = dataclasses.replace(SECRET, missing=(("swarm-manager", "it is off"),), searched=(W1, W2))

    assert nowhere_else(keeping, ROSTER).state is State.UNKNOWN
    assert nowhere_else(dataclasses.replace(SECRET, searched=(), places=()), ROSTER).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("told", "state"), [("in use", State.UPHELD), ("", State.REFUTED), (None, State.UNKNOWN)]
)
def test_what_is_used_stays(told: str | None, state: State) -> None:
    """The engine refuses; if it does not, tasks cannot be replaced."""
    assert kept_while_used(dataclasses.replace(SECRET, removal=told)).state is state


def asked(lost: int) -> Traffic:
    """A hundred requests, the first of which are lost."""
    samples = tuple(
        Sample(seq, W1, Path.INGRESS, 0.0, 0.0, 0.1, Outcome.RESET if seq < lost else Outcome.OK, "a")
        for seq in range(100)
    )
    return Traffic("traffic-1", "web", Path.INGRESS, (W1,), 0.0, 1.0, samples)


@pytest.mark.parametrize(("lost", "state"), [(0, State.UPHELD), (5, State.UPHELD), (6, State.REFUTED)])
def test_a_rotation_costs_no_more_than_its_budget(lost: int, state: State) -> None:
    """And is told with what it cost."""
    verdict = rotated(asked(lost), SECRET, ROSTER, lost_share=0.05)

    assert verdict.state is state
    assert f"{lost} of 100 requests lost" in verdict.sentence


def test_a_rotation_is_over_when_every_task_has_the_new_value() -> None:
    """One that kept the old one is named; without requests nothing was shown."""
    old = dataclasses.replace(
        SECRET, digest="new", held=(dataclasses.replace(HELD[0], digest="new"), HELD[1])
    )

    assert found(rotated(asked(0), old, ROSTER, lost_share=0.05)) == [("file-differs", W2)]
    assert (
        rotated(dataclasses.replace(asked(0), samples=()), SECRET, ROSTER, lost_share=0.05).state
        is State.UNKNOWN
    )
