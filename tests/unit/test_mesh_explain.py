"""The packet's way, step by step: what is seen where, and the command that a person types."""

from __future__ import annotations

import dataclasses

import pytest

from harness.mesh.audit import audit, scene_of
from harness.mesh.expected import expect
from harness.mesh.explain import Step, walk
from tests.mesh_changes import device, no_rule, no_service
from tests.mesh_mutant import LB, MARK, OV, SANDBOX1, SBOX, Change, Mutant, fdb
from tests.mesh_sandbox_mutants import SANDBOX_MUTANTS
from tests.mesh_spec import API, APP, MANAGER, W1, W2, WEB
from tests.mesh_swarm import World, world


def steps(told: World, service: str = "web", node: str = W1) -> tuple[Step, ...]:
    """The ways to a service through a node."""
    expected = expect(told.before, told.after)
    kernels = told.kernels.values()
    return walk(service, node, scene_of(kernels, expected), audit(kernels, expected))


def test_the_whole_way_from_outside_and_from_a_task() -> None:
    """In the order of the packet, namespace by namespace, each with its command."""
    found = steps(world())

    assert [(one.title, one.place) for one in found] == [
        ("DNAT to ingress_sbox", "host"),
        ("let through FORWARD", "host"),
        ("over docker_gwbridge", "host"),
        ("MARK", SBOX),
        ("IPVS", SBOX),
        ("SNAT", SBOX),
        ("overlay to the other nodes", "1-k8tgakdk04"),
        ("REDIRECT in web.1 on swarm-manager", "000001000000"),
        ("REDIRECT in web.2 on swarm-worker1", SANDBOX1),
        ("REDIRECT in web.3 on swarm-worker2", "000001000002"),
        ("MARK", LB),
        ("IPVS", LB),
        ("SNAT", LB),
        ("overlay to the other nodes", OV),
    ]
    assert all(one.ok and not one.trouble for one in found)
    assert found[0].command == "iptables -nvL DOCKER-INGRESS -t nat"
    assert found[4].command == f"nsenter --net=/var/run/docker/netns/ingress_sbox ipvsadm -ln -f {MARK}"
    assert "10.0.0.20 weight 1, 10.0.0.21 weight 1, 10.0.0.22 weight 1" in found[4].seen
    assert "10.0.0.22 dst 192.168.200.12" in found[6].seen


BROKEN: tuple[tuple[str, Change, str], ...] = (
    ("", no_rule("-j DNAT"), "DNAT to ingress_sbox"),
    ("", no_rule("--dport 8080 -j ACCEPT"), "let through FORWARD"),
    ("", device("docker_gwbridge", up=False), "over docker_gwbridge"),
    (SBOX, no_rule("--dport 8080"), "MARK"),
    (SBOX, no_service(MARK), "IPVS"),
    (SBOX, no_rule("-j SNAT"), "SNAT"),
    (OV, fdb(WEB.address(APP, 2), None), "overlay to the other nodes"),
    (SANDBOX1, no_rule("REDIRECT"), "REDIRECT in web.2 on swarm-worker1"),
    (LB, no_service(WEB.mark(APP, W1)), "IPVS"),
)


@pytest.mark.parametrize(("space", "change", "title"), BROKEN)
def test_the_broken_step_is_named(space: str, change: Change, title: str) -> None:
    """Exactly one step is not ok, and says what had to be there."""
    wrong = [one for one in steps(world().on(W1, space, change)) if not one.ok]

    assert [one.title for one in wrong] == [title]
    assert "expected" in wrong[0].trouble


OF_WEB = [one for one in SANDBOX_MUTANTS if one.service == "web" and one.node == W1]


@pytest.mark.parametrize("mutant", OF_WEB, ids=[f"{at}-{one}" for at, one in enumerate(OF_WEB)])
def test_no_finding_of_a_service_is_lost_on_the_way(mutant: Mutant) -> None:
    """Whatever the audit finds of a service shows in a step, but what is not on the way."""
    told = steps(world().on(mutant.node, mutant.space, mutant.change))
    beside = {"wrong-mac", "sandbox-device-down", "missing-task-sandbox", "duplicate-address"}

    assert mutant.name in beside or [one for one in told if one.ok is False]


def test_a_service_without_ports_has_the_ways_to_its_vips() -> None:
    """On a node whose networks reach it."""
    assert {one.way for one in steps(world(), "api", W1)} == {API.vip(net) for net in API.networks}
    assert {one.way for one in steps(world(), "api", W2)} == {API.vip(APP)}
    assert steps(world(), "nobody") == ()


def test_an_unread_node_has_no_way() -> None:
    """Nor has one whose namespace is not there a way through it."""
    healthy = world()
    blind = dataclasses.replace(healthy, kernels={MANAGER: healthy.kernels[MANAGER]})
    gone = steps(healthy.without(W1, SBOX))

    assert steps(blind, node=W1) == ()
    assert {one.ok for one in gone if one.place == SBOX} <= {False, None}
    assert any("ingress_sbox" in one.trouble for one in gone)
