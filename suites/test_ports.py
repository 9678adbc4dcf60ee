"""Published ports beyond one of TCP through the mesh: datagrams, several ports, host mode."""

import pytest

from harness.judge.published import answers_at_home, reaches_all


@pytest.mark.check("reach.udp")
def test_every_node_answers_every_datagram(datagrams, promise):
    """moby/moby#36878: UDP has rules, marks and balancing entries of its own."""
    verdict = reaches_all(datagrams.traffic, datagrams.roster, port=datagrams.port, protocol="udp")
    promise("reach.udp", verdict)


@pytest.mark.check("reach.host-mode")
def test_in_host_mode_only_nodes_with_a_task_answer(asked_hosts, promise):
    """``mode=host``: no mesh; a node's port leads to its own task, and to nobody elsewhere."""
    verdict = answers_at_home(asked_hosts.traffic, asked_hosts.roster, port=asked_hosts.port)
    promise("reach.host-mode", verdict)


@pytest.mark.check("reach.two-ports")
def test_each_of_two_ports_reaches_every_replica(first_port, second_port, promise):
    """One mark for both, and a rule for each: one may be missing on one node."""
    promise("reach.two-ports", reaches_all(first_port.traffic, first_port.roster, port=first_port.port))
    promise("reach.two-ports", reaches_all(second_port.traffic, second_port.roster, port=second_port.port))
