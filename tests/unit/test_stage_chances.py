"""How long suites ask where replicas are chosen at random."""

from __future__ import annotations

import random

from harness.config import Limits
from harness.evidence import Balancers, Names, PortMatrix
from harness.inside.witness import OverlayLook
from harness.judge import even, stats
from harness.judge.simulated import NODES, Swarm, roster
from harness.judge.verdict import State
from harness.model import Path
from harness.stage import chances

LIMITS = Limits(share_margin=0.5, share_confidence=0.95)
NOBODY = Balancers("balancers-1", 0.0, ())


def drawn() -> Swarm:
    """A balancer that chooses at random."""
    swarm = Swarm.of()
    rng = random.Random(3)  # noqa: S311  a seeded draw, no secret
    swarm.choose = lambda rows, _: rng.choice(rows)
    return swarm


def looked(swarm: Swarm, requests: int, tables: Balancers) -> OverlayLook:
    """What the overlay's job would bring."""
    traffic = swarm.asked(requests, Path.VIP)
    return OverlayLook(Names("names-1", "web", 0.0, ()), traffic, PortMatrix("matrix-1", 0.0, ()), tables, ())


def test_round_robin_is_asked_no_longer_than_it_needs() -> None:
    """With every table read, the plan is the one of exact round robin."""
    most, enough = chances.watches(LIMITS, NODES, roster(), Swarm.of().read())
    unread, _ = chances.watches(LIMITS, NODES, roster(), NOBODY)

    assert most == 108 == chances.requests(LIMITS, 6, 3)
    assert [one.exact for one in enough.values()] == [True] * 3
    assert unread == stats.sample_size(6, entries=3, margin=0.5, confidence=0.95) > 108


def test_the_vip_is_asked_again_only_where_that_would_tell() -> None:
    """Then with all requests that its judge can need, and judged by the same limits."""
    asked: list[int] = []
    swarm = drawn()
    first, turns = looked(swarm, 108, NOBODY), looked(Swarm.of(), 108, NOBODY)

    def again(requests: int) -> OverlayLook:
        asked.append(requests)
        return looked(swarm, requests, NOBODY)

    longer = chances.longer(LIMITS, first, roster(), again)
    verdict = even(longer.traffic, roster(), longer.balancers, margin=0.5, confidence=0.95)

    assert asked == [chances.requests(LIMITS, 6, 3, 0.5)]
    assert (longer.names, verdict.state) == (first.names, State.UPHELD)
    assert chances.longer(LIMITS, turns, roster(), again) is turns
    assert len(asked) == 1
