"""Managers: one that was restarted has all that it had, and with autolock says nothing without the key.

Sources: swarmkit ``manager/state/raft`` (the store on disk), ``docker swarm update --autolock``.
"""

from __future__ import annotations

from collections import Counter

from harness.evidence import Fault, Kept, Locking, Roster, Standing
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds

_LOCKED = "locked"
# of engine 26.1.5, now and then: "Initializing Libnetwork Agent" is missing from its log after the unlock
_NO_AGENT = (
    "but its engine did not join gossip, so it was out of the mesh until it was restarted once more: look at "
    "7946/tcp after each unlock"
)


@judge
def keeps_all(before: Standing, after: Standing, fault: Fault) -> Verdict:
    """A manager that was restarted is in the same swarm, and has every object that it had, unchanged.

    Args:
        before: what it kept before.
        after: what it keeps once it answers again.
        fault: the restart.
    """
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    if not before.at <= fault.began <= after.at:
        return unknown(f"the manager was not asked before and after {fault.kind} of {fault.subject}")
    now = {(one.kind, one.id): one for one in after.objects}
    parts = [_kept(before, one, now.get((one.kind, one.id))) for one in before.objects]
    if (before.cluster, before.node) != (after.cluster, after.node):
        sentence = f"{before.manager} is {after.node} of swarm {after.cluster} after its restart"
        sentence += f", it was {before.node} of {before.cluster}"
        remedy = "somebody made a new swarm there (force-new-cluster, leave --force); restore its raft store"
        parts.append(bad(sentence, Finding("another-swarm", Subject(before.manager), sentence, (), remedy)))
    kinds = Counter(one.kind for one in before.objects)
    told = [count(number, kind) for kind, number in sorted(kinds.items())]
    took = seconds(round(after.at - fault.began, 1))
    return conclude(
        parts,
        f"{before.manager} still has {' and '.join(told)} {took} after its restart began",
        subject=Subject(node=before.manager),
        witnesses=("outside",),
        numbers={"objects": dict(kinds), "seconds": round(after.at - fault.began, 1), "proof": fault.proof},
    )


def _kept(before: Standing, one: Kept, found: Kept | None) -> Part:
    subject = Subject(node=before.manager, service=one.name if one.kind == "service" else "")
    remedy = (
        f"docker {one.kind} ls; who removed or changed it? Restore {before.manager}'s raft store otherwise"
    )
    if found is None:
        sentence = f"the {one.kind} {one.name} is gone since {before.manager} was restarted"
        return bad(sentence, Finding("object-lost", subject, sentence, ("G8",), remedy))
    if found != one:
        sentence = f"the {one.kind} {one.name} is another since {before.manager} was restarted"
        return bad(sentence, Finding("object-changed", subject, sentence, ("G8",), remedy))
    return GOOD


@judge
def tasks_untouched(before: Roster, after: Roster, fault: Fault) -> Verdict:
    """While a manager restarts, the tasks of other nodes run on, and its own are replaced.

    Args:
        before: the replicas before; ``after``: those that run once it answers again.
        after: see above.
        fault: the restart; its subject is the manager's hostname.
    """
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    elsewhere = [one for one in before.replicas if one.node != fault.subject]
    if not elsewhere:
        return unknown(f"no task of {before.service} ran on another node than {fault.subject}")
    running = {one.task for one in after.replicas}
    parts = []
    for one in elsewhere:
        sentence = f"{one.label} on {one.node} did not outlive the restart of {fault.subject}"
        finding = Finding(
            "task-restarted",
            Subject(node=one.node, service=before.service, replica=one.task),
            sentence,
            (),
            "docker service ps --no-trunc: why did it end? Workers run on without a manager",
        )
        parts.append(GOOD if one.task in running else bad(sentence, finding))
    if len(after.replicas) < len(before.replicas):
        sentence = f"{len(after.replicas)} of {count(len(before.replicas), 'task')} run after the restart"
        finding = Finding(
            "task-lost", Subject(fault.subject, before.service), sentence, (), "docker service ps"
        )
        parts.append(bad(sentence, finding))
    return conclude(
        parts,
        f"{count(len(elsewhere), 'task')} of {before.service} on other nodes ran on, "
        f"{len(after.replicas)} of {len(before.replicas)} run",
        subject=Subject(service=before.service),
        witnesses=("outside",),
        numbers={"elsewhere": len(elsewhere), "running": len(after.replicas)},
    )


@judge
def locks(locking: Locking, fault: Fault) -> Verdict:
    """With autolock a restarted manager tells nothing until the right key is given; a wrong one is refused.

    Args:
        locking: what it said.
        fault: the restart.
    """
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    states = [state for _, state in locking.states]
    subject, parts = Subject(node=locking.manager), [GOOD]

    def broken(name: str, sentence: str, remedy: str) -> None:
        parts.append(bad(sentence, Finding(name, subject, sentence, (), remedy)))

    if _LOCKED not in states and "active" in states:
        broken(
            "not-locked",
            f"{locking.manager} came back active without a key though autolock is on",
            "docker info: is autolock on? docker swarm update --autolock=true",
        )
    elif _LOCKED not in states:
        parts.append(blind(f"{locking.manager} was seen {listed(states) or 'in no state'}, never locked"))
    if _LOCKED in states and not locking.refusal:
        broken(
            "told-while-locked",
            f"{locking.manager} told its nodes while it was locked",
            "which version has its engine?",
        )
    elif _LOCKED in states and _LOCKED not in locking.refusal:
        parts.append(blind(f"{locking.manager} was not heard to say that it is locked ({locking.refusal})"))
    if locking.wrong is None and _LOCKED in states:
        parts.append(blind("no wrong key was tried"))
    elif locking.wrong == "":
        broken("wrong-key-taken", f"{locking.manager} took a wrong key", "docker swarm unlock-key --rotate")
    if _LOCKED in states and locking.unlocked is None:
        broken(
            "stays-locked",
            f"{locking.manager} did not answer after the right key was given",
            "docker swarm unlock, and the engine's log",
        )
    first = next((at for at, state in locking.states if state == _LOCKED), locking.at)
    return conclude(
        parts,
        f"{locking.manager} was locked after its restart, said so, refused a wrong key and answered "
        f"{seconds(round((locking.unlocked or first) - first, 1))} later with the right one"
        + ("" if locking.gossips else f"; {_NO_AGENT}"),
        subject=subject,
        witnesses=("outside",),
        numbers={
            "states": [[round(at - fault.began, 2), state] for at, state in locking.states],
            "refusal": locking.refusal,
            "wrong": locking.wrong,
            "gossips": locking.gossips,
        },
    )


__all__ = ["keeps_all", "locks", "tasks_untouched"]
