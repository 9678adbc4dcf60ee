"""A local volume belongs to its node: data survives its task there, and does not follow it elsewhere."""

import pytest

from harness.judge.counter import counts_through_kill
from harness.judge.volume import another_volume
from harness.swarm.conditions import replaced


@pytest.mark.check("volume.kept")
def test_data_survives_its_task_on_the_same_node(store, counting, steady, kill, allow, bounds, promise):
    """Redis is killed, not asked to end: what it answered for is on the volume."""
    with counting(store.web) as counted, steady(store.web, rate=10) as traffic:
        traffic.wait_each(20, within=30)
        with kill(store.data) as death:
            within = bounds.replaced(store.data)
            allow("the replacement", replaced(store.data, death.fault.subject), within=within)
            traffic.wait_each(20, within=30)

    verdict = counts_through_kill(counted.counter, traffic.traffic, death.fault, readings=1)
    promise("volume.kept", verdict)


@pytest.mark.check("volume.local")
def test_a_task_that_moves_finds_another_volume(store, burst, steady, moved, promise):
    """A service bound to no node loses its data when it moves, and nothing tells: here it is said."""
    burst(store.web, 200)
    with steady(store.web, rate=10) as traffic:
        traffic.wait_each(20, within=30)
        with moved(store) as move:
            traffic.wait_each(20, within=30)
        traffic.wait_each(20, within=30)

    promise("volume.local", another_volume(traffic.traffic, move.rosters))
