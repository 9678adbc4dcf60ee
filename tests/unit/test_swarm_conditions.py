"""Conditions are pure functions of a view: they hold or say what is missing, and know when hope is lost."""

from __future__ import annotations

import dataclasses

import pytest

from harness.errors import RequestError, WaitTimeout
from harness.model import Availability, Node, Role, Task
from harness.swarm import Condition, View, completed, gone, node_is, none_on, only, replaced, running
from harness.swarm.conditions import renewed
from harness.swarm.view import Differ
from harness.swarm.wait import Waiter
from tests.contract.fakes import FakeClock


@dataclasses.dataclass(frozen=True)
class Web:
    """A service by name."""

    id: str = "s1"
    name: str = "web"


WEB = Web()
NODES = tuple(Node(name, name, Role.WORKER, Availability.ACTIVE, "ready", "") for name in ("a", "b"))


def _task(
    ident: str, state: str, desired: str = "", *, node: str = "a", slot: int = 1, error: str = ""
) -> Task:
    ended = {"failed", "rejected", "shutdown", "complete"}
    return Task(
        ident, "s1", node, slot, desired or ("shutdown" if state in ended else "running"), state, error=error
    )


def _view(*tasks: Task, down: str = "") -> View:
    nodes = tuple(
        dataclasses.replace(node, state="down") if node.hostname == down else node for node in NODES
    )
    return View(0.0, nodes, tasks, ("s1",))


def _rejected(count: int, error: str = "No such image: x:y") -> list[Task]:
    return [_task(f"t{number}", "rejected", error=error) for number in range(count)]


def test_running_is_exactly_so_many() -> None:
    """One less or one more is not it; tasks on their way are told."""
    both = _view(_task("t1", "running"), _task("t2", "running", slot=2))

    assert running(WEB, 2).holds(both)
    assert not running(WEB, 1).holds(both)
    assert not running(WEB, 3).holds(both)
    told = running(WEB, 2).missing(_view(_task("t1", "running"), _task("t2", "preparing", error="slow")))
    assert told == "web runs 1 of 2 (1 preparing, slow)"


def test_a_task_that_is_meant_to_end_does_not_count() -> None:
    """On a node that is lost a task seems to run for ever; what it is meant to do decides."""
    assert not running(WEB, 1).holds(_view(_task("t1", "running", "shutdown")))


def test_only_waits_for_those_that_were_scaled_down() -> None:
    """A task that is stopping still answers; one on a node that is down cannot tell."""
    stopping = _task("t2", "running", "remove", node="b", slot=2)

    assert only(WEB, 1).holds(_view(_task("t1", "running"), _task("t2", "shutdown", slot=2)))
    assert not only(WEB, 1).holds(_view(_task("t1", "running"), stopping))
    assert only(WEB, 1).holds(_view(_task("t1", "running"), stopping, down="b"))


def test_none_on_a_node_that_is_ready_means_that_all_have_ended() -> None:
    """Tasks that are stopping are still there; on a node that is down nobody can tell, nor need."""
    stopping = _task("t1", "running", "shutdown")

    assert not none_on(WEB, "a").holds(_view(stopping))
    assert none_on(WEB, "a").holds(_view(stopping, down="a"))
    assert none_on(WEB, "b").holds(_view(stopping))
    assert not none_on(WEB, "a").holds(_view(_task("t1", "running"), down="a"))


def test_node_is() -> None:
    """The state is compared; a node that is not there is told so."""
    assert node_is("a", "ready").holds(_view())
    assert node_is("a", "down").holds(_view(down="a"))
    assert node_is("c", "ready").missing(_view()) == "c is not in the swarm, not ready"


def test_replaced_means_that_another_task_runs_in_the_same_slot() -> None:
    """Another slot's task is no replacement; the old one may have been forgotten meanwhile."""
    condition = replaced(WEB, "t1")

    assert not condition.holds(_view(_task("t1", "running"), _task("t2", "running", slot=2)))
    assert not condition.holds(_view(_task("t1", "failed"), _task("t2", "running", slot=2)))
    assert not condition.holds(_view(_task("t1", "failed"), _task("t3", "starting")))
    assert condition.holds(_view(_task("t1", "failed"), _task("t3", "running")))
    assert condition.holds(_view(_task("t3", "running")))


def test_renewed_means_that_none_of_before_is_left() -> None:
    """As many run as should, and those of before have ended; forgotten counts as ended."""
    condition = renewed(WEB, 1, {"t1"})

    assert not condition.holds(_view(_task("t1", "running")))
    assert not condition.holds(_view(_task("t1", "running", "shutdown"), _task("t2", "running")))
    assert not condition.holds(_view(_task("t1", "shutdown")))
    assert condition.holds(_view(_task("t1", "shutdown"), _task("t2", "running")))
    assert condition.holds(_view(_task("t2", "running")))


def test_gone_looks_at_nodes_that_can_tell() -> None:
    """Ended or forgotten tasks are gone; one on a node that is down counts as gone."""
    assert gone(WEB).holds(_view())
    assert gone(WEB).holds(_view(_task("t1", "shutdown")))
    assert not gone(WEB).holds(_view(_task("t1", "running", "remove")))
    assert gone(WEB).holds(_view(_task("t1", "running", "remove"), down="a"))


