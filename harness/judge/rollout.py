"""Updates of a service: over when swarm says completed, and only then; a failed one is no success.

Sources: ``docker service update`` (``--update-failure-action``), swarmkit ``manager/orchestrator/update``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.evidence import Rollout, Traffic
from harness.judge import losses
from harness.judge.verdict import Finding, Subject, Verdict, judge
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, witness


@judge
def completes(rollout: Rollout, traffic: Traffic, *, lost_share: float) -> Verdict:
    """Every task is replaced, swarm calls it completed, and hardly a request is lost.

    Args:
        rollout: the update.
        traffic: steady requests while it went on.
        lost_share: of the requests through an entry node, what may be lost.
    """
    parts: list[Part] = []
    if rollout.state != "completed":
        parts.append(_ended(rollout, "completed"))
    else:
        parts += _left(rollout)
    parts += losses.within(traffic, lost_share, "it was updated")
    return _conclude(parts, f"{count(len(rollout.running), 'task')} replaced, completed", rollout, traffic)


@judge
def replaces(rollout: Rollout, traffic: Sequence[Traffic] = ()) -> Verdict:
    """Every task is replaced, and swarm calls it completed; what it cost is told, and judged by nobody.

    Args:
        rollout: the update.
        traffic: steady requests to each of its published ports while it went on.
    """
    if rollout.state in {"", "updating"}:  # a long delay between its tasks may be meant
        parts = [blind(f"the update is not over after {rollout.ended - rollout.began:.0f} s")]
    else:
        parts = [_ended(rollout, "completed")] if rollout.state != "completed" else _left(rollout)
    told = "; ".join(map(losses.told, traffic)) or "it has no port that speaks HTTP"
    return conclude(
        parts or [GOOD],
        f"{count(len(rollout.running), 'task')} replaced in {rollout.ended - rollout.began:.0f} s: {told}",
        subject=Subject(service=rollout.service),
        witnesses=("outside",) if traffic else (),
        numbers={
            "states": [[round(at - rollout.began, 1), state] for at, state in rollout.states],
            "sent": sum(len(one.samples) for one in traffic),
            "lost": sum(not sample.ok for one in traffic for sample in one.samples),
            "seconds": round(rollout.ended - rollout.began, 1),
        },
    )


@judge
def fails_well(rollout: Rollout, traffic: Traffic, *, ends: str, lost_share: float) -> Verdict:
    """An update whose tasks crash ends as asked, and the service serves on.

    Args:
        rollout: the update.
        traffic: steady requests while it went on.
        ends: ``paused`` or ``rollback_completed``.
        lost_share: of the requests through an entry node, what may be lost.
    """
    parts: list[Part] = []
    if rollout.state != ends:
        parts.append(_ended(rollout, ends))
    if len(rollout.running) < len(rollout.old):
        sentence = f"{len(rollout.running)} of {count(len(rollout.old), 'task')} run after it"
        remedy = "docker service ps: what do the others wait for?"
        parts.append(bad(sentence, _finding(rollout, "task-lost", sentence, remedy)))
    parts += losses.within(traffic, lost_share, "an update failed")
    good = f"{ends.replace('_', ' ')}, and {count(len(rollout.running), 'task')} serve on"
    return _conclude(parts, good, rollout, traffic)


def _conclude(parts: list[Part], good: str, rollout: Rollout, traffic: Traffic) -> Verdict:
    return conclude(
        parts or [GOOD],
        f"{good}: {losses.told(traffic)} in {rollout.ended - rollout.began:.0f} s",
        subject=Subject(service=rollout.service),
        witnesses=(witness(traffic.path),),
        numbers=_numbers(rollout, traffic),
    )


def _left(rollout: Rollout) -> list[Part]:
    left = sorted(set(rollout.old) & set(rollout.running))
    if not left:
        return []
    sentence = f"{count(len(left), 'task')} of before still run though the update is completed"
    remedy = "docker service ps: which specification do they have?"
    return [bad(sentence, _finding(rollout, "old-task-left", sentence, remedy))]


def _ended(rollout: Rollout, wanted: str) -> Part:
    seen = rollout.state or "not spoken of"
    names = {"completed": "failure-called-success", "updating": "update-not-over", "": "update-not-over"}
    name = names.get(rollout.state, "update-failed")
    sentence = f"the update is {seen} after {rollout.ended - rollout.began:.0f} s, not {wanted}"
    said = f": {rollout.message}" if rollout.message else ""
    remedy = "docker service ps --no-trunc: why do its tasks end?"
    return bad(f"{sentence}{said}", _finding(rollout, name, f"{sentence}{said}", remedy))


def _finding(rollout: Rollout, name: str, sentence: str, remedy: str) -> Finding:
    return Finding(name, Subject(service=rollout.service), sentence, (), remedy)


def _numbers(rollout: Rollout, traffic: Traffic) -> dict[str, Any]:
    return {
        "states": [[round(at - rollout.began, 1), state] for at, state in rollout.states],
        "sent": len(traffic.samples),
        "lost": sum(not one.ok for one in traffic.samples),
        "seconds": round(rollout.ended - rollout.began, 1),
    }


__all__ = ["completes", "fails_well", "replaces"]
