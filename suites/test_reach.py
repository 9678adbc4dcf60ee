"""Every node's address answers on the published port, and stops to when the service is gone."""

import pytest

from harness.judge.reach import answers_everywhere, answers_without_task, closed_after_remove
from harness.judge.vantage import vantages_agree


@pytest.mark.check("reach.every-node")
def test_every_node_answers_on_the_published_port(ingress, roster_then, entries, host_look, promise):
    """moby/moby#33195: a port that was never published on one node goes unseen in an average."""
    verdict = answers_everywhere(ingress, entries=entries, roster=roster_then, balancers=host_look.balancers)
    promise("reach.every-node", verdict)


@pytest.mark.check("reach.localhost")
def test_every_node_answers_itself_on_127_0_0_1(host_look, promise):
    """The localhost path has rules of its own: OUTPUT, MASQUERADE, route_localnet."""
    promise("reach.localhost", answers_everywhere(host_look.traffic))


@pytest.mark.check("reach.node-without-task")
def test_nodes_without_a_task_answer_too(lonely, burst, promise):
    """cs#2781: with the data path cut, only the node that runs the task answers."""
    before = lonely.roster()
    traffic = burst(lonely)

    promise("reach.node-without-task", answers_without_task(traffic, lonely.roster(since=before)))


@pytest.mark.check("reach.closed-after-remove")
def test_a_removed_services_port_is_closed_everywhere(lonely, removal, limits, promise):
    """moby/moby#32557: a listener or DNAT left behind swallows the next connection."""
    promise("reach.closed-after-remove", closed_after_remove(removal(lonely), within=limits.closed_within))


@pytest.mark.check("reach.vantages")
def test_a_published_port_answers_alike_from_every_vantage_point(pair_look, cluster, promise):
    """moby/moby#53091: each vantage takes another chain, and on ::1 a connect may succeed and then hang."""
    promise("reach.vantages", vantages_agree(pair_look.vantages, pair_look.mesh, cluster))
