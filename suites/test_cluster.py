"""The swarm itself: its nodes, its leader, the ports that it needs between them."""

import pytest

from harness.judge.cluster import nodes_ready, one_leader, ports_open


@pytest.mark.check("cluster.nodes-ready")
def test_every_node_is_ready(cluster, promise):
    """A node that is Down at the start refutes; a drained or paused one is recorded and takes no tasks."""
    promise("cluster.nodes-ready", nodes_ready(cluster))


@pytest.mark.check("cluster.leader")
def test_exactly_one_manager_leads(cluster, promise):
    """moby/moby#41250: without a leader the API still answers reads."""
    promise("cluster.leader", one_leader(cluster))


@pytest.mark.check("cluster.ports")
def test_the_ports_that_swarm_needs_are_open_between_all_nodes(host_look, promise):
    """moby/moby#36689: 4789/udp cut in between looks like "works only on the node that runs the task"."""
    promise("cluster.ports", ports_open(host_look.matrix))
