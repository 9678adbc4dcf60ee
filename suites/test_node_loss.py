"""A worker loses its power under steady traffic through the survivors, and gets it back."""

import pytest

from harness.judge.availability import outage
from harness.judge.recovery import detected, rejoined, rescheduled
from harness.judge.settle import even_again
from harness.mesh.verdict import tables_agree


@pytest.mark.check("node-loss.detected")
def test_the_manager_calls_it_down_in_time(lose_worker, bounds, promise):
    """Three heartbeats missed."""
    scene = lose_worker.scene

    promise("node-loss.detected", detected(scene.history, scene.fault, within=bounds.node_down))


@pytest.mark.check("node-loss.rescheduled")
def test_its_tasks_run_elsewhere_in_time(lose_worker, whoami, bounds, promise):
    """moby/moby#32416: tasks still "Running" on a dead node."""
    scene = lose_worker.scene

    verdict = rescheduled(
        scene.history,
        scene.fault,
        within=bounds.running_again(whoami),
        roster=scene.before,
        traffic=scene.traffic,
    )
    promise("node-loss.rescheduled", verdict)


@pytest.mark.check("node-loss.outage")
def test_its_loss_costs_no_more_than_gossips_detection(lose_worker, bounds, limits, promise):
    """The data plane learns of it by gossip, long before the manager calls it Down."""
    scene = lose_worker.scene

    promise(
        "node-loss.outage",
        outage(scene.traffic, scene.fault, within=bounds.gossip, timeout=limits.request_timeout),
    )


@pytest.mark.check("node-loss.even-again")
def test_the_spread_is_even_again_over_the_survivors(lose_worker, limits, promise):
    """And how long it took from the moment the last task ran elsewhere."""
    scene = lose_worker.scene

    verdict = even_again(
        scene.traffic,
        scene.after,
        scene.tables,
        scene.healed,
        within=limits.even_again,
        false_alarm=limits.false_alarm,
        miss=limits.miss,
        confidence=limits.share_confidence,
    )
    promise("node-loss.even-again", verdict)


@pytest.mark.check("node-loss.rejoined")
def test_with_its_power_back_it_rejoins_and_answers(lose_worker, bounds, promise):
    """moby/moby#33671: published ports lost after a reboot."""
    scene, returned = lose_worker.scene, lose_worker.returned

    promise(
        "node-loss.rejoined",
        rejoined(scene.history, scene.fault, within=bounds.rejoined, traffic=returned, least=10),
    )


@pytest.mark.check("node-loss.tables")
def test_the_survivors_kernels_forget_it(lose_worker, whoami, promise):
    """moby/moby#35548: entries of a dead node's tasks that stay take their share of requests nowhere."""
    seen = lose_worker.scene.kernels

    promise("node-loss.tables", tables_agree(seen.look, seen.before, seen.after, settled=[whoami.name]))


@pytest.mark.check("node-loss.tables-after-return")
def test_with_its_power_back_all_kernels_hold_what_the_manager_says(lose_worker, whoami, promise):
    """moby/moby#35717: ports and VIPs lost after a reboot, on that node or for it on the others."""
    seen = lose_worker.kernels

    promise(
        "node-loss.tables-after-return",
        tables_agree(seen.look, seen.before, seen.after, settled=[whoami.name]),
    )
