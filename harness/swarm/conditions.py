"""What a wait waits for: pure functions of a view, which say what is missing and when hope is lost.

Compose with ``&``, ``|`` and ``~``. A service is given as anything with ``id`` and ``name``.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Protocol

from harness.errors import HarnessError, RequestError
from harness.model import Task
from harness.swarm.view import View

_MANY = 3  # rejections per wanted task that a service may live through: some causes heal by themselves


class Named(Protocol):
    """A service: its id and its name."""

    @property
    def id(self) -> str:
        """The engine's id."""

    @property
    def name(self) -> str:
        """How people call it."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """Something that is true of a view or not.

    Attributes:
        text: what it says, for reports.
        missing: what a view lacks; empty when the condition holds.
        hopeless: the error for a view after which it can never come true, or None.
        services: ids of the services whose tasks it looks at.
    """

    text: str
    missing: Callable[[View], str]
    hopeless: Callable[[View], HarnessError | None] = lambda _view: None
    services: tuple[str, ...] = ()

    def holds(self, view: View) -> bool:
        """Whether it is true."""
        return not self.missing(view)

    def __and__(self, other: Condition) -> Condition:
        def missing(view: View) -> str:
            return ", ".join(filter(None, (self.missing(view), other.missing(view))))

        return Condition(
            f"{self.text} and {other.text}",
            missing,
            lambda view: self.hopeless(view) or other.hopeless(view),
            self.services + other.services,
        )

    def __or__(self, other: Condition) -> Condition:
        def missing(view: View) -> str:
            mine, theirs = self.missing(view), other.missing(view)
            return f"{mine} (or {theirs})" if mine and theirs else ""

        def hopeless(view: View) -> HarnessError | None:
            lost = self.hopeless(view)
            return lost if lost and other.hopeless(view) else None

        return Condition(f"({self.text} or {other.text})", missing, hopeless, self.services + other.services)

    def __invert__(self) -> Condition:
        text = f"not ({self.text})"
        return Condition(text, lambda view: text if self.holds(view) else "", services=self.services)


def running(service: Named, n: int) -> Condition:
    """Exactly ``n`` tasks of the service run.

    Hopeless when its image is not found, or its tasks are rejected again and again.
    """

    def missing(view: View) -> str:
        tasks = view.of(service.id)
        count = sum(task.running for task in tasks)
        if count == n:
            return ""
        return f"{service.name} runs {count} of {n}{_others(tasks)}"

    return Condition(f"{service.name} runs {n}", missing, lambda view: rejected(service, view), (service.id,))


def only(service: Named, n: int) -> Condition:
    """Exactly ``n`` tasks of the service run, and those that it was scaled down from have ended."""

    def missing(view: View) -> str:
        unwanted = (task for task in view.of(service.id) if task.desired not in {"running", "ready"})
        leaving = [task for task in unwanted if not task.ended]
        left = [task for task in leaving if not task.node or view.ready(task.node)]
        return (
            f"{service.name} has {len(left)} tasks that have not ended{_others(tuple(left))}" if left else ""
        )

    return running(service, n) & Condition("no other is left", missing, services=(service.id,))


def completed(service: Named) -> Condition:
    """Every task of a job has ended, and there is at least one; tasks of lost nodes do not count."""

    def missing(view: View) -> str:
        tasks = view.of(service.id)
        left = [task for task in tasks if not task.ended and (not task.node or view.ready(task.node))]
        if tasks and not left and not hopeless(view):
            return ""
        return f"{service.name}: {len(left)} of {len(tasks)} tasks have not ended{_others(tuple(left))}"

    def hopeless(view: View) -> HarnessError | None:
        return rejected(service, view, final=True)

    return Condition(f"{service.name} has completed", missing, hopeless, (service.id,))


def none_on(service: Named, node: str) -> Condition:
    """No task of the service is meant for the node (hostname); if it is Ready, none lives there either."""

    def missing(view: View) -> str:
        ready = view.ready(node)
        here = [task for task in view.of(service.id) if task.node == node]
        left = sum(task.desired in {"running", "ready"} or (ready and not task.ended) for task in here)
        return f"{service.name} has {left} on {node}" if left else ""

    return Condition(f"none of {service.name} on {node}", missing, services=(service.id,))


def node_is(node: str, state: str) -> Condition:
    """The node (hostname) is in this state: ``ready``, ``down``..."""

    def missing(view: View) -> str:
        found = view.node(node)
        seen = found.state if found else "not in the swarm"
        return "" if seen == state else f"{node} is {seen}, not {state}"

    return Condition(f"{node} is {state}", missing)


def replaced(service: Named, task: str) -> Condition:
    """Another task runs in the place of ``task`` (id): in its slot, or on its node in a global service."""
    place: list[tuple[int, str]] = []  # learned from the first view that knows the task

    def missing(view: View) -> str:
        tasks = view.of(service.id)
        old = next((found for found in tasks if found.id == task), None)
        if old:
            place[:] = [_place(old)]
        if old and old.running:
            return f"{service.name}: {task} still runs"
        heirs = (other for other in tasks if other.id != task and other.running)
        if place and any(_place(heir) == place[0] for heir in heirs):
            return ""
        return f"{service.name}: nothing runs in place of {task}{_others(tasks)}"

    return Condition(
        f"{task} of {service.name} is replaced",
        missing,
        lambda view: rejected(service, view),
        (service.id,),
    )


def renewed(service: Named, n: int, old: Collection[str]) -> Condition:
    """Exactly ``n`` tasks of the service run, and those of ``old`` (ids) have ended: a roll-out is over."""

    def missing(view: View) -> str:
        left = [task for task in view.of(service.id) if task.id in old and not task.ended]
        return f"{service.name} has {len(left)} tasks of before{_others(tuple(left))}" if left else ""

    return running(service, n) & Condition("none of before is left", missing, services=(service.id,))


def gone(service: Named) -> Condition:
    """No task of the service lives any more, on nodes that are Ready."""

    def missing(view: View) -> str:
        tasks = view.of(service.id)
        left = [task for task in tasks if not task.ended and (not task.node or view.ready(task.node))]
        return f"{service.name} still has {len(left)} tasks{_others(tuple(left))}" if left else ""

    return Condition(f"{service.name} is gone", missing, services=(service.id,))


def rejected(service: Named, view: View, *, final: bool = False) -> HarnessError | None:
    """The error for a service whose tasks the nodes will not run, or None while there is hope.

    One rejection may be a hiccup of a registry or of a network; two for the image while nothing runs, or
    three per wanted task for any other cause, are not.

    Args:
        service: the service.
        view: what was seen.
        final: whether tasks that ended are not replaced (a job): then one rejection is enough once all
            have ended.
    """
    tasks = view.of(service.id)
    refused = [task for task in tasks if task.state == "rejected"]
    if not refused or any(task.state in {"running", "starting", "complete"} for task in tasks):
        return None
    over = final and all(task.ended for task in tasks)
    wanted = max(1, len({_place(task) for task in tasks}))
    for error, count in Counter(task.error for task in refused).most_common():
        image = re.search(r"No such image: (\S+)", error)
        if image and (count > 1 or over):
            return RequestError(
                f"the image {image[1]} of {service.name} was not found by {_nodes(refused)}",
                remedy="check its name in [images], and that the nodes reach a registry that has it",
            )
        if count >= _MANY * wanted or over:
            return RequestError(f"{service.name} is rejected by {_nodes(refused)}: {error}")
    return None


def _nodes(tasks: list[Task]) -> str:
    return ", ".join(sorted({task.node for task in tasks})) or "the nodes"


def _place(task: Task) -> tuple[int, str]:
    return (task.slot, "") if task.slot else (0, task.node)


def _others(tasks: tuple[Task, ...]) -> str:
    """The tasks that are on their way, and the last error: why it is not done yet."""
    states = Counter(
        task.state for task in tasks if task.desired in {"running", "ready"} and not task.running
    )
    errors = [task.error for task in tasks if task.error]
    told = [f"{count} {state}" for state, count in sorted(states.items())] + errors[-1:]
    return f" ({', '.join(told)})" if told else ""
