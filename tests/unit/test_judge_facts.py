"""The judges of nodes, ports, names and load, case by case."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import (
    Cluster,
    Link,
    Load,
    LoadCell,
    NameAnswer,
    Names,
    PortMatrix,
    Roster,
)
from harness.judge.capacity import throughput
from harness.judge.cluster import nodes_ready, one_leader, ports_open
from harness.judge.names import tasks_resolve, vip_resolves
from harness.judge.verdict import State, Verdict
from harness.model import Attachment, Availability, Node, Replica, Role

MANAGER, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
NODES = (MANAGER, W1, W2)


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Cause and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def cluster(**changed: dict[str, object]) -> Cluster:
    """Three nodes; ``changed`` by short name."""
    short = dict(zip(("manager", "worker1", "worker2"), NODES, strict=True))
    nodes = []
    for name, hostname in short.items():
        role = Role.MANAGER if name == "manager" else Role.WORKER
        leader = role is Role.MANAGER
        node = Node(f"id-{name}", hostname, role, Availability.ACTIVE, "ready", "192.168.200.10", leader)
        nodes.append(dataclasses.replace(node, **changed.get(name, {})))  # type: ignore[arg-type]  # a table of fields
    return Cluster("cluster-1", 0.0, tuple(nodes))


def test_all_nodes_ready() -> None:
    """Three Ready nodes with one leader are upheld, and counted."""
    assert nodes_ready(cluster()).state is State.UPHELD
    assert "3 nodes" in nodes_ready(cluster()).sentence
    assert one_leader(cluster()).state is State.UPHELD
    assert one_leader(cluster()).subject.node == MANAGER


@pytest.mark.parametrize("availability", [Availability.DRAIN, Availability.PAUSE])
def test_a_drained_node_is_told_and_is_no_fault(availability: Availability) -> None:
    """Drained and paused nodes are recorded."""
    verdict = nodes_ready(cluster(worker1={"availability": availability}))

    assert verdict.state is State.UPHELD
    assert f"{W1} {availability}" in verdict.sentence


@pytest.mark.parametrize("state", ["down", "disconnected", "unknown"])
def test_a_node_that_is_not_ready_refutes(state: str) -> None:
    """A node Down at the start refutes, and is named."""
    verdict = nodes_ready(cluster(worker2={"state": state}))

    assert verdict.state is State.REFUTED
    assert found(verdict) == [("node-not-ready", W2)]
    assert state in verdict.sentence


def test_too_few_nodes_are_unknown() -> None:
    """No node at all, or fewer than needed, shows nothing."""
    assert nodes_ready(dataclasses.replace(cluster(), nodes=())).state is State.UNKNOWN
    assert nodes_ready(cluster(), least=4).state is State.UNKNOWN
    assert one_leader(dataclasses.replace(cluster(), nodes=())).state is State.UNKNOWN


@pytest.mark.parametrize(
    "changed",
    [{"manager": {"leader": False}}, {"worker1": {"role": Role.MANAGER, "leader": True}}],
    ids=["none", "two"],
)
def test_not_exactly_one_leader_refutes(changed: dict[str, dict[str, object]]) -> None:
    """No leader, or two of them."""
    verdict = one_leader(cluster(**changed))

    assert verdict.state is State.REFUTED
    assert verdict.findings[0].modes == ("G8",)


def matrix(*links: Link, missing: tuple[tuple[str, str], ...] = ()) -> PortMatrix:
    """A matrix of these links."""
    return PortMatrix("matrix-1", 0.0, links, missing)


OPEN = Link(W1, MANAGER, 2377, "tcp", "open")


@pytest.mark.parametrize(
    ("link", "name", "mode"),
    [
        (Link(W1, MANAGER, 2377, "tcp", "closed"), "management-port-blocked", "G2"),
        (Link(W1, W2, 7946, "udp", "silent"), "gossip-port-blocked", "D1"),
        (Link(W1, W2, 4789, "udp", "silent"), "data-path-port-blocked", "C1"),
    ],
)
def test_a_blocked_port_is_named_by_what_it_carries(link: Link, name: str, mode: str) -> None:
    """Management, gossip and data path are different faults."""
    verdict = ports_open(matrix(OPEN, link))

    assert verdict.state is State.REFUTED
    assert found(verdict) == [(name, link.target)]
    assert mode in verdict.findings[0].modes


def test_open_ports_are_counted_and_skipped_ones_told() -> None:
    """All judged links open is upheld; only skipped ones, or none, is unknown."""
    aside = Link(W2, MANAGER, 2377, "tcp", "skipped", "drained")

    assert ports_open(matrix(OPEN, aside)).state is State.UPHELD
    assert "1 skipped" in ports_open(matrix(OPEN, aside)).sentence
    assert ports_open(matrix(aside)).state is State.UNKNOWN
    assert ports_open(matrix()).state is State.UNKNOWN
    assert ports_open(matrix(OPEN), matrix(Link(W1, W2, 9000, "tcp", "silent"))).state is State.REFUTED


def test_a_node_without_answer_is_unknown_unless_another_is_broken() -> None:
    """Missing answers never uphold; a blocked port beats them."""
    gone = ((W2, "no closing record"),)

    assert ports_open(matrix(OPEN, missing=gone)).state is State.UNKNOWN
    assert ports_open(matrix(dataclasses.replace(OPEN, state="closed"), missing=gone)).state is State.REFUTED


ROSTER = Roster(
    "roster-1",
    "web",
    0.0,
    tuple(
        Replica(
            f"task{i}",
            i + 1,
            NODES[i],
            (Attachment("ingress", f"10.0.0.{i + 5}"), Attachment("over", f"10.0.1.{i + 5}")),
        )
        for i in range(3)
    ),
)
TASKS = ("10.0.1.5", "10.0.1.6", "10.0.1.7")


def names(
    vip: dict[str, tuple[str, ...]] | None = None,
    tasks: dict[str, tuple[str, ...]] | None = None,
    missing: tuple[tuple[str, str], ...] = (),
) -> Names:
    """Answers of all nodes; some changed by node."""
    answers = [
        NameAnswer(node, name, addresses, "" if addresses else "NXDOMAIN")
        for node in NODES
        for name, addresses in (
            ("web", (vip or {}).get(node, ("10.0.1.2",))),
            ("tasks.web", (tasks or {}).get(node, TASKS)),
        )
    ]
    vips = (Attachment("ingress", "10.0.0.2"), Attachment("over", "10.0.1.2"))
    return Names("names-1", "web", 0.0, tuple(answers), vips, missing)


def test_names_that_resolve_as_they_must() -> None:
    """One VIP and exactly the running tasks, on all nodes."""
    assert vip_resolves(names()).state is State.UPHELD
    assert tasks_resolve(names(), ROSTER).state is State.UPHELD
    shrunk = dataclasses.replace(ROSTER, went=ROSTER.replicas[1:])
    assert tasks_resolve(names(), shrunk).state is State.UNKNOWN
    assert "3 nodes" in vip_resolves(names()).sentence


@pytest.mark.parametrize(
    ("addresses", "name"),
    [((), "name-missing"), (("10.0.1.2", "10.0.1.9"), "several-vips"), (("10.0.1.9",), "wrong-vip")],
)
def test_a_wrong_vip_is_named(addresses: tuple[str, ...], name: str) -> None:
    """No address, two, or another one."""
    verdict = vip_resolves(names(vip={W1: addresses}))

    assert verdict.state is State.REFUTED
    assert found(verdict) == [(name, W1)]


@pytest.mark.parametrize(
    ("addresses", "name"),
    [
        ((), "name-missing"),
        (TASKS[:2], "name-incomplete"),
        ((*TASKS, "10.0.1.99"), "stale-name"),
        ((*TASKS[:2], "10.0.1.99"), "stale-name"),
    ],
)
def test_wrong_tasks_are_named(addresses: tuple[str, ...], name: str) -> None:
    """Missing, extra, and one of each: sets are compared, not sizes."""
    verdict = tasks_resolve(names(tasks={W2: addresses}), ROSTER)

    assert verdict.state is State.REFUTED
    assert found(verdict) == [(name, W2)]


@pytest.mark.parametrize(("addresses", "error"), [((), ""), (("10.0.1.2",), "timed out")])
def test_no_address_or_an_error_is_no_answer(addresses: tuple[str, ...], error: str) -> None:
    """Either alone says that the name did not resolve."""
    odd = NameAnswer(W1, "web", addresses, error)

    verdict = vip_resolves(dataclasses.replace(names(), answers=(odd,)))

    assert found(verdict) == [("name-missing", W1)]


def test_nodes_that_disagree_about_the_vip_refute() -> None:
    """Each answer is a VIP of the service, and yet they differ."""
    assert vip_resolves(names(vip={W1: ("10.0.0.2",)})).state is State.REFUTED


def test_the_shared_network_is_found_without_the_vip() -> None:
    """Where the service's own name fails, the network is the one whose addresses fit the answers."""
    dark = names(vip=dict.fromkeys(NODES, ()))

    assert tasks_resolve(dark, ROSTER).state is State.UPHELD
    assert tasks_resolve(dark, ROSTER, network="ingress").state is State.REFUTED


