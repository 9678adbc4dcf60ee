"""A run takes the ports of the checks that it verifies, and no others."""

from __future__ import annotations

import pytest

from harness import checks
from harness.stage.ports import Ports


@pytest.mark.parametrize(
    ("selected", "ports"),
    [
        (["spread.even"], (8080,)),
        (["reach.closed-after-remove"], (8080, 8081)),
        (["redis.counter", "task-kill.outage"], (8080, 8082, 8083)),
        (["volume.kept"], (8080, 8084)),
        (["secret.rotates", "config.in-use"], (8080, 8085)),
        (["update.pauses"], (8080, 8086)),
        (["scale.costs"], (8080, 8087)),
        (["update.costs"], (8080, 8086, 8087)),
        (["reach.two-ports"], (8080, 8092, 8093)),
        (["reach.host-mode"], (8080, 8094)),
        (["reach.port-moved"], (8080, 8095, 8096)),
        (["cluster.manager-restart"], (8080, 8097)),
        (["cluster.leader"], (8080,)),
        (["voting.kept"], (8080, 8103, 8104)),
        (["proxy.sticky"], (8080, 8098, 8099, 8100, 8101, 8102, 8105, 8106)),
    ],
)
def test_ports_follow_the_checks(selected: list[str], ports: tuple[int, ...]) -> None:
    """From the first one, in order."""
    assert Ports(8080).of(selected) == ports


def test_every_profile_takes_what_its_checks_need() -> None:
    """The most stands on the configuration's page."""
    counts = [len(Ports(8080).of(one.id for one in checks.of_profile(name))) for name in checks.PROFILES]

    assert counts == [2, 4, 27]
