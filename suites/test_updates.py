"""Rolling updates: without a lost request where the image allows it, and a failed one is told as failed."""

import pytest

from harness.judge.rollout import completes, fails_well


@pytest.mark.check("update.pauses")
def test_an_update_that_crashes_pauses(paused, limits, promise):
    """``failure-action pause``: what ran before serves on."""
    verdict = fails_well(paused.rollout, paused.traffic, ends="paused", lost_share=limits.update_lost_share)
    promise("update.pauses", verdict)


@pytest.mark.check("update.completes")
def test_an_update_costs_hardly_a_request(completed, limits, promise):
    """start-first, with a health check: a new task answers before the old one ends."""
    verdict = completes(completed.rollout, completed.traffic, lost_share=limits.update_lost_share)
    promise("update.completes", verdict)


@pytest.mark.check("update.rolls-back")
def test_an_update_that_crashes_is_rolled_back(rolled_back, limits, promise):
    """``failure-action rollback``: rolled back is no success, whatever runs then."""
    verdict = fails_well(
        rolled_back.rollout,
        rolled_back.traffic,
        ends="rollback_completed",
        lost_share=limits.update_lost_share,
    )
    promise("update.rolls-back", verdict)
