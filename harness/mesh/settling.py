"""What the kernels must, may or must not hold of a task, given what the manager said before and after a look.

**The settling rule.** Tables follow the manager's word with a delay, so what is on its way gives no finding:

- A task whose state was told less than ``SETTLE`` seconds before the first kernel was read, or between the
  truths, or which is starting or shutting down, *may* have rows or not, of weight 0 or 1 (trap T17). So may
  one that only one of the truths knows, and the task of a job: it is meant to complete.
- A service that is being updated, or was created, changed or removed between the truths, is in transit as a
  whole: nothing is said of its balancer's rows.
- Tasks that a scale-down ended are forgotten by the manager as soon as they are over. For ``FORGET`` seconds
  after a service was scaled down and its tasks had their grace to end, what no task of the truths has may be
  theirs: its real servers with weight 0, its rows of gossip, and on its networks forwarding entries and
  neighbours, which do not tell whose they are. What an update replaced the manager remembers.
- All else is settled: a running task *must* have its rows, an ended one must have none. A node that is Down
  in both truths keeps nothing alive: gossip forgets it well before the manager calls it Down.
"""

from __future__ import annotations

import dataclasses
import enum
import functools

from harness.evidence.mesh import Truth
from harness.model import Node, Service, Task

SETTLE = 5.0  # seconds
FORGET = 30.0  # seconds: what gossip lost on its way is made good that often (networkdb's bulk sync)
_NEW = "new"  # the state of a task that has no addresses yet
_CHANGING = frozenset({"updating", "rollback_started"})


class Presence(enum.StrEnum):
    """Whether something has to be in the tables."""

    MUST = "must"
    MAY = "may"
    GONE = "gone"


@dataclasses.dataclass(frozen=True)
class Window:
    """The time between two truths.

    Attributes:
        clocks: (hostname, seconds that its calendar is ahead of the manager's): nodes date their own tasks.
        read: no kernel was read earlier (seconds, monotonic); not before the first truth at any rate.
    """

    before: Truth
    after: Truth
    clocks: tuple[tuple[str, float], ...] = ()
    read: float = 0.0

    @functools.cached_property
    def tasks(self) -> dict[str, tuple[Task | None, Task | None]]:
        """Every task by its id, as it was before and after."""
        old, new = ({one.id: one for one in truth.tasks} for truth in (self.before, self.after))
        return {key: (old.get(key), new.get(key)) for key in {**old, **new}}

    @functools.cached_property
    def services(self) -> dict[str, tuple[Service | None, Service | None]]:
        """Every service by its id, as it was before and after."""
        old, new = ({one.id: one for one in truth.services} for truth in (self.before, self.after))
        return {key: (old.get(key), new.get(key)) for key in {**old, **new}}

    @functools.cached_property
    def nodes(self) -> dict[str, tuple[Node | None, Node | None]]:
        """Every node by its id, as it was before and after."""
        old, new = ({one.id: one for one in truth.nodes} for truth in (self.before, self.after))
        return {key: (old.get(key), new.get(key)) for key in {**old, **new}}

    def of_task(self, task: str) -> Presence:
        """What must be in the tables of the task with this id."""
        old, new = self.tasks[task]
        if old is None or new is None:
            known = old or new
            return Presence.GONE if known and self._long_over(known) else Presence.MAY
        if old.running and new.running and self._still(old, new) and not self._down(new.node):
            return Presence.MUST
        if self._long_over(old) and new.ended:
            return Presence.GONE
        abandoned = "running" not in {old.desired, new.desired} and self._down(new.node)
        return Presence.GONE if abandoned else Presence.MAY

    def stuck(self, task: str) -> bool:
        """Whether the task with this id was waiting to be allocated before and after, and not just begun."""
        return all(one is not None and one.state == _NEW for one in self.tasks[task]) and self._quiet(
            next(one for one in self.tasks[task] if one)
        )

    def of_service(self, service: str) -> bool:
        """Whether the service with this id is settled."""
        old, new = self.services[service]
        if old is None or new is None or {old.update, new.update} & _CHANGING:
            return False
        return (old.ports, old.vips, old.endpoint) == (new.ports, new.vips, new.endpoint)

    def forgets(self, service: str) -> bool:
        """Whether the service with this id may have had tasks that no truth knows, but tables still do."""
        return any(one.shrunk + one.grace > self._reading - FORGET for one in self.services[service] if one)

    def of_node(self, node: str) -> str:
        """Why nothing can be said of the node with this id; empty if it took tasks all the time."""
        old, new = self.nodes[node]
        if old is None or new is None:
            return "it joined or left while the kernels were read"
        for one in (new, old):
            if not one.ready:
                return f"the manager calls it {one.state}"
            if not one.takes_tasks:
                return f"it takes no tasks: its availability is {one.availability}"
        return ""

    def hostname(self, node: str) -> str:
        """The name of the node with this id, the id itself if no truth knows it."""
        known = next((one for one in self.nodes.get(node, ()) if one), None)
        return known.hostname if known else node

    def _still(self, old: Task, new: Task) -> bool:
        return old.addresses == new.addresses and old.node == new.node and self._quiet(old)

    def _long_over(self, task: Task) -> bool:
        return task.ended and self._quiet(task)

    def _quiet(self, task: Task) -> bool:
        """Whether its state is older than tables may take to follow; one without a date is not."""
        ahead = dict(self.clocks).get(self.hostname(task.node), 0.0)
        return bool(task.since) and task.since - ahead <= self._reading - SETTLE

    @property
    def _reading(self) -> float:
        """When the first kernel was read, with the state that the first truth told (engine time)."""
        return self.before.wall + max(0.0, self.read - self.before.at)

    def _down(self, node: str) -> bool:
        return all(one is not None and one.state == "down" for one in self.nodes.get(node, (None,)))
