"""The overlay pair by pair: every task asked by its own address from every node, without a balancer."""

import pytest

from harness.judge.leaving import leaves_by_its_node
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
