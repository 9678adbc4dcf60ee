"""A service is scaled under load: every replica comes to answer, and hardly a request is lost."""

from __future__ import annotations

from harness.evidence import Roster, Traffic
from harness.judge import losses
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, conclude, count, witness

_REMEDY = (
    "does the image serve on for a moment after SIGTERM, and has the service a health check? "
    "What is lost through one entry node alone is that node's"
)


@judge
def scales(traffic: Traffic, rosters: tuple[Roster, ...], *, lost_share: float) -> Verdict:
    """As many replicas as asked for, all of which answered, and requests within the budget.

    Args:
        traffic: steady requests all the time.
        rosters: replicas after each time that it was scaled, in order.
        lost_share: of the requests through an entry node, what may be lost.
    """
    if not rosters:
        return unknown("it was not scaled")
    parts: list[Part] = []
    spans = zip(rosters, [*(one.at for one in rosters[1:]), traffic.ended], strict=True)
    for roster, until in spans:
        parts += _replicas(roster, traffic, until)
    parts += losses.within(traffic, lost_share, "it was scaled", _REMEDY)
    told = ", then ".join(f"{roster.asked}" for roster in rosters)
    return conclude(
        parts or [GOOD],
        f"scaled to {told} replicas, all of which answered: {losses.told(traffic)}",
        subject=Subject(service=traffic.service),
        witnesses=(witness(traffic.path),),
        numbers={
            "asked": [roster.asked for roster in rosters],
            "ran": [len(roster.replicas) for roster in rosters],
            "sent": len(traffic.samples),
            "lost": sum(not one.ok for one in traffic.samples),
        },
    )


def _replicas(roster: Roster, traffic: Traffic, until: float) -> list[Part]:
    """What is wrong with the replicas of one size: too few or many, or one that nobody was answered by."""
    if len(roster.replicas) != roster.asked:
        sentence = f"{len(roster.replicas)} of {count(roster.asked, 'replica')} run"
        remedy = "docker service ps --no-trunc: what do the others wait for?"
        finding = Finding("scale-missed", Subject(service=roster.service), sentence, (), remedy)
        return [bad(sentence, finding)]
    answered = {one.replica for one in traffic.samples if one.ok and roster.at <= one.began <= until}
    parts = []
    for replica in roster.replicas:
        if replica.task not in answered:
            sentence = f"{replica.label} of {count(roster.asked, 'replica')} answered nobody"
            subject = Subject(node=replica.node, service=roster.service, replica=replica.task)
            remedy = "harness audit: do all nodes have its real server?"
            parts.append(bad(sentence, Finding("replica-silent", subject, sentence, ("B1",), remedy)))
    return parts


__all__ = ["scales"]
