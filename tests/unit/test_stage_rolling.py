"""What swarm says of an update, as it is told by and by: the one before it does not count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from harness.stage.rolling import News
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle

OLD = {"StartedAt": "1", "State": "completed", "Message": "update completed"}
SERVICE = cast("ServiceHandle", SimpleNamespace(id="s1"))


def news(*told: dict[str, Any] | None) -> News:
    """The news of a service whose inspect answers these one after the other."""
    answers = iter(told)
    engine = SimpleNamespace(inspect=lambda _kind, _ident: {"UpdateStatus": next(answers)})
    return News(cast("Swarm", SimpleNamespace(engine=engine)), SERVICE)


def test_the_update_before_stands_until_the_next_begins() -> None:
    """Its completion is not that of the next."""
    found = news(OLD, OLD, {"StartedAt": "2", "State": "updating", "Message": "update in progress"})

    assert (found.over(1.0), found.states) == (False, [])
    assert (found.over(2.0), found.states) == (False, [(2.0, "updating")])


def test_each_state_is_told_once_and_the_last_with_its_reason() -> None:
    """A first update has no other before it."""
    begun = {"StartedAt": "1", "State": "updating", "Message": "update in progress"}
    ended = {"StartedAt": "1", "State": "paused", "Message": "task t failed"}
    found = news(None, None, begun, begun, ended)

    assert [found.over(at) for at in (1.0, 2.0, 3.0, 4.0)] == [False, False, False, True]
    assert (found.states, found.message) == ([(2.0, "updating"), (4.0, "paused")], "task t failed")


def test_a_rollback_that_begins_is_not_over() -> None:
    """Only its end is."""
    begun = {"StartedAt": "2", "State": "rollback_started", "Message": "update rolled back"}
    ended = {"StartedAt": "2", "State": "rollback_completed", "Message": "rollback completed"}
    found = news(OLD, begun, ended)

    assert [found.over(1.0), found.over(2.0)] == [False, True]
