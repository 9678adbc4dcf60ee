"""A task is killed under steady traffic: as it is, and with a health check on the service."""

import pytest

from harness.judge.availability import kill_outage, nobody_refused, silent_after_death
from harness.judge.recovery import replaced
from harness.judge.settle import even_again
from harness.mesh.verdict import tables_agree


@pytest.fixture
def service(request):
    """The service by its name."""
    return request.getfixturevalue(request.param)


both = pytest.mark.parametrize("service", ["whoami", "healthy"], indirect=True)


@both
@pytest.mark.check("task-kill.replaced")
def test_a_killed_task_is_replaced_in_time(service, kill_one, bounds, promise):
    """Within the restart delay and the time that a task of this service took to start in this run."""
    scene = kill_one(service)

    verdict = replaced(
        scene.history,
        scene.fault,
        within=bounds.replaced(service),
        roster=scene.before,
        traffic=scene.traffic,
    )
    promise("task-kill.replaced", verdict)


@both
@pytest.mark.check("task-kill.outage")
def test_it_costs_no_more_than_its_budget(service, kill_one, limits, promise):
    """A few requests at the moment of the kill are how a healthy swarm behaves: counted, within a budget."""
    scene = kill_one(service)

    verdict = kill_outage(
        scene.traffic,
        scene.fault,
        outage=limits.kill_outage,
        lost_share=limits.kill_lost_share,
        timeout=limits.request_timeout,
    )
    promise("task-kill.outage", verdict)


@both
@pytest.mark.check("task-kill.silent")
def test_no_request_goes_to_the_dead_task_for_long(service, kill_one, limits, promise):
    """moby/moby#30464: a dead task's real server that stays takes its share of requests nowhere."""
    scene = kill_one(service)

    verdict = silent_after_death(scene.traffic, scene.before, scene.history, within=limits.dead_task_traffic)
    promise("task-kill.silent", verdict)


@both
@pytest.mark.check("task-kill.even-again")
def test_the_spread_is_even_again_over_the_new_replicas(service, kill_one, limits, promise):
    """And how long it took from the moment the replacement ran."""
    scene = kill_one(service)

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
    promise("task-kill.even-again", verdict)


@both
@pytest.mark.check("task-kill.tables")
def test_every_kernel_holds_the_new_set_of_tasks(service, kill_one, promise):
    """moby/moby#30464: a backend that stays or is missing on one node only, while the API is content."""
    seen = kill_one(service).kernels

    promise("task-kill.tables", tables_agree(seen.look, seen.before, seen.after, settled=[service.name]))


@pytest.mark.check("task-kill.healthy-joins")
def test_with_a_health_check_the_replacement_refuses_nobody(healthy, kill_one, promise):
    """moby/moby#29024: a new task is in the tables a moment before it listens, unless its health is asked."""
    scene = kill_one(healthy)

    promise("task-kill.healthy-joins", nobody_refused(scene.traffic, scene.history))
