"""Published ports beyond one of TCP through the mesh: datagrams, several ports, host mode."""

import pytest

from harness.judge.published import answers_at_home, reaches_all, serves_again, serves_on
from harness.judge.reach import closed_after_remove
from harness.judge.seen import reaches_itself, sources_as_documented


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


@pytest.mark.check("reach.source")
def test_tasks_see_whom_they_must(sources, promise):
    """moby/moby#25526: the mesh hides clients, by design; host mode does not."""
    promise("reach.source", sources_as_documented(sources))


@pytest.mark.check("reach.hairpin")
def test_a_task_reaches_its_own_service(turned, promise):
    """Out by its own node's port or VIP, and back in: to itself as well."""
    promise("reach.hairpin", reaches_itself(turned.hairpins, turned.roster))


@pytest.mark.check("reach.port-added")
def test_a_port_that_is_added_answers_everywhere(port_added, promise):
    """moby/moby#33691: its rules are missing on one node, while the older port's are there."""
    came, stayed = port_added.asked, port_added.steady

    promise("reach.port-added", reaches_all(came.traffic, came.roster, port=came.port))
    promise("reach.port-added", serves_again(stayed, change="a port was added", within=port_added.within))


@pytest.mark.check("reach.port-removed")
def test_a_port_that_is_removed_is_closed_everywhere(port_removed, limits, promise):
    """The service lives on, and so does its other port."""
    promise("reach.port-removed", closed_after_remove(port_removed.closure, within=limits.closed_within))
    promise(
        "reach.port-removed",
        serves_again(port_removed.steady, change="a port was removed", within=port_removed.within),
    )


@pytest.mark.check("reach.port-moved")
def test_a_port_that_moves_is_answered_by_its_new_service_alone(port_moved, limits, promise):
    """A rule left behind would lead to tasks of the service that had it."""
    came, stayed = port_moved.asked, port_moved.steady

    promise("reach.port-moved", reaches_all(came.traffic, came.roster, port=came.port))
    promise(
        "reach.port-moved",
        serves_on(stayed, change="a port was moved", lost_share=limits.update_lost_share),
    )
