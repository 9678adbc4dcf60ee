"""Did the orchestrator do its part in time: detect, replace, reschedule, take back?

Times run on one monotonic clock. A fault bites between its command (``began``) and its proof (``proved``),
and a history is read every ``resolution`` seconds: an event counts as in time if it may have been, that is
if it was seen no later than ``proved + within + resolution``. Sentences give the time since the command.
"""

from __future__ import annotations

import dataclasses

from harness.evidence import Fault, History, Roster, Traffic
from harness.judge.timeline import Heir, heirs, node_reached, phases
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, seconds

_REMEDY = "docker service ps --no-trunc and docker node ls tell what the manager waits for"


@dataclasses.dataclass(frozen=True)
class _Bound:
    """A bound in time: from ``origin`` on, in force until ``limit``; watched until ``ended``."""

    origin: float
    limit: float
    within: float
    ended: float

    @classmethod
    def of(cls, history: History, began: float, proved: float | None, within: float) -> _Bound:
        latest = began if proved is None else proved
        return cls(began, latest + within + history.resolution, within, history.ended)


@judge
def replaced(
    history: History,
    fault: Fault,
    *,
    within: float,
    roster: Roster | None = None,
    traffic: Traffic | None = None,
) -> Verdict:
    """A killed task's slot runs a new task within the bound.

    Args:
        history: tasks of the service, from before the kill on.
        fault: the kill; its subject is the task's id.
        within: seconds from the kill, such as ``bounds.replaced(restart_delay, start)``.
        roster: what ran before.
        traffic: to tell when the replacement first answered.
    """
    return _again(history, fault, within=within, roster=roster, traffic=traffic, elsewhere=False)


@judge
def rescheduled(
    history: History,
    fault: Fault,
    *,
    within: float,
    roster: Roster | None = None,
    traffic: Traffic | None = None,
) -> Verdict:
    """Every task of a lost node runs on another node within the bound.

    Args:
        history: tasks and nodes, from before the loss on.
        fault: the loss; its subject is the node's hostname.
        within: seconds from the loss, such as ``bounds.running_again(heartbeat, restart_delay, start)``.
        roster: what ran before.
        traffic: to tell when the replacements first answered.
    """
    return _again(history, fault, within=within, roster=roster, traffic=traffic, elsewhere=True)


@judge
def detected(history: History, fault: Fault, *, within: float) -> Verdict:
    """A lost node is shown Down within the bound.

    Args:
        history: nodes, from before the loss on.
        fault: the loss; its subject is the node's hostname.
        within: seconds from the loss, such as ``bounds.node_down(heartbeat)``.
    """
    if (dark := _unproved(fault)) is not None:
        return dark
    at = node_reached(history, fault.subject, "down", fault.began)
    subject = Subject(node=fault.subject)
    cause = Finding("node-not-detected", subject, "", ("G1", "G2"), _REMEDY)
    clock = _Bound.of(history, fault.began, fault.proved, within)
    part = _in_time(clock, at, f"{fault.subject} shown Down", cause)
    return conclude(
        [part],
        f"{fault.subject} was shown Down {_since(at, fault.began)} after its loss (bound {seconds(within)})",
        subject=subject,
        witnesses=("outside",),
        numbers={"within": within, "down": _round(at, fault.began), "resolution": history.resolution},
    )


