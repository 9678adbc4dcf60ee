"""The overlay pair by pair: every task asked by its own address from every node, without a balancer."""

import pytest

from harness.judge.overlay import mesh_open
from harness.judge.payload import sizes_pass


@pytest.mark.check("overlay.mesh")
def test_every_task_answers_every_node_at_its_own_address(pair_look, promise):
    """moby/moby#40590: with the data path cut one way, an average over all nodes looks half healthy."""
    promise("overlay.mesh", mesh_open(pair_look.mesh))


@pytest.mark.check("overlay.sizes")
def test_payloads_of_every_size_pass(pair_look, promise):
    """moby/libnetwork#2661: an MTU too large for the way; small answers arrive, large ones hang."""
    promise("overlay.sizes", sizes_pass(pair_look.sizes))
