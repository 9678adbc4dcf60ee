"""The overlay pair by pair: every task asked by its own address from every node, without a balancer."""

import pytest

from harness.judge.apart import apart, joins, well_wired
from harness.judge.leaving import leaves_by_its_node
from harness.judge.onwire import sealed
from harness.judge.overlay import first_packets, mesh_open
from harness.judge.payload import sizes_pass


@pytest.mark.check("overlay.mesh")
def test_every_task_answers_every_node_at_its_own_address(pair_look, promise):
    """moby/moby#40590: with the data path cut one way, an average over all nodes looks half healthy."""
    promise("overlay.mesh", mesh_open(pair_look.mesh))


@pytest.mark.check("overlay.sizes")
def test_payloads_of_every_size_pass(pair_look, promise):
    """moby/libnetwork#2661: an MTU too large for the way; small answers arrive, large ones hang."""
    promise("overlay.sizes", sizes_pass(pair_look.sizes))


@pytest.mark.check("overlay.after-quiet")
def test_after_a_silence_the_first_packet_of_every_pair_arrives(after_silence, promise):
    """moby/moby#52661: an entry that only traffic keeps alive; the path dies when all is quiet."""
    promise("overlay.after-quiet", first_packets(after_silence))


@pytest.mark.check("overlay.way-out")
def test_a_task_reaches_a_host_outside_by_its_node(way_out, promise):
    """docker_gwbridge and NAT: the host sees the node, never the task."""
    promise("overlay.way-out", leaves_by_its_node(way_out))


@pytest.mark.check("overlay.isolated")
def test_tasks_on_two_networks_do_not_reach_one_another(looks_around, promise):
    """Not by address either; on their own network they do, in the same moment."""
    promise("overlay.isolated", apart(looks_around))


@pytest.mark.check("overlay.interfaces")
def test_a_task_has_one_interface_on_the_overlay_and_one_for_the_way_out(looks_around, promise):
    """VXLAN's header takes 50 bytes of the nodes' 1500; docker_gwbridge needs none."""
    promise("overlay.interfaces", well_wired(looks_around))


@pytest.mark.check("overlay.attachable")
def test_a_plain_container_joins_an_attachable_network(neighbours, attached, promise):
    """`docker run --network`: no task, and yet names, VIP and tasks are there."""
    verdict = joins(attached, neighbours.distant.roster(), name=neighbours.distant.name, vips=neighbours.vips)
    promise("overlay.attachable", verdict)


@pytest.mark.check("overlay.encrypted")
def test_an_encrypted_network_leaves_no_clear_text_on_the_wire(on_the_wire, promise):
    """CVE-2023-28841: the rule that marks VXLAN for IPsec was lost, and nothing else told."""
    promise("overlay.encrypted", sealed(on_the_wire))
