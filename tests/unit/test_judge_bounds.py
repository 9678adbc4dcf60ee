"""The times that swarm itself sets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge import bounds


def test_a_node_is_down_after_three_heartbeats() -> None:
    """With the default heartbeat of 5 s a lost node is Down within 17.5 s; 15.5 s were measured."""
    assert bounds.node_down(5.0) == pytest.approx(17.5)


@pytest.mark.parametrize(("nodes", "seconds"), [(1, 7.5), (2, 7.5), (3, 8.5), (9, 14.5), (100, 109.5)])
def test_gossip_grows_with_the_nodes(nodes: int, seconds: float) -> None:
    """One round of probes, one probe, four intervals of suspicion scaled by log10, and a margin."""
    assert bounds.gossip(nodes) == pytest.approx(seconds)


def test_replicas_run_again_after_down_delay_and_start() -> None:
    """Capacity returns after detection, restart delay and start: 17.5 + 5 + 8 + 1 by default; 22 measured."""
    assert bounds.running_again(5.0, 5.0, 8.0) == pytest.approx(31.5)
    assert bounds.replaced(5.0, 8.0) == pytest.approx(14.0)


@settings(deadline=None)
@given(st.floats(0.5, 60), st.floats(0, 60), st.floats(0.1, 60), st.integers(1, 200))
def test_no_bound_is_shorter_than_what_it_waits_for(
    heartbeat: float, delay: float, start: float, nodes: int
) -> None:
    """Bounds grow with what they are computed from."""
    assert bounds.node_down(heartbeat) > 3 * heartbeat
    assert bounds.running_again(heartbeat, delay, start) > bounds.node_down(heartbeat) + delay + start
    assert bounds.gossip(nodes) <= bounds.gossip(nodes + 1)
    assert bounds.rejoined(heartbeat, start) > start
