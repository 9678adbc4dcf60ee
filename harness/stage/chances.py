"""How long to ask where replicas are chosen at random: until the judge of spread could tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from harness.config import Limits
from harness.evidence import Balancers, Roster
from harness.inside.witness import OverlayLook
from harness.judge import budget, fair, stats
from harness.model import Path


def requests(limits: Limits, replicas: int, entries: int, margin: float | None = None) -> int:
    """Requests per entry node that suffice for every judge of spread.

    Args:
        limits: ``[limits]``.
        replicas: of the service.
        entries: entry nodes.
        margin: of equal shares, where random choice is judged; None: round robin is expected.
    """
    return stats.sample_size(
        replicas,
        entries=entries,
        periods=limits.periods,
        miss=limits.miss,
        false_alarm=limits.false_alarm,
        margin=margin,
        confidence=limits.share_confidence,
    )


def to_see_all(limits: Limits, replicas: int, entries: int) -> int:
    """Requests after which a replica that never answered is missing, however replicas are chosen.

    Args:
        limits: ``[limits]``.
        replicas: of the service.
        entries: tasks from which they are asked.
    """
    return stats.to_see_all(replicas, budget.alarm(limits.false_alarm, entries))


def terms(limits: Limits, replicas: int, entries: int) -> fair.Terms:
    """What the judge of spread asks of equal shares at random choice."""
    return fair.Terms.of(
        replicas,
        entries,
        false_alarm=limits.false_alarm,
        miss=limits.miss,
        margin=limits.share_margin,
        confidence=limits.share_confidence,
    )


def watches(
    limits: Limits, entries: tuple[str, ...], roster: Roster, balancers: Balancers
) -> tuple[int, dict[str, fair.Watch]]:
    """Requests per entry node at most, and who ends them earlier.

    Where ``rr`` was read that is after as many as round robin needs.
    """
    replicas, nodes = max(1, len(roster.replicas)), len(entries)
    least, most = (requests(limits, replicas, nodes, margin) for margin in (None, limits.share_margin))
    found = fair.watches(
        entries, Path.INGRESS, roster, balancers, terms(limits, replicas, nodes), least=least
    )
    return (least if all(one.exact for one in found.values()) else most), found


def longer(
    limits: Limits, look: OverlayLook, roster: Roster, ask: Callable[[int], OverlayLook]
) -> OverlayLook:
    """``look``, with traffic through the VIP that is long enough for random choice, where that is judged.

    The job on the nodes cannot judge, so it asks for all requests that can be needed.

    Args:
        limits: ``[limits]``.
        look: with as many requests as round robin needs.
        roster: the replicas that were asked.
        ask: looks again, with so many requests from each node.
    """
    replicas, nodes = max(1, len(roster.replicas)), len(look.traffic.entries)
    if not fair.undecided(look.traffic, roster, look.balancers, terms(limits, replicas, nodes)):
        return look
    again = ask(requests(limits, replicas, nodes, limits.share_margin))
    return dataclasses.replace(look, traffic=again.traffic, balancers=again.balancers)
