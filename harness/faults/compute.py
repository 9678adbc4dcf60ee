"""Faults of computing: a task's container killed, a node without power. They need a lab of ours."""

from __future__ import annotations

import dataclasses

from harness.lab.protocol import Lab


@dataclasses.dataclass(frozen=True)
class KillTask:
    """SIGKILL to the first process of a task's container, from its node, beside the engine.

    Swarm replaces the task: there is nothing to undo.
    """

    lab: Lab
    node: str
    task: str
    container: str
    kind: str = "task-kill"

    @property
    def subject(self) -> str:
        """The id of the task."""
        return self.task

    def begin(self) -> str:
        """Kill it; the container's engine-side state is the proof."""
        killed = self.lab.exec(self.node, ["docker", "kill", self.container], bound=30.0)
        return f"docker kill on {self.node} answered {killed.out.strip()[:12]}" if killed.ok else ""

    def end(self) -> None:
        """Nothing: the orchestrator replaces what was killed."""


@dataclasses.dataclass(frozen=True)
class PowerOff:
    """The node's kernel is gone at once, as when its power fails; the undo gives the power back."""

    lab: Lab
    node: str
    kind: str = "power-off"

    @property
    def subject(self) -> str:
        """The node's hostname."""
        return self.node

    def begin(self) -> str:
        """Cut the power; the kernel's process being gone is the proof."""
        self.lab.power_off(self.node)
        return f"the kernel of {self.node} is gone"

    def end(self) -> None:
        """Give the power back; does nothing to a node that has it."""
        self.lab.power_on(self.node)
