"""Every replica gets its share, through every node, on both ways in."""

import pytest

from harness.judge.spread import covered, even, pinned
from harness.model import Path


@pytest.mark.parametrize("path", [Path.INGRESS, Path.VIP], ids=str)
@pytest.mark.check("spread.covered")
def test_every_replica_answers_through_every_node(traffic_by, tables_by, path, roster_then, limits, promise):
    """moby/moby#27016: a backend missing on one node costs no request, so only coverage shows it."""
    verdict = covered(
        traffic_by(path),
        roster_then,
        tables_by(path),
        miss=limits.miss,
        false_alarm=limits.false_alarm,
        periods=limits.periods,
    )
    promise("spread.covered", verdict)


@pytest.mark.parametrize("path", [Path.INGRESS, Path.VIP], ids=str)
@pytest.mark.check("spread.even")
def test_every_replica_gets_its_share(traffic_by, tables_by, path, roster_then, limits, promise):
    """moby/moby#30464: an entry node whose table differs sends a share of requests nowhere."""
    verdict = even(
        traffic_by(path),
        roster_then,
        tables_by(path),
        miss=limits.miss,
        false_alarm=limits.false_alarm,
        periods=limits.periods,
        margin=limits.share_margin,
        confidence=limits.share_confidence,
    )
    promise("spread.even", verdict)


@pytest.mark.check("keepalive.pins")
def test_a_kept_connection_stays_with_one_replica(whoami, kept, promise):
    """traefik#730: IPVS balances connections, not requests; by design, and measured as such."""
    promise("keepalive.pins", pinned(kept(whoami), whoami.roster()))
