"""Faults of computing: a killed container, a node without power, a restarted engine. They need a lab."""

from __future__ import annotations

import dataclasses

from harness.lab.protocol import Lab

# By the kernel: docker's client takes 1.5 to 1.9 s to start on a node, which would count against the swarm.
_KILL = """
group=/sys/fs/cgroup/docker/$1
echo 1 > "$group/cgroup.kill"
tries=0
while grep -qs '^populated 1' "$group/cgroup.events"; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ]
    sleep 0.01
done
"""
_RESTART = """
engine pid && engine stop && engine start || exit 1
tries=0
until engine pid; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || exit 1
    sleep 0.05
done
"""


@dataclasses.dataclass(frozen=True)
class KillTask:
    """SIGKILL to every process of a task's container at once, by its control group, beside the engine.

    Swarm replaces the task: there is nothing to undo. Source: Linux ``cgroup-v2.rst``, ``cgroup.kill``.
    """

    lab: Lab
    node: str
    task: str
    container: str
    kind: str = "task-kill"
    lasting: bool = False

    @property
    def subject(self) -> str:
        """The id of the task."""
        return self.task

    def begin(self) -> str:
        """Kill it; that no process of the container lives is the proof."""
        killed = self.lab.exec(self.node, ["sh", "-ec", _KILL, "kill", self.container], bound=30.0)
        return f"no process of container {self.container[:12]} lives on {self.node}" if killed.ok else ""

    def end(self) -> None:
        """Nothing: the orchestrator replaces what was killed."""


@dataclasses.dataclass(frozen=True)
class PowerOff:
    """The node's kernel is gone at once, as when its power fails; the undo gives the power back."""

    lab: Lab
    node: str
    kind: str = "power-off"
    lasting: bool = True

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


@dataclasses.dataclass(frozen=True)
class RestartEngine:
    """The node's engine is ended as a service manager ends it, and started again."""

    lab: Lab
    node: str
    kind: str = "engine-restart"
    lasting: bool = False

    @property
    def subject(self) -> str:
        """The node's hostname."""
        return self.node

    def begin(self) -> str:
        """Restart it; another process in its place is the proof, whether or not that answers already."""
        done = self.lab.exec(self.node, ["sh", "-c", _RESTART], bound=60.0)
        old, _, new = done.out.strip().partition("\n")
        return f"dockerd {old} of {self.node} has ended, {new} runs" if done.ok and old != new else ""

    def end(self) -> None:
        """Start it if it does not run."""
        self.lab.exec(self.node, ["engine", "start"])
