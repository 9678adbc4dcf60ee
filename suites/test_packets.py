"""The packet's way, as the tutorial follows it by hand: each step holds, and packets are seen to take it."""

import pytest

from harness.judge.packets import went_the_way
from harness.mesh.walking import step_holds

STEPS = ["DNAT", "let through FORWARD", "over docker_gwbridge", "MARK", "IPVS", "SNAT", "overlay", "REDIRECT"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.check("packet.walk")
def test_each_step_of_the_way_holds(kernels, whoami, step, promise):
    """What ``harness audit --explain`` prints, on every node."""
    verdict = step_holds(kernels.look, kernels.before, kernels.after, service=whoami.name, step=step)
    promise("packet.walk", verdict)


@pytest.mark.check("packet.captured")
def test_requests_are_seen_to_take_that_way(captured, whoami, promise):
    """Captured in every namespace of every node: a request that takes another way is answered too."""
    promise("packet.captured", went_the_way(captured, whoami.roster()))
