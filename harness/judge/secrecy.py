"""Secrets and configs: every task finds the value, and nobody else does."""

from __future__ import annotations

from typing import Any

from harness.evidence import HeldFile, Keeping, Place, Roster, Traffic
from harness.judge import losses
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, witness
from harness.model import Replica

_ON_NODES = ("nodes",)
_MEMORY = "tmpfs"


@judge
def readable(keeping: Keeping, roster: Roster) -> Verdict:
    """Every running task finds the value; a secret lies in memory only.

    Args:
        keeping: what tasks were found to hold.
        roster: the tasks that ran.
    """
    if not roster.replicas:
        return unknown(f"no running task of {keeping.service} was known")
    held = {one.task: one for one in keeping.held}
    parts = [_held(keeping, replica, held.get(replica.task)) for replica in roster.replicas]
    return conclude(
        parts,
        f"all {count(len(roster.replicas), 'task')} find the {keeping.kind} {keeping.name}",
        subject=Subject(service=keeping.service),
        witnesses=_ON_NODES,
        numbers=_numbers(keeping),
    )


def _held(keeping: Keeping, replica: Replica, file: HeldFile | None) -> Part:
    if file is None:
        why = dict(keeping.missing).get(replica.node, "it was not looked at")
        return blind(f"{replica.label}: {why}")
    if not file.digest:
        sentence = f"{replica.label} has no file for the {keeping.kind} {keeping.name}"
        return bad(sentence, _finding(keeping, "file-missing", replica, sentence, "docker service inspect"))
    if file.digest != keeping.digest:
        sentence = f"{replica.label} finds another value than the {keeping.kind} {keeping.name} has"
        return bad(sentence, _finding(keeping, "file-differs", replica, sentence, "was the task replaced?"))
    if keeping.kind == "secret" and file.filesystem != _MEMORY:
        sentence = f"{replica.label} finds the secret {keeping.name} on {file.filesystem}, not in memory"
        return bad(sentence, _finding(keeping, "secret-on-disk", replica, sentence, "findmnt in the task"))
    return GOOD


@judge
def nowhere_else(keeping: Keeping, roster: Roster) -> Verdict:
    """The value is on no disk, in no environment, in no answer of the manager, on no node without a task.

    Args:
        keeping: where the value was found.
        roster: the tasks that ran: nodes of theirs hold it in memory.
    """
    nodes = {replica.node for replica in roster.replicas}
    parts = [_leaked(keeping, place) for place in keeping.places if not _rightful(place, nodes)]
    parts += [blind(f"{node} was not searched: {why}") for node, why in keeping.missing]
    seen = {place.node for place in keeping.places if place.kind == "memory"}
    parts += [
        blind(f"the search of {node} did not even find what its own task has")
        for node in sorted(nodes & set(keeping.searched) - seen)
    ]
    if not keeping.searched:
        parts.append(blind("no node was searched"))
    return conclude(
        parts or [GOOD],
        f"the secret {keeping.name} was found nowhere else: {count(len(keeping.searched), 'node')} searched, "
        "with the manager's answers and the logs",
        subject=Subject(service=keeping.service),
        witnesses=_ON_NODES,
        numbers=_numbers(keeping),
    )


def _rightful(place: Place, nodes: set[str]) -> bool:
    return place.kind == "memory" and place.node in nodes


def _leaked(keeping: Keeping, place: Place) -> Part:
    where = f"{place.node}: {place.path}" if place.node else f"the manager's {place.path}"
    sentence = f"the secret {keeping.name} is told by {where} ({place.kind})"
    return bad(
        sentence,
        Finding(
            "secret-leaked",
            Subject(node=place.node, service=keeping.service),
            sentence,
            (),
            "rotate it: whoever read that has it. Then find who wrote it there; a task gets a secret as a "
            "file and passes it on by nothing else",
        ),
    )


@judge
def kept_while_used(keeping: Keeping) -> Verdict:
    """The engine refuses to remove what a service has."""
    subject = Subject(service=keeping.service)
    if keeping.removal is None:
        return unknown(f"nobody tried to remove the {keeping.kind} {keeping.name}")
    parts = [GOOD]
    if not keeping.removal:
        sentence = f"the {keeping.kind} {keeping.name} was removed while {keeping.service} had it"
        remedy = "its tasks cannot be replaced now: create it again"
        parts = [bad(sentence, Finding("removed-while-used", subject, sentence, (), remedy))]
    return conclude(
        parts,
        f"the {keeping.kind} {keeping.name} stays while {keeping.service} has it: {keeping.removal}",
        subject=subject,
        witnesses=("outside",),
        numbers={},
    )


@judge
def rotated(traffic: Traffic, keeping: Keeping, roster: Roster, *, lost_share: float) -> Verdict:
    """After a rotation every task finds the new value, and hardly a request was lost by it.

    Args:
        traffic: steady requests while it was rotated.
        keeping: what tasks held after it.
        roster: the tasks that ran then.
        lost_share: of the requests through an entry node, what may be lost.
    """
    if not traffic.samples:
        return unknown("no request was sent while it was rotated")
    held = {one.task: one for one in keeping.held}
    parts = [_held(keeping, replica, held.get(replica.task)) for replica in roster.replicas]
    parts = [part for part in parts if part is not GOOD]
    parts += losses.within(traffic, lost_share, f"{keeping.name} was rotated")
    if not roster.replicas:
        parts.append(blind(f"no running task of {keeping.service} was known"))
    return conclude(
        parts or [GOOD],
        f"all {count(len(roster.replicas), 'task')} find the new value, {losses.told(traffic)} meanwhile",
        subject=Subject(service=keeping.service),
        witnesses=(witness(traffic.path), *_ON_NODES),
        numbers={**_numbers(keeping), "sent": len(traffic.samples)},
    )


def _finding(keeping: Keeping, name: str, replica: Replica, sentence: str, remedy: str) -> Finding:
    subject = Subject(node=replica.node, service=keeping.service, replica=replica.task)
    return Finding(name, subject, sentence, (), remedy)


def _numbers(keeping: Keeping) -> dict[str, Any]:
    return {
        "tasks": len(keeping.held),
        "searched": list(keeping.searched),
        "places": [[place.node, place.kind, place.path] for place in keeping.places],
    }


__all__ = ["kept_while_used", "nowhere_else", "readable", "rotated"]
