"""Isolation, interfaces and plain containers, case by case."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import Around, Interface, NameDraw, Reach, Roster
from harness.judge.apart import apart, joins, well_wired
from harness.judge.verdict import State, Verdict
from harness.model import Attachment, Replica

W1, W2 = "swarm-worker1", "swarm-worker2"
OWN, FOREIGN, VIP = "10.0.1.2", "10.0.2.2", "10.0.1.9"
ETH0, ETH1 = Interface(W1, "eth0", "10.0.1.7/24", 1450), Interface(W1, "eth1", "172.18.0.3/16", 1500, True)
LOOK = Around("around-1", 0.0, "net", "id-net", ("10.0.1.0/24",), "task", (W1,))
ROSTER = Roster("roster-1", "web", 0.0, (Replica("t1", 1, W1, (Attachment("id-net", OWN),)),))


def named(verdict: Verdict) -> set[tuple[str, str]]:
    """Findings and their nodes."""
    return {(one.name, one.subject.node) for one in verdict.findings}


def look(own: str, foreign: str) -> Around:
    """A task that asked both networks, with these outcomes."""
    return dataclasses.replace(LOOK, reaches=(Reach(W1, "net", OWN, own), Reach(W1, "far", FOREIGN, foreign)))


@pytest.mark.parametrize("outcome", ["connect-timeout", "unreachable", "refused", "wrong-body"])
def test_whoever_is_not_reached_is_apart(outcome: str) -> None:
    """Nobody there, or somebody else: a task of ours would have answered as such."""
    assert apart([look("ok", outcome)]).state is State.UPHELD


def test_networks_that_are_joined_are_named() -> None:
    """With the node from which one reaches the other, whether the own network works or not."""
    assert named(apart([look("ok", "ok")])) == {("networks-joined", W1)}
    assert named(apart([look("refused", "ok")])) == {("networks-joined", W1)}


def test_silence_without_a_control_is_unknown() -> None:
    """The own network is dead too, or nothing was asked, or a node told nothing."""
    alone = dataclasses.replace(LOOK, reaches=(Reach(W1, "net", OWN, "ok"),))
    missing = dataclasses.replace(look("ok", "refused"), missing=((W2, "no answer"),))

    assert apart([look("connect-timeout", "connect-timeout")]).state is State.UNKNOWN
    assert apart([alone]).state is State.UNKNOWN
    assert apart([missing]).state is State.UNKNOWN
    assert apart([]).state is State.UNKNOWN


def wired(*interfaces: Interface, subnets: tuple[str, ...] = LOOK.subnets) -> Verdict:
    """The verdict on a task with these."""
    return well_wired([dataclasses.replace(LOOK, interfaces=interfaces, subnets=subnets)])


def test_two_interfaces_as_documented() -> None:
    """One on the overlay, one on docker_gwbridge."""
    assert wired(ETH0, ETH1).state is State.UPHELD
    assert wired().state is State.UNKNOWN
    assert wired(ETH0, ETH1, subnets=()).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("interfaces", "name"),
    [
        ((ETH0,), "wrong-interfaces"),
        ((ETH1,), "wrong-interfaces"),
        ((ETH0, ETH1, dataclasses.replace(ETH1, name="eth2")), "wrong-interfaces"),
        ((dataclasses.replace(ETH0, address="10.0.1.7/16"), ETH1), "wrong-interfaces"),
        ((dataclasses.replace(ETH0, mtu=1500), ETH1), "wrong-mtu"),
        ((ETH0, dataclasses.replace(ETH1, mtu=1450)), "wrong-mtu"),
        ((ETH0, dataclasses.replace(ETH1, default=False)), "no-way-out"),
        ((ETH0, dataclasses.replace(ETH1, address="")), "no-way-out"),
    ],
)
def test_other_interfaces_are_named(interfaces: tuple[Interface, ...], name: str) -> None:
    """With their node."""
    assert named(wired(*interfaces)) == {(name, W1)}


def joined(name: str, vip: Reach, task: Reach) -> Verdict:
    """The verdict on a plain container."""
    draws = (
        (NameDraw(W1, "web", ((name, 3),)),) if name else (NameDraw(W1, "web", errors=(("NXDOMAIN", 3),)),)
    )
    return joins(dataclasses.replace(LOOK, draws=draws, reaches=(vip, task)), ROSTER, name="web", vips=[VIP])


def reach(address: str, outcome: str = "ok", replica: str = "t1") -> Reach:
    """An address of the network."""
    return Reach(W1, "net", address, outcome, replica if outcome == "ok" else "")


@pytest.mark.parametrize(
    ("name", "vip", "task", "found"),
    [
        (VIP, reach(VIP), reach(OWN), set()),
        (VIP, reach(VIP), reach(OWN, "connect-timeout"), {("task-unreached", W1)}),
        (VIP, reach(VIP, replica="other"), reach(OWN), {("task-unreached", W1)}),
        (OWN, reach(VIP), reach(OWN), {("wrong-vip", W1)}),
        ("", reach(VIP), reach(OWN), {("name-missing", W1)}),
        ("", reach(VIP, "connect-timeout"), reach(OWN, "connect-timeout"), {("container-cut-off", W1)}),
    ],
)
def test_what_a_plain_container_lacks_is_named(
    name: str, vip: Reach, task: Reach, found: set[tuple[str, str]]
) -> None:
    """Its name, its VIP, or a task."""
    verdict = joined(name, vip, task)

    assert named(verdict) == found
    assert verdict.state is (State.REFUTED if found else State.UPHELD)


def test_a_container_that_told_nothing_is_unknown() -> None:
    """Nor is anything known without the manager's word."""
    missing = dataclasses.replace(LOOK, nodes=(), missing=((W1, "no such image"),))

    assert joins(missing, ROSTER, name="web", vips=[VIP]).state is State.UNKNOWN
    assert joins(LOOK, ROSTER, name="web", vips=[]).state is State.UNKNOWN
    assert joins(dataclasses.replace(LOOK, nodes=()), ROSTER, name="web", vips=[VIP]).state is State.UNKNOWN
