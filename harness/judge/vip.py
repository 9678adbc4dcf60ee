"""A VIP as its own tasks see it, and what becomes of connections through it that say nothing for long."""

from __future__ import annotations

from harness.evidence import Idling, OwnVip, OwnVips, Quiet, Roster
from harness.judge import budget, stats
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, replaced, seconds, tally

_OK = "ok"
_BALANCER = "the VIP's rules and IPVS table in the network's lb_ namespace: harness audit --explain"


@judge
def own_vip_answers(own: OwnVips, roster: Roster, *, false_alarm: float = 1e-6) -> Verdict:
    """Every task of a service reaches every task of it through the VIP, itself among them.

    Args:
        own: what each task got.
        roster: the tasks.
        false_alarm: chance that a replica which chance alone left out is called missing, in the whole run.
    """
    if told := replaced(roster):
        return unknown(f"{told}: any of them may have answered")
    if not own.vips:
        return unknown(f"the manager gave no VIP of {own.service}: nothing to compare with")
    everybody = {one.task for one in roster.replicas}
    alarm = budget.alarm(false_alarm, len(everybody))  # each task is an entry of its own
    asked = {one.task: one for one in own.tasks}
    parts = [
        _task(own, asked[one.task], everybody, alarm)
        if one.task in asked and asked[one.task].asked
        else blind(f"{one.node}: task {one.label} did not ask")
        for one in roster.replicas
    ]
    parts += [blind(f"{node}: {why}") for node, why in own.missing]
    least = min((one.asked for one in own.tasks), default=0)
    return conclude(
        parts,
        f"each of {count(len(everybody), 'task')} of {own.service} reaches all of them through their own VIP "
        f"{listed(list(own.vips))}, itself among them ({least} requests each or more)",
        subject=Subject(service=own.service, path="vip"),
        witnesses=("inside",),
        numbers={
            "asked": {one.task: one.asked for one in own.tasks},
            "skipped": dict(own.skipped),
        },
    )


def _task(own: OwnVips, one: OwnVip, everybody: set[str], alarm: float) -> Part:
    subject = Subject(node=one.node, service=own.service, path="vip", replica=one.task)
    where = f"{one.node}: a task of {own.service}"
    if set(one.addresses) != set(own.vips):
        told = f"{where} is told {listed(list(one.addresses)) or 'nothing'} for its own name, not its VIP"
        return _fault("wrong-vip", subject, told, ("E1", "E3"))
    lost = {outcome: number for outcome, number in one.outcomes if outcome != _OK}
    if lost:
        told = f"{where} lost {sum(lost.values())} of {one.asked} requests to its own VIP ({tally(lost)})"
        return _fault("own-vip-lost", subject, told, ("B1", "B2"))
    answered = dict(one.replicas)
    if strangers := sorted(set(answered) - everybody):
        told = f"{where} got answers of {listed(strangers)} from its own VIP, who is none of them"
        return _fault("foreign-answer-at-vip", subject, told, ("B3",))
    if missing := sorted(everybody - set(answered)):
        chance = stats.unseen_chance(len(everybody), one.asked)
        if chance > alarm:
            return blind(f"{where}: {one.asked} requests are too few to see all {len(everybody)} tasks")
        himself = "itself" if missing == [one.task] else count(len(missing), "task")
        told = f"{where} never reaches {himself} through its own VIP, in {one.asked} requests"
        return _fault("task-missing-at-vip", subject, told, ("B2",))
    return GOOD


def _fault(name: str, subject: Subject, told: str, modes: tuple[str, ...]) -> Part:
    return bad(told, Finding(name, subject, told, modes, f"on {subject.node}, look at {_BALANCER}"))


@judge
def dies_when_silent(idling: Idling, *, documented: int = 900) -> Verdict:
    """A connection through the VIP dies of a silence beyond the IPVS timeout; keep-alive keeps it.

    moby/moby#31208: applications with pools of connections lose them after 15 minutes. Keep-alive that is
    more frequent than the timeout is the remedy.

    Args:
        idling: connections while the timeout was short.
        documented: what the timeout is where nobody sets it (seconds).
    """
    if not idling.timeouts:
        return unknown("nobody was silent", missing=dict(idling.missing))
    parts: list[Part] = []
    for node, before, during in idling.timeouts:
        mine = {one.kind: one for one in idling.quiet if one.node == node}
        parts.append(_timeout(idling, node, before, during, documented))
        if parts[-1] is GOOD:
            parts += [_silence(idling, node, kind, mine.get(kind)) for kind in ("brief", "silent", "kept")]
    parts += [blind(f"{node}: {why}") for node, why in idling.missing]
    total = sum(number for one in idling.quiet for _, number in one.outcomes)
    dead, alive = (
        min((one.seconds for one in idling.quiet if one.kind == kind), default=0.0)
        for kind in ("silent", "brief")
    )
    return conclude(
        parts,
        f"through the VIP of {idling.service}, with an IPVS timeout of {idling.wanted} s on "
        f"{count(len(idling.timeouts), 'node')} (it is {documented} s where nobody sets it), connections die "
        f"of {seconds(dead)} of silence, survive it with keep-alive, and survive {seconds(alive)} without "
        f"({count(total, 'connection')})",
        subject=Subject(service=idling.service, path="vip"),
        witnesses=("inside",),
        numbers={
            "timeouts": [list(one) for one in idling.timeouts],
            "quiet": [[one.node, one.kind, one.seconds, dict(one.outcomes)] for one in idling.quiet],
            "skipped": dict(idling.skipped),
        },
    )


def _timeout(idling: Idling, node: str, before: int, during: int, documented: int) -> Part:
    if during != idling.wanted:
        return blind(f"{node}: the timeout was {during} s and not {idling.wanted} s")
    if before != documented:
        told = (
            f"{node}: silent connections through the VIP are forgotten after {before} s, not {documented} s"
        )
        remedy = f"on {node}, who runs ipvsadm --set in the network's lb_ namespace?"
        subject = Subject(node=node, service=idling.service, path="vip")
        return bad(told, Finding("other-idle-timeout", subject, told, ("B12",), remedy))
    return GOOD


_WRONG = {
    "brief": ("idle-died-early", "died of {} of silence, before the timeout"),
    "silent": ("idle-outlived", "outlived {} of silence, beyond the timeout"),
    "kept": ("keep-alive-died", "died in {} of silence, though TCP's keep-alive asked every second"),
}


def _silence(idling: Idling, node: str, kind: str, seen: Quiet | None) -> Part:
    if seen is None:
        return blind(f"{node}: no connection was {kind}")
    if not seen.seconds:
        return blind(f"{node}: no connection through the VIP answered at all ({tally(dict(seen.outcomes))})")
    if kind == "brief" and seen.seconds >= idling.wanted:
        return blind(f"{node}: a silence that was to be brief took {seconds(seen.seconds)}")
    lived, total = dict(seen.outcomes).get(_OK, 0), sum(number for _, number in seen.outcomes)
    wrong = lived if kind == "silent" else total - lived
    if not wrong:
        return GOOD
    name, words = _WRONG[kind]
    how = words.format(seconds(seen.seconds))
    told = f"{node}: {wrong} of {count(total, 'connection')} through the VIP {how}"
    told += f" of {idling.wanted} s" if kind != "kept" else ""
    remedy = (
        f"on {node}, ipvsadm -l --timeout and -lnc in the network's lb_ namespace; what drops its packets?"
    )
    subject = Subject(node=node, service=idling.service, path="vip")
    return bad(told, Finding(name, subject, told, ("B12",), remedy))


__all__ = ["dies_when_silent", "own_vip_answers"]
