"""The ageing of learned entries is shortened on every node, and put back whatever happens."""

from __future__ import annotations

import contextlib

import pytest

from harness.errors import Unmeasurable
from harness.lab import ageing
from tests.ageing_lab import Ageing


def two() -> dict[str, dict[str, str]]:
    """Two nodes; the second one's network has two subnets, one of which never forgets."""
    return {"m": {"vxlan0": "300"}, "w": {"vxlan0": "120", "vxlan1": "0"}}


def test_every_device_has_it_for_the_block_and_its_own_before_and_after() -> None:
    """Each its own."""
    lab = Ageing(two())

    with ageing.shortened(lab.lab, ["m", "w"], "network", 2.0):
        assert lab.nodes == {"m": {"vxlan0": "2"}, "w": {"vxlan0": "2", "vxlan1": "2"}}

    assert lab.nodes == two()


def test_it_is_put_back_when_the_block_fails() -> None:
    """As any change."""
    lab = Ageing(two())

    with contextlib.suppress(ZeroDivisionError), ageing.shortened(lab.lab, ["m", "w"], "network", 2.0):
        raise ZeroDivisionError

    assert lab.nodes == two()


@pytest.mark.parametrize(
    ("lab", "says"),
    [
        (Ageing(two(), dead="w"), "could not be set on w: RTNETLINK answers"),
        (Ageing(two(), deaf="w"), "w does not take an ageing of 2 s: 0, 120"),
        (Ageing({**two(), "w": {}}), "w has no vxlan device of network 0123456789"),
    ],
    ids=["refused", "not followed", "no device"],
)
def test_a_node_that_does_not_take_it_ends_it_for_all(lab: Ageing, says: str) -> None:
    """A silence would show nothing there; the nodes before it get theirs back."""
    with (
        pytest.raises(Unmeasurable, match=says),
        ageing.shortened(lab.lab, ["m", "w"], "0123456789abcdef", 2.0),
    ):
        pass

    assert lab.nodes["m"] == two()["m"]
