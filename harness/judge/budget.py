"""How the chances of error that a run may have are split: the one place where it is done.

False alarms: ``false_alarm`` of ``[limits]`` bounds the chance that chance alone makes a healthy run refuted
anywhere. Only where replicas are chosen at random can that happen; :data:`RULES` lists every rule of a run
that can be wrong so, with the paths or services that it is applied to. Each application gets an equal part,
and that part is split over the entry nodes, so that the chances add up to no more than the budget (Boole's
inequality, which needs no independence).

Confidence: ``share_confidence`` holds for each sentence, over all its entry nodes and replicas together.
"""

from __future__ import annotations

from collections.abc import Mapping

RULES: Mapping[str, int] = {
    "spread.covered": 2,  # a replica is missing, by path: ingress, VIP; spread.even sees the same event
    "spread.even": 2,  # shares differ, by path
    "task-kill.even-again": 2,  # shares differ when it must be over, by service: as it is, with health check
    "node-loss.even-again": 1,
    "dns.dnsrr": 1,  # which address stands first
    "vip.own-task": 1,  # a replica is missing
}
SPARE = 0  # parts that nobody has claimed
PARTS = sum(RULES.values()) + SPARE


def alarm(false_alarm: float, entries: int) -> float:
    """What one rule may spend at one entry node of one path or service.

    Args:
        false_alarm: chance of a false alarm per run.
        entries: entry nodes that the rule is applied to.
    """
    return false_alarm / PARTS / max(1, entries)


def doubt(confidence: float, entries: int, replicas: int) -> float:
    """The chance that one replica's interval at one entry node may be wrong.

    Args:
        confidence: that all intervals of a sentence hold together, such as 0.99.
        entries: entry nodes of the sentence.
        replicas: intervals at each.
    """
    return (1 - confidence) / max(1, entries) / max(1, replicas)
