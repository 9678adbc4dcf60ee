"""Throughput by Locust over all node addresses, connections fresh and kept."""

import pytest

from harness.judge.capacity import throughput


@pytest.mark.check("load.fresh")
def test_fresh_connections_keep_to_the_limits(whoami, load, thresholds, promise):
    """One connection per request: what the mesh balances."""
    promise("load.fresh", throughput(load(whoami, kept_alive=False), **thresholds))


@pytest.mark.check("load.kept")
def test_kept_connections_keep_to_the_limits(whoami, load, thresholds, promise):
    """Connections that stay: what browsers and pools do."""
    promise("load.kept", throughput(load(whoami, kept_alive=True), **thresholds))
