"""Stacks: all of it runs as its file asks, and nothing of it is left when it is removed.

Sources: ``docker stack deploy`` and ``docker stack rm`` (docker/cli ``cli/command/stack/swarm``), which wait
for nothing; moby/moby#29293 for networks that outlive their stack.
"""

from __future__ import annotations

from harness.evidence import Stacked, StackRemoval
from harness.judge.verdict import Finding, Subject, Verdict, judge
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds

_STOPPED = frozenset({"paused", "rollback_started", "rollback_paused", "rollback_completed"})


@judge
def runs_as_asked(stacked: Stacked) -> Verdict:
    """Every service runs what it asks for, and none was rolled back: that is no success.

    Args:
        stacked: what was seen once all of it ran, or the time was up.
    """
    parts: list[Part] = []
    for one in stacked.services:
        if one.update in _STOPPED:
            told = f"{one.name}: its update is {one.update.replace('_', ' ')}"
            parts.append(bad(told, Finding("update-failed", Subject(service=one.name), told)))
        elif one.running < one.wanted:
            told = f"{one.name} runs {one.running} of {one.wanted}"
            parts.append(bad(told, Finding("task-lost", Subject(service=one.name), told)))
        else:
            parts.append(GOOD)
    tasks = sum(one.running for one in stacked.services)
    ignored = f"; a stack ignores: {listed(stacked.ignored, '; ')}" if stacked.ignored else ""
    return conclude(
        parts or [blind("it has no service")],
        f"{count(len(stacked.services), 'service')} with {count(tasks, 'task')} run "
        f"{seconds(stacked.ended - stacked.began)} after they were asked for{ignored}",
        subject=Subject(service=stacked.stack),
        witnesses=(),
        numbers={
            "services": {one.name: [one.running, one.wanted] for one in stacked.services},
            "seconds": round(stacked.ended - stacked.began, 1),
            "ignored": list(stacked.ignored),
        },
    )


@judge
def leaves_nothing(removal: StackRemoval) -> Verdict:
    """Services, tasks, networks, configs and secrets of a removed stack are gone.

    Args:
        removal: what was there, and what was left.
    """
    parts: list[Part] = [GOOD] if removal.removed else [blind("nothing of it was there to remove")]
    if removal.left:
        told = f"left of {removal.stack}: {listed(removal.left)}"
        parts.append(bad(told, Finding("stack-left", Subject(service=removal.stack), told, ("A10",))))
    parts += [blind(f"{node} did not tell what it still has") for node in removal.unasked]
    for node, name in removal.nodes:
        told = f"{node} still has {name}"
        finding = Finding("stack-left", Subject(node=node, service=removal.stack), told, ("A10", "C8"))
        parts.append(bad(told, finding))
    return conclude(
        parts,
        f"{count(len(removal.removed), 'object')} gone within {seconds(removal.ended - removal.began)}",
        subject=Subject(service=removal.stack),
        witnesses=(),
        numbers={"removed": list(removal.removed), "left": list(removal.left)},
    )


__all__ = ["leaves_nothing", "runs_as_asked"]
