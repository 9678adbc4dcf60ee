"""What happened: faults that were injected, and changes that were seen."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault that was injected: began with its command, bit at ``proved`` (None: no proof that it bit).

    Attributes:
        lasting: whether it held until it was undone at ``ended``; otherwise the swarm heals it by itself, and
            ``ended`` is when it was no longer watched.
    """

    id: str
    kind: str
    subject: str
    began: float
    proved: float | None
    proof: str = ""
    ended: float | None = None
    lasting: bool = True


@dataclasses.dataclass(frozen=True)
class Change:
    """A task or node whose state was first seen as ``state`` at ``at``; ``what`` is ``task`` or ``node``."""

    at: float
    what: str
    id: str
    state: str
    desired: str = ""
    node: str = ""
    slot: int = 0
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Rollout:
    """A changed specification while swarm rolled it out.

    Attributes:
        states: (seconds, state) of the update as each was first seen: ``updating``, ``completed``,
            ``paused``, ``rollback_started``, ``rollback_completed``, ``rollback_paused``.
        message: what swarm said of it last.
        old: ids of the tasks that ran before it; ``running``: of those that ran when it was over.
    """

    id: str
    service: str
    began: float
    ended: float
    states: tuple[tuple[float, str], ...]
    message: str
    old: tuple[str, ...]
    running: tuple[str, ...]

    @property
    def state(self) -> str:
        """Where it ended; empty if swarm never spoke of it."""
        return self.states[-1][1] if self.states else ""


@dataclasses.dataclass(frozen=True)
class History:
    """The changes seen on the swarm over a span, in time order; reading them costs up to ``resolution`` s."""

    id: str
    service: str
    began: float
    ended: float
    changes: tuple[Change, ...]
    resolution: float = 0.2
