"""What a history tells about tasks and nodes, and in which phases a swarm healed."""

from __future__ import annotations

import dataclasses

from harness.evidence import Change, Fault, History, Roster, Traffic
from harness.model import ENDED_STATES

RUNNING = "running"
GONE = ENDED_STATES | {"removed"}  # a task that the manager lists no more has ended as well
STARTED = frozenset({"ready", "preparing", "starting", RUNNING})  # once it is meant to run


@dataclasses.dataclass(frozen=True)
class Life:
    """A task's life as far as it was seen; times in seconds on the monotonic clock, None: not seen.

    Attributes:
        first: first seen in any state.
        starting: first seen meant to run and about to: from then on it may be in the tables. (While a
            restart delay lasts, a replacement is ready, but not yet meant to run.)
        running: first seen running and meant to.
        ended: first seen in a state that it never leaves.
    """

    task: str
    slot: int
    node: str
    first: float
    starting: float | None = None
    running: float | None = None
    ended: float | None = None


@dataclasses.dataclass(frozen=True)
class Heir:
    """A task that was lost to a fault, and the one that took its slot (None: none was seen)."""

    lost: Life
    heir: Life | None


@dataclasses.dataclass(frozen=True)
class Phases:
    """Seconds from the fault's command to each step's end, None: not seen.

    Attributes:
        detect: the manager saw the end of the lost task, or the node Down.
        reschedule: a replacement of every lost task exists.
        running: every replacement runs.
        serving: every replacement has answered a request.
    """

    detect: float | None
    reschedule: float | None
    running: float | None
    serving: float | None

    def numbers(self) -> dict[str, float | None]:
        """The phases as JSON values."""
        return {
            name: None if value is None else round(value, 3)
            for name, value in dataclasses.asdict(self).items()
        }


def lives(history: History) -> dict[str, Life]:
    """Every task of the history by id, in the order in which they were first seen."""
    found: dict[str, Life] = {}
    for change in history.changes:
        if change.what == "task":
            found[change.id] = _live_on(found.get(change.id), change)
    return found


def _live_on(life: Life | None, change: Change) -> Life:
    life = life or Life(change.id, change.slot, change.node, change.at)
    life = dataclasses.replace(life, slot=life.slot or change.slot, node=life.node or change.node)
    meant = change.desired in {"", RUNNING}
    if life.starting is None and change.state in STARTED and meant:
        life = dataclasses.replace(life, starting=change.at)
    if life.running is None and change.state == RUNNING and meant:
        life = dataclasses.replace(life, running=change.at)
    if life.ended is None and change.state in GONE:
        life = dataclasses.replace(life, ended=change.at)
    return life


def slowest_start(history: History) -> float:
    """Seconds from when the slowest task was first seen until it ran; 0.0 if none was seen to run."""
    took = [life.running - life.first for life in lives(history).values() if life.running is not None]
    return max(took, default=0.0)


def node_reached(history: History, subject: str, state: str, since: float) -> float | None:
    """When the node (hostname or id) was first seen in ``state`` at or after ``since``."""
    for change in history.changes:
        mine = change.what == "node" and subject in {change.id, change.node}
        if mine and change.at >= since and change.state == state:
            return change.at
    return None


def heirs(history: History, fault: Fault, roster: Roster | None = None) -> tuple[Heir, ...]:
    """The tasks that the fault took, and their replacements.

    Lost is the task that the fault's subject names, or every task that ran on the node that it names. The
    replacement of a slot is the last task of that slot first seen after the fault began.

    Args:
        history: tasks and nodes from before the fault on.
        fault: its subject is a task id, a node's hostname or a node's id.
        roster: what ran before; without it, what the history shows running when the fault began.
    """
    known = lives(history)
    names = {fault.subject}
    for change in history.changes:
        if change.what == "node" and names & {change.id, change.node}:
            names |= {change.id, change.node} - {""}
    lost = [
        life
        for life in known.values()
        if (life.task in names or life.node in names)
        and life.running is not None
        and life.running <= fault.began
        and (life.ended is None or life.ended >= fault.began)
    ]
    if roster is not None:
        seen = {life.task for life in lost}
        lost += [
            Life(one.task, one.slot, one.node, roster.at, running=roster.at)
            for one in roster.replicas
            if (one.task in names or one.node in names) and one.task not in seen
        ]
    return tuple(Heir(life, _heir_of(life, known, fault)) for life in lost)


def _heir_of(lost: Life, known: dict[str, Life], fault: Fault) -> Life | None:
    after = [
        life
        for life in known.values()
        if life.slot == lost.slot and life.task != lost.task and life.first >= fault.began
    ]
    return next((life for life in after if life.running is not None), after[-1] if after else None)


def phases(
    history: History, fault: Fault, roster: Roster | None = None, traffic: Traffic | None = None
) -> Phases:
    """When the swarm had detected, rescheduled, started and served again, from the fault's command on."""
    pairs = heirs(history, fault, roster)
    down = node_reached(history, fault.subject, "down", fault.began)
    ends = [pair.lost.ended for pair in pairs]
    detect = down if down is not None else _last(ends)
    new = [pair.heir for pair in pairs]
    served = [None if one is None or traffic is None else _first_answer(traffic, one.task) for one in new]

    def since(at: float | None) -> float | None:
        return None if at is None else at - fault.began

    return Phases(
        since(detect),
        since(_last([None if one is None else one.first for one in new])),
        since(_last([None if one is None else one.running for one in new])),
        since(_last(served)),
    )


def _first_answer(traffic: Traffic, task: str) -> float | None:
    return min((one.ended for one in traffic.samples if one.ok and one.replica == task), default=None)


def _last(times: list[float | None]) -> float | None:
    known = [at for at in times if at is not None]
    return max(known) if known and len(known) == len(times) else None
