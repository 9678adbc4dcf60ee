"""Each of the swarm's ports is cut on one node: what is documented follows, and the port is named."""

import pytest

from harness.judge.cutting import cut_spares_service, hides_news, hides_tasks, port_named, stays_ready
from harness.judge.recovery import detected, rescheduled


@pytest.mark.check("ports.4789")
def test_without_the_data_path_requests_across_hang(cut_data_path, promise):
    """moby/moby#36689: "it works only on the node that runs the task"."""
    seen = cut_data_path

    promise("ports.4789", hides_tasks(seen.traffic, seen.fault, seen.before, until=seen.until))


@pytest.mark.check("ports.4789")
def test_without_the_data_path_all_looks_well(cut_data_path, promise):
    """Nodes Ready, tasks Running; who looks at the ports sees it."""
    seen = cut_data_path

    promise("ports.4789", stays_ready(seen.history, seen.fault))
    promise("ports.4789", port_named(seen.effect.matrix, seen.fault, port=4789))


@pytest.mark.check("ports.7946")
def test_without_gossip_no_news_comes_across(cut_gossip, limits, promise):
    """moby/moby#32195: new tasks are unknown to some nodes."""
    seen = cut_gossip

    verdict = hides_news(
        seen.traffic,
        seen.fault,
        seen.before,
        seen.effect.after,
        since=seen.effect.settled,
        until=seen.until,
        lost_share=limits.update_lost_share,
    )
    promise("ports.7946", verdict)


@pytest.mark.check("ports.7946")
def test_without_gossip_all_looks_well(cut_gossip, promise):
    """Nodes Ready, tasks Running; who looks at the ports sees it."""
    seen = cut_gossip

    promise("ports.7946", stays_ready(seen.history, seen.fault))
    promise("ports.7946", port_named(seen.effect.matrix, seen.fault, port=7946, follows=[4789]))


@pytest.mark.check("ports.2377")
def test_without_its_manager_a_worker_is_down(cut_management, ruled, bounds, promise):
    """Three heartbeats missed, then its tasks are started elsewhere."""
    seen = cut_management

    promise("ports.2377", detected(seen.history, seen.fault, within=bounds.node_down))
    verdict = rescheduled(
        seen.history,
        seen.fault,
        within=bounds.running_again(ruled.service),
        roster=seen.before,
        traffic=seen.traffic,
    )
    promise("ports.2377", verdict)


@pytest.mark.check("ports.2377")
def test_without_its_manager_a_worker_serves_on(cut_management, limits, promise):
    """What runs on it answers still, and so do all others through it."""
    seen = cut_management

    promise("ports.2377", cut_spares_service(seen.traffic, seen.fault, lost_share=limits.update_lost_share))
    promise("ports.2377", port_named(seen.effect.matrix, seen.fault, port=2377))


@pytest.mark.check("ports.2376")
def test_without_the_remote_api_the_swarm_serves_on(cut_api, limits, promise):
    """It is for clients such as this one alone."""
    promise(
        "ports.2376", cut_spares_service(cut_api.traffic, cut_api.fault, lost_share=limits.update_lost_share)
    )
    promise("ports.2376", port_named(cut_api.effect.matrix, cut_api.fault, port=2376))