def test_names_that_were_not_asked_are_unknown() -> None:
    """A node without an answer, no VIP from the manager, no addresses of the tasks, no answers at all."""
    gone = ((W2, "drained"),)
    bare = dataclasses.replace(
        ROSTER, replicas=tuple(dataclasses.replace(one, addresses=()) for one in ROSTER.replicas)
    )

    assert vip_resolves(names(missing=gone)).state is State.UNKNOWN
    assert tasks_resolve(names(missing=gone), ROSTER).state is State.UNKNOWN
    assert vip_resolves(dataclasses.replace(names(), vips=())).state is State.UNKNOWN
    assert vip_resolves(dataclasses.replace(names(), answers=())).state is State.UNKNOWN
    assert tasks_resolve(names(), bare).state is State.UNKNOWN


LOAD = Load(
    "load-1",
    "web",
    False,
    20.0,
    8000,
    0,
    400.0,
    0.02,
    0.05,
    0.08,
    (LoadCell(MANAGER, 4000, 0), LoadCell(W1, 4000, 0)),
    (),
)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, State.UPHELD),
        ({"seconds": 12.0}, State.UNKNOWN),
        ({"requests": 4000}, State.UNKNOWN),
        ({"requests": 0, "rate": 0.0}, State.UNKNOWN),
        ({"failures": 1}, State.REFUTED),
        ({"p99": 1.5}, State.REFUTED),
        ({"p99": 1.5, "generator": "the generator used all of its CPU"}, State.UNKNOWN),
        ({"rate": 200.0}, State.REFUTED),
        ({"rate": 200.0, "generator": "the generator used all of its CPU"}, State.UNKNOWN),
        ({"rate": 200.0, "failures": 9, "generator": "busy"}, State.REFUTED),
        ({"requests": 4000, "rate": 200.0}, State.REFUTED),
    ],
)
def test_load_is_judged_by_its_limits(changed: dict[str, object], state: State) -> None:
    """Failures, latency and rate refute; too short, too small or a busy generator is unknown."""
    load = dataclasses.replace(LOAD, **changed)  # type: ignore[arg-type]  # a table of fields

    verdict = throughput(load, seconds=20.0, requests=5000, rate=250.0, failures=0.0, p99=1.0)

    assert verdict.state is state
    assert any(character.isdigit() for character in verdict.sentence) or not load.requests


def test_failures_through_one_node_name_it() -> None:
    """All failures in one node's cell: that node."""
    load = dataclasses.replace(
        LOAD, failures=7, nodes=(LoadCell(MANAGER, 4000, 0), LoadCell(W1, 4000, 7)), errors=(("timeout", 7),)
    )

    verdict = throughput(load, seconds=20.0, requests=5000, rate=250.0, failures=0.0, p99=1.0)

    assert found(verdict) == [("load-failures", W1)]
    assert "7 of 8000" in verdict.sentence
