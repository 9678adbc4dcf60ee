"""The way out, case by case."""

from __future__ import annotations

import pytest

from harness.evidence import WayOut
from harness.inside.leaving import mirror
from harness.inside.scripts.leaving import leave
from harness.judge.leaving import leaves_by_its_node
from harness.judge.verdict import State

W1, W2 = "swarm-worker1", "swarm-worker2"
ADDRESSES = ((W1, "192.0.2.11"), (W2, "192.0.2.12"))


def out(*seen: tuple[str, str, str], missing: tuple[tuple[str, str], ...] = ()) -> WayOut:
    """What a host outside saw of two nodes."""
    return WayOut("wayout-1", 0.0, "192.0.2.1", seen, ADDRESSES, missing)


def test_a_host_outside_sees_the_nodes() -> None:
    """Each task comes with its node's address."""
    verdict = leaves_by_its_node(out((W1, "192.0.2.11", ""), (W2, "192.0.2.12", "")))

    assert verdict.state is State.UPHELD


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ((W2, "", "timed out"), "outside-unreached"),
        ((W2, "172.18.0.4", ""), "foreign-source"),
        ((W2, "192.0.2.11", ""), "foreign-source"),
    ],
)
def test_a_node_that_does_not_let_out_is_named(seen: tuple[str, str, str], name: str) -> None:
    """Nothing arrived, or with an address that is not the node's."""
    verdict = leaves_by_its_node(out((W1, "192.0.2.11", ""), (W2, "192.0.2.12", ""), seen))

    assert [(one.name, one.subject.node) for one in verdict.findings] == [(name, W2)]


def test_what_nobody_reached_is_unknown() -> None:
    """This machine may not be reachable from the nodes; nor is a node known that did not answer."""
    gone = ((W2, "no answer"),)

    assert leaves_by_its_node(out((W1, "", "timed out"), (W2, "", "timed out"))).state is State.UNKNOWN
    assert leaves_by_its_node(out((W1, "192.0.2.11", ""), missing=gone)).state is State.UNKNOWN


def test_the_mirror_says_whom_it_sees() -> None:
    """The script of the job against the host outside, here."""
    with mirror("127.0.0.1") as (host, port):
        assert leave(host, port, 2.0) == ("127.0.0.1", "")
    seen, why = leave(host, port, 2.0)

    assert seen == ""
    assert why
