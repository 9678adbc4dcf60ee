"""Horizontal scaling under load: up, and down again, without clients noticing."""

import pytest

from harness.judge.scaling import scales


@pytest.mark.check("scale.costs")
def test_scaling_costs_hardly_a_request(scaled, limits, promise):
    """From 1 to 12 to 3 replicas: each comes to answer, and those that leave take no request with them."""
    verdict = scales(scaled.traffic, scaled.rosters, lost_share=limits.update_lost_share)
    promise("scale.costs", verdict)
