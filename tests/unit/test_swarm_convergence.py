"""Convergence: what is waited for, and when hope is lost, in one line that says why."""

from __future__ import annotations

import dataclasses

import pytest

from harness.errors import RequestError, Unmeasurable
from harness.model import Availability, Node, Role, Service, Task
from harness.swarm.convergence import converged, late
from harness.swarm.view import View

WEB = Service("s1", "web", "image", 2)
EVERYWHERE = dataclasses.replace(WEB, id="s2", name="agent", replicas=None, mode="global")
JOB = dataclasses.replace(WEB, id="s3", name="once", replicas=None, mode="replicated-job")
NODES = (Node("n1", "a", Role.MANAGER, Availability.ACTIVE, "ready", ""),)
NO_NODE = "no suitable node (insufficient resources on 3 nodes)"


def task(state: str, *, service: str = "s1", slot: int = 1, error: str = "", at: float = 0.0) -> Task:
    """A task in that state; ended ones are not wanted any more."""
    desired = "running" if state in {"running", "pending", "starting", "preparing"} else "shutdown"
    return Task(f"t-{service}-{slot}-{at}", service, "a", slot, desired, state, error=error, since=at)


def view(*tasks: Task, at: float = 0.0) -> View:
    """What the manager says then."""
    return View(at, NODES, tasks, ("s1",))


def test_all_of_it_must_run() -> None:
    """As many as asked for, one on each node, or a job that is over."""
    condition = converged([WEB, EVERYWHERE, JOB])
    running = [task("running"), task("running", slot=2), task("running", service="s2", slot=0)]

    assert condition.holds(view(*running, task("complete", service="s3")))
    assert not condition.holds(view(*running, task("running", service="s3")))
    assert "agent runs 0 of 1" in condition.missing(view(*running[:2], task("pending", service="s2")))
    assert "web runs 1 of 2" in condition.missing(view(running[0]))


def test_no_node_is_hopeless_after_a_while() -> None:
    """Resources come free: only what stays Pending is stuck."""
    condition = converged([WEB])
    stuck = [task("running"), task("pending", slot=2, error=NO_NODE)]

    assert condition.hopeless(view(*stuck, at=100.0)) is None
    assert condition.hopeless(view(task("running"), task("starting", slot=2), at=110.0)) is None
    assert condition.hopeless(view(*stuck, at=111.0)) is None
    error = condition.hopeless(view(*stuck, at=131.5))
    assert isinstance(error, RequestError)
    assert error.message == f"web is stuck Pending: {NO_NODE}"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("task: unhealthy container", "web never becomes healthy (10 tasks were ended for it)"),
        ("task: non-zero exit (1)", "web ends again and again (10 times): task: non-zero exit (1)"),
    ],
)
def test_what_ends_again_and_again_is_hopeless(error: str, told: str) -> None:
    """Five times per task that is wanted: what waits for another service needs a few tries."""
    ends = [task("failed", slot=1 + n % 2, error=error, at=float(n)) for n in range(10)]
    now = [task("starting"), task("starting", slot=2)]
    condition = converged([WEB])

    assert condition.hopeless(view(*ends[:9], *now)) is None
    found = condition.hopeless(view(*ends, *now))
    assert found is not None
    assert found.message == told


def test_an_image_that_is_not_there_is_the_files() -> None:
    """Not a matter of [images]."""
    refused = [task("rejected", error="No such image: no/such:1", at=float(n)) for n in range(3)]
    found = converged([WEB]).hopeless(view(*refused))

    assert found is not None
    assert "the image no/such:1 of web was not found" in found.message
    assert "compose file" in found.remedy


def test_what_is_late_is_unknown_and_says_what_was_missing() -> None:
    """It may only be slow."""
    error = late([WEB, EVERYWHERE], view(task("running"), task("preparing", slot=2)), 300.0)

    assert isinstance(error, Unmeasurable)
    assert error.message.startswith("not converged within 300 s: web runs 1 of 2 (1 preparing)")