@judge
def rejoined(
    history: History, fault: Fault, *, within: float, traffic: Traffic | None = None, least: int = 1
) -> Verdict:
    """After its power returned a node is Ready within the bound, and answers on its own address.

    Args:
        history: nodes, until after the return.
        fault: the loss, with ``ended``: when power was given back.
        within: seconds from the return of power.
        traffic: requests to the node's own address after it was Ready; each must be answered.
        least: requests to it that the traffic must hold.
    """
    if (dark := _unproved(fault)) is not None:
        return dark
    if fault.ended is None:
        return unknown(f"nobody gave power back to {fault.subject}")
    subject = Subject(node=fault.subject)
    # giving power back may itself have waited for the node: what counts is Ready after it was Down
    down = node_reached(history, fault.subject, "down", fault.began)
    at = node_reached(history, fault.subject, "ready", fault.ended if down is None else down)
    told = f"{fault.subject} Ready again"
    cause = Finding("node-not-back", subject, "", ("G9", "D2"), _REMEDY)
    parts = [_in_time(_Bound.of(history, fault.ended, None, within), at, told, cause)]
    numbers: dict[str, object] = {"within": within, "ready": _round(at, fault.ended)}
    took = seconds(max(0.0, (at or 0.0) - fault.ended))
    answers = ""
    if traffic is not None and at is not None:
        mine = [one for one in traffic.at(fault.subject) if one.began >= at]
        good = sum(one.ok for one in mine)
        numbers |= {"requests": len(mine), "answered": good}
        answers = f", and answered {good} of {count(len(mine), 'request')} on its own address"
        if len(mine) < least:
            parts.append(blind(f"{count(len(mine), 'request')} to {fault.subject} since, {least} needed"))
        elif good < len(mine):
            sentence = (
                f"{fault.subject} is Ready and answered {good} of {len(mine)} requests on its own address"
            )
            remedy = "compare its kernel tables with another node's; restart its engine"
            parts.append(
                bad(sentence, Finding("entry-dead-after-return", subject, sentence, ("H8",), remedy))
            )
    return conclude(
        parts,
        f"{told} {took} after power returned (bound {seconds(within)}){answers}",
        subject=subject,
        witnesses=("outside",),
        numbers=numbers,
    )


def _again(
    history: History,
    fault: Fault,
    *,
    within: float,
    roster: Roster | None,
    traffic: Traffic | None,
    elsewhere: bool,
) -> Verdict:
    if (dark := _unproved(fault)) is not None:
        return dark
    pairs = heirs(history, fault, roster)
    if not pairs:
        return unknown(f"no task of {history.service} was seen running on or as {fault.subject} before")
    steps = phases(history, fault, roster, traffic)
    parts = [_replacement(history, fault, pair, within, elsewhere=elsewhere) for pair in pairs]
    where = " on other nodes" if elsewhere else ""
    return conclude(
        parts,
        f"{count(len(pairs), 'lost task')} of {history.service} ran again{where} "
        f"{_since(steps.running, 0.0)} after the fault (bound {seconds(within)})",
        subject=Subject(node=fault.subject if elsewhere else "", service=history.service),
        witnesses=("outside",),
        numbers={
            "within": within,
            "lost": [pair.lost.task for pair in pairs],
            "replacements": [pair.heir.task for pair in pairs if pair.heir],
            "phases": steps.numbers(),
            "resolution": history.resolution,
        },
    )


def _replacement(history: History, fault: Fault, pair: Heir, within: float, *, elsewhere: bool) -> Part:
    heir = pair.heir
    subject = Subject(service=history.service, replica=pair.lost.task, node=pair.lost.node)
    if elsewhere and heir is not None and heir.running is not None and heir.node == pair.lost.node:
        told = f"slot {pair.lost.slot} runs again on {heir.node}, the lost node, says the manager"
        return bad(
            told, Finding("task-on-dead-node", subject, told, ("G1",), "look at the node's real state")
        )
    at = None if heir is None else heir.running
    what = f"slot {pair.lost.slot} running again"
    cause = Finding("task-not-replaced", subject, "", ("G1", "G5"), _REMEDY)
    return _in_time(_Bound.of(history, fault.began, fault.proved, within), at, what, cause)


def _in_time(clock: _Bound, at: float | None, what: str, cause: Finding) -> Part:
    """Whether an event came within the bound; not seen and not watched long enough is *unknown*."""
    if at is not None and at <= clock.limit:
        return GOOD
    watched = seconds(max(0.0, clock.ended - clock.origin))
    if at is None and clock.ended < clock.limit:
        return blind(f"{what}: not seen, and watched for {watched} of {seconds(clock.within)}")
    late = f"never in {watched}" if at is None else f"only after {seconds(at - clock.origin)}"
    told = f"{what}: {late}, bound {seconds(clock.within)}"
    return bad(told, dataclasses.replace(cause, sentence=told))


def _unproved(fault: Fault) -> Verdict | None:
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    return None


def _since(at: float | None, start: float) -> str:
    return "never" if at is None else seconds(at - start)


def _round(at: float | None, start: float) -> float | None:
    return None if at is None else round(at - start, 3)


__all__ = ["detected", "phases", "rejoined", "replaced", "rescheduled"]
