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


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
@pytest.mark.check("update.costs")
def test_with_a_health_check_no_order_costs_more(cell, order, limits, promise):
    """Counted through every entry node."""
    seen = cell(order, checked=True)

    promise("update.costs", completes(seen.rollout, seen.traffic, lost_share=limits.update_lost_share))


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
@pytest.mark.check("update.costs")
def test_without_a_health_check_it_keeps_to_its_budget(cell, order, limits, promise):
    """moby/moby#29024: a new task gets requests a moment before it listens."""
    seen = cell(order, checked=False)

    share = limits.update_lost_share_unchecked
    promise("update.costs", completes(seen.rollout, seen.traffic, lost_share=share))


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