def test_a_job_has_completed_when_all_its_tasks_have_ended() -> None:
    """At least one task, none left; failed ones count as ended; of a lost node none is waited for."""
    done = _task("t1", "complete")

    assert not completed(WEB).holds(_view())
    assert not completed(WEB).holds(_view(done, _task("t2", "running", node="b")))
    assert completed(WEB).holds(_view(done, _task("t2", "running", node="b"), down="b"))
    assert completed(WEB).holds(_view(done, _task("t2", "failed", node="b")))


def test_conditions_compose() -> None:
    """And, or, not; what is missing is told of both."""
    one, two = running(WEB, 1), node_is("a", "down")
    now = _view(_task("t1", "running"))

    assert not (one & two).holds(now)
    assert (one | two).holds(now)
    assert (one & ~two).holds(now)
    assert not (~one).holds(now)
    assert (one & two).missing(_view()) == "web runs 0 of 1, a is ready, not down"
    assert (one | two).missing(_view()) == "web runs 0 of 1 (or a is ready, not down)"
    assert (one & two).services == ("s1",)


@pytest.mark.parametrize(
    ("condition", "tasks", "hopeless"),
    [
        (running(WEB, 2), _rejected(1), False),
        (running(WEB, 2), _rejected(2), True),
        (running(WEB, 2), [*_rejected(2), _task("t9", "running", slot=2)], False),
        (completed(WEB), _rejected(1), True),
        (completed(WEB), [*_rejected(1), _task("t9", "preparing", slot=2)], False),
        (running(WEB, 1), _rejected(2, "bind source path does not exist: /x"), False),
        (running(WEB, 1), _rejected(3, "bind source path does not exist: /x"), True),
        (running(WEB, 1) | node_is("a", "down"), _rejected(2), False),
        (running(WEB, 1) & node_is("a", "down"), _rejected(2), True),
    ],
)
def test_hope_is_lost_when_tasks_are_rejected_for_good(
    condition: Condition, tasks: list[Task], hopeless: bool
) -> None:
    """One rejection may be a hiccup; an alternative that may still come true keeps hope."""
    error = condition.hopeless(_view(*tasks))

    assert (error is not None) is hopeless
    assert error is None or isinstance(error, RequestError)


def _waiter(clock: FakeClock, *views: View) -> Waiter:
    left = list(views)

    def read(_services: tuple[str, ...], _max_age: float) -> View:
        view = left.pop(0) if len(left) > 1 else left[0]
        return dataclasses.replace(view, at=clock.now())

    return Waiter(read, lambda _view: None, lambda _absent: None, clock)


def test_a_wait_may_ask_for_several_successes_in_a_row() -> None:
    """A flap starts the count again."""
    clock = FakeClock(0.0)
    good, bad = _view(_task("t1", "running")), _view()
    view = _waiter(clock, good, bad, good, good, good).wait(running(WEB, 1), within=10, successes=3)

    assert view.at == pytest.approx(0.8)


def test_a_wait_ends_early_on_a_condition_of_failure() -> None:
    """``error`` says which."""
    clock = FakeClock(0.0)
    waiter = _waiter(clock, _view(), _view(down="a"))

    with pytest.raises(WaitTimeout, match="gave up, since a is down"):
        waiter.wait(running(WEB, 1), within=60, error=node_is("a", "down"))
    assert clock.now() < 1


def test_a_wait_looks_at_least_once() -> None:
    """What is true already needs no time."""
    assert _waiter(FakeClock(), _view()).wait(gone(WEB), within=0)


def test_a_wait_keeps_its_bound() -> None:
    """It gives up at the bound, not a reading later."""
    clock = FakeClock(0.0)
    with pytest.raises(WaitTimeout):
        _waiter(clock, _view()).wait(running(WEB, 1), within=1.5)

    assert clock.now() == pytest.approx(1.5, abs=0.05)


def test_a_view_prints_what_is_odd_and_how_many_are_how() -> None:
    """Nodes that take no tasks, then tasks by state and error; ended ones are history."""
    view = _view(_task("t1", "running"), _task("t2", "running"), _task("t0", "failed"), down="b")

    assert str(view) == "b down/active; 2 x running"
    assert str(_view()) == "no task"


def test_differences_are_told_once() -> None:
    """A first view is all new; then states, desires and errors that changed; then what was forgotten."""
    differ = Differ()
    first = differ.changes(_view(_task("t1", "preparing")))
    same = differ.changes(_view(_task("t1", "preparing")))
    then = differ.changes(_view(_task("t1", "running"), down="b"))
    last = differ.changes(_view(down="b"))

    assert [(change.what, change.state) for change in first] == [
        ("node", "ready"),
        ("node", "ready"),
        ("task", "preparing"),
    ]
    assert same == ()
    assert [(change.id, change.state) for change in then] == [("b", "down"), ("t1", "running")]
    assert [(change.id, change.state) for change in last] == [("t1", "removed")]
