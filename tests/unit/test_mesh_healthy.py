"""A healthy swarm gives no finding, whatever is deployed on it and whatever is under way."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.mesh.findings import Cell
from harness.mesh.kernel import Backend, ForwardingEntry, Kind, MarkService, RealServerRow
from harness.mesh.settling import FORGET, SETTLE
from harness.model import Attachment, Availability, Port
from tests.mesh_changes import backends, new_rule, no_rule, sysctl
from tests.mesh_mutant import rows
from tests.mesh_rules import rules
from tests.mesh_spec import (
    ADDRESSES,
    API,
    APP,
    BACK,
    INGRESS,
    MANAGER,
    NODES,
    OLD,
    W1,
    W2,
    WALL,
    WEB,
    Spec,
    balancer_name,
    mac,
    node,
    overlay_name,
    task,
    truth,
)
from tests.mesh_swarm import World, world

YOUNG = WALL - SETTLE + 0.5
DEPLOYED = {
    "nothing": (),
    "two ports of one service": (dataclasses.replace(WEB, ports=(Port(8080, 80), Port(8443, 443))),),
    "the same number over tcp and udp": (
        dataclasses.replace(WEB, ports=(Port(5353, 53), Port(5353, 53, "udp"))),
    ),
    "a host-mode port": (dataclasses.replace(WEB, ports=(Port(9090, 90, mode="host"),)),),
    "both kinds of ports": (dataclasses.replace(WEB, ports=(Port(9090, 90, mode="host"), Port(8080, 80))),),
    "a global service": (dataclasses.replace(WEB, replicas=None), API),
    "dnsrr": (dataclasses.replace(API, endpoint="dnsrr"), WEB),
    "several networks": (dataclasses.replace(WEB, networks=(APP, BACK)), API),
    "published only": (dataclasses.replace(WEB, networks=()),),
    "one replica": (dataclasses.replace(WEB, on=(W2,)),),
    "no replica": (dataclasses.replace(WEB, on=()), API),
    "many": tuple(Spec(f"s{at}", at, ports=(Port(8000 + at, 80),)) for at in range(1, 10)),
}


@pytest.mark.parametrize("engine", ["26.1.5+dfsg1", "28.3.3", ""])
@pytest.mark.parametrize("what", DEPLOYED)
def test_nothing_is_found_on_a_healthy_swarm(what: str, engine: str) -> None:
    """Nor is anything unknown."""
    if DEPLOYED[what]:
        result = world(*DEPLOYED[what], engine=engine).audit()
    else:
        result = world(Spec("idle", 9, on=(), networks=()), engine=engine).audit()

    assert (result.findings, result.unknowns) == ((), ())
    assert {state for _, _, state in result.cells} <= {Cell.OK, Cell.ABSENT}
    assert result.counted["nodes"] == 3


def moving(spec: Spec, number: int, weight: int, **changed: Any) -> World:
    """A service one of whose tasks is under way, with a weight, or without any row (below 0)."""
    return world(dataclasses.replace(spec, changed={number: changed}, weights={number: weight}), API)


UNDER_WAY: dict[str, dict[str, Any]] = {
    "young": {"since": YOUNG},
    "starting": {"state": "starting"},
    "preparing": {"state": "preparing", "since": WALL},
    "draining": {"desired": "shutdown"},
    "just ended": {"desired": "shutdown", "state": "shutdown", "since": YOUNG},
    "just failed": {"desired": "shutdown", "state": "failed", "since": WALL + 1},
    "of a job": {"desired": "complete"},
    "without a date": {"since": 0.0},
}


@pytest.mark.parametrize("weight", [-1, 0, 1])
@pytest.mark.parametrize("what", UNDER_WAY)
def test_a_task_in_transit_may_be_there_or_not(what: str, weight: int) -> None:
    """Traps T17 and the settling rule: weight 0, weight 1 or no row at all."""
    assert moving(WEB, 1, weight, **UNDER_WAY[what]).found() == []


def test_a_weight_that_no_engine_gives_is_told_even_in_transit() -> None:
    """Weights are 0 or 1."""
    found = moving(WEB, 1, 10, since=YOUNG).found()

    assert {name for name, *_ in found} == {"skewed-ipvs-weight"}
    assert len(found) == 6  # ingress_sbox and lb_ on three nodes


@given(
    held=st.lists(st.sampled_from([-1, 0, 1]), min_size=4, max_size=4),
    states=st.lists(st.sampled_from(sorted(UNDER_WAY)), min_size=4, max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_a_scale_up_or_a_rolling_update_gives_no_finding(held: list[int], states: list[str]) -> None:
    """Any mixture of starting and ending tasks beside settled ones."""
    spec = dataclasses.replace(
        WEB,
        on=(*NODES, W1, W2, W1, MANAGER),
        changed={3 + at: UNDER_WAY[state] for at, state in enumerate(states)},
        weights={3 + at: weight for at, weight in enumerate(held)},
    )

    assert world(spec, API).found() == []


@pytest.mark.parametrize("update", ["updating", "rollback_started"])
def test_a_service_that_is_updated_gives_no_finding_of_its_balancer(update: str) -> None:
    """Even where a settled task's row is missing: the engine may be writing a second one for new ports."""
    spec = dataclasses.replace(WEB, update=update)
    changed = world(spec, API).on(
        W1, "ingress_sbox", backends(WEB.mark(INGRESS, W1), lambda held: held.clear())
    )
    second = (RealServerRow(WEB.address(INGRESS, 0), 1),)
    changed = changed.on(W1, "ingress_sbox", rows(ipvs=lambda held: (*held, MarkService(999, "rr", second))))

    assert changed.found() == []
    assert ("web", W1, Cell.SETTLING) in changed.audit().cells


def test_an_update_that_stopped_is_judged() -> None:
    """A paused update is no transit: nothing moves any more."""
    spec = dataclasses.replace(WEB, update="paused")
    changed = world(spec, API).on(
        W1, "ingress_sbox", backends(WEB.mark(INGRESS, W1), lambda held: held.pop(WEB.address(INGRESS, 0)))
    )

    assert [name for name, *_ in changed.found()] == ["missing-ipvs-backend"]


def test_a_service_created_between_the_truths_may_have_its_rows() -> None:
    """The first truth knew nothing of it."""
    both = world()
    first = truth(API, nodes=both.before.nodes)

    assert dataclasses.replace(both, before=first).found() == []


def test_a_service_removed_between_the_truths_may_have_its_rows() -> None:
    """The second truth knows nothing of it, but its tasks are shutting down."""
    both = world()
    ending = tuple(task(WEB, number, desired="remove") for number in range(3))
    last = truth(API, name="after", nodes=both.after.nodes)
    last = dataclasses.replace(last, tasks=last.tasks + ending)

    assert dataclasses.replace(both, after=last).found() == []


def test_a_service_removed_before_the_look_may_have_rows_while_its_tasks_end() -> None:
    """Neither truth knows it: tasks that are shutting down tell of it."""
    both = world()
    ending = tuple(task(WEB, number, desired="remove") for number in range(3))
    told = both.told(services=truth(API).services, tasks=truth(API).tasks + ending)

    assert told.found() == []


def scaled_down(seconds: float | None, weight: int = 0) -> World:
    """Kernels hold a fourth task that the manager forgot when it scaled the service down, seconds ago."""
    four = dataclasses.replace(WEB, on=(*NODES, W1), weights={3: weight})
    shrunk = 0.0 if seconds is None else WALL - seconds
    three = dataclasses.replace(WEB, shrunk=shrunk)
    told = truth(three, API)
    return world(four, API).told(services=told.services, tasks=told.tasks)


def test_what_a_scale_down_left_may_be_there_for_a_while() -> None:
    """The manager forgets tasks that a scale-down ended before every table has followed."""
    assert scaled_down(seconds=FORGET + 9).found() == []  # ten of which its tasks may take to end


@pytest.mark.parametrize("seconds", [None, FORGET + 11], ids=["only created", "long ago"])
def test_what_no_task_has_is_found_unless_a_service_was_just_scaled_down(seconds: float | None) -> None:
    """Mode B1, with a task that no truth knows: what was only created has nothing to forget."""
    found = {(name, address) for name, _, _, _, address in scaled_down(seconds).found()}

    assert ("stale-ipvs-backend", WEB.address(INGRESS, 3)) in found
    assert ("stale-fdb-entry", WEB.address(APP, 3)) in found


def test_a_real_server_that_nobody_has_and_that_gets_requests_is_found_at_once() -> None:
    """An engine takes the weight away first: one with weight 1 is no scale-down's."""
    found = {(name, address) for name, _, _, _, address in scaled_down(seconds=1.0, weight=1).found()}

    assert found == {("stale-ipvs-backend", WEB.address(net, 3)) for net in (INGRESS, APP)}


def test_a_service_that_was_scaled_down_excuses_no_other() -> None:
    """What is left of one is found though another was just scaled; but for what does not tell its owner."""
    services = truth(WEB, dataclasses.replace(API, shrunk=WALL - 1.0)).services
    left = scaled_down(seconds=None).told(services=services)
    found = {(name, address) for name, _, _, _, address in left.found()}

    assert ("stale-ipvs-backend", WEB.address(INGRESS, 3)) in found
    assert ("stale-fdb-entry", WEB.address(INGRESS, 3)) in found
    assert ("stale-fdb-entry", WEB.address(APP, 3)) not in found  # the network of both


def test_what_a_removed_service_left_behind_is_found() -> None:
    """Mode A10: its tasks are gone, its rows are not."""
    gone = world().told(services=truth(API).services, tasks=truth(API).tasks)
    names = {name for name, node, *_ in gone.found() if node == W2}

    assert {"stale-dnat", "stale-ipvs-service", "stale-fdb-entry"} <= names
    # told with the IPVS service that they lead to
    assert not {"stale-mark", "stale-vip-alias"} & names


def test_an_ended_task_must_be_gone() -> None:
    """Modes B1 and C6: rows of a task that ended long ago, on every node."""
    spec = dataclasses.replace(WEB, changed={1: {"desired": "shutdown", "state": "failed", "since": OLD}})
    found = world(spec, API).found()
    tables = [(name, address) for name, node, _, _, address in found if node == W2]

    assert sorted(tables) == [
        ("stale-fdb-entry", WEB.address(INGRESS, 1)),
        ("stale-fdb-entry", WEB.address(APP, 1)),
        ("stale-ipvs-backend", WEB.address(INGRESS, 1)),
        ("stale-ipvs-backend", WEB.address(APP, 1)),
    ]


def test_clocks_of_nodes_are_taken_into_account() -> None:
    """A node whose calendar is 30 s behind dates a fresh task half a minute back."""
    young = moving(WEB, 1, -1, since=WALL - 30)
    from harness.mesh.audit import audit  # noqa: PLC0415  here the clocks matter
    from harness.mesh.expected import expect  # noqa: PLC0415

    exact = audit(young.kernels.values(), expect(young.before, young.after))
    told = audit(young.kernels.values(), expect(young.before, young.after, [(W1, -30.0)]))

    assert {one.name for one in exact.findings} >= {"missing-ipvs-backend", "missing-task-sandbox"}
    assert told.findings == ()


@pytest.mark.parametrize("availability", [Availability.DRAIN, Availability.PAUSE])
def test_a_drained_node_is_skipped_with_its_reason(availability: Availability) -> None:
    """Its kernel cannot be read, and rows for its load balancer on others are no fault."""
    spec = dataclasses.replace(WEB, on=(MANAGER, W1, W1))
    healthy = world(spec, API)
    nodes = tuple(
        dataclasses.replace(one, availability=availability) if one.hostname == W2 else one
        for one in healthy.before.nodes
    )
    kernels = {name: kernel for name, kernel in healthy.kernels.items() if name != W2}
    drained = dataclasses.replace(healthy.told(nodes=nodes), kernels=kernels)
    result = drained.audit(skipped=((W2, "drained"),))

    assert (result.findings, result.unknowns) == ((), ())
    assert result.skipped == ((W2, "drained"),)
    assert ("web", W2, Cell.SKIPPED) in result.cells


def test_what_a_dead_node_left_behind_is_found() -> None:
    """Modes B1 and D5: Down in both truths, its tasks replaced, its row still there on one node."""
    spec = dataclasses.replace(
        WEB,
        on=(MANAGER, W1, W2, W1),
        changed={2: {"desired": "shutdown"}},
        weights={2: -1},
    )
    healthy = world(spec, API)
    nodes = (node(MANAGER), node(W1), node(W2, state="down"))
    kernels = {name: kernel for name, kernel in healthy.kernels.items() if name != W2}
    lost = dataclasses.replace(healthy.told(nodes=nodes), kernels=kernels)
    dead = WEB.address(INGRESS, 2)
    left = lost.on(W1, "ingress_sbox", backends(WEB.mark(INGRESS, W1), lambda held: held.update({dead: 1})))

    assert lost.found() == []
    assert left.found() == [("stale-ipvs-backend", W1, "ingress_sbox", "web", dead)]


def test_a_direct_network_has_no_snat() -> None:
    """Trap T18: answers do not come back through the balancer."""
    direct = dataclasses.replace(APP, direct=True)
    networks = (INGRESS, direct, BACK)
    changed = world().told(networks=networks)
    for name in NODES:
        changed = changed.on(name, balancer_name(APP), no_rule("-j SNAT"))
        changed = changed.on(name, balancer_name(APP), sysctl("net.ipv4.vs.conntrack", "0"))

    assert changed.found() == []


def test_a_data_path_of_its_own_is_learned_from_the_rows() -> None:
    """With --data-path-addr all rows name another address than the nodes': the node's own, nobody else's."""
    changed = world()
    other = {address: address.replace("192.168.200.", "172.31.0.") for address in ADDRESSES.values()}
    for name in NODES:
        second = (other[ADDRESSES[name]], 24)
        changed = changed.on(
            name,
            "",
            rows(
                devices=lambda held, second=second: (
                    *held,
                    dataclasses.replace(held[1], name="eth9", addresses=(second,)),
                ),
                routes=lambda held, own=second[0]: tuple(
                    dataclasses.replace(one, destination="172.31.0.0/24", source=own)
                    if one.source == ADDRESSES[name]  # noqa: B023  used at once
                    else one
                    for one in held
                ),
            ),
        )
        for space in changed.kernels[name].namespaces:
            if space.kind is Kind.OVERLAY:
                moved = tuple(dataclasses.replace(row, remote=other[row.remote]) for row in space.forwarding)
                changed = changed.on(name, space.name, rows(forwarding=lambda _, moved=moved: moved))

    assert changed.found() == []


HARMLESS = (
    ("filter", "-A INPUT -p tcp -m tcp --dport 22 -j DROP"),
    ("filter", "-A DOCKER-USER -s 203.0.113.0/24 -j DROP"),
    ("filter", "-A DOCKER-USER -p tcp --dport 8081 -j DROP"),
    ("filter", "-A DOCKER-USER ! -s 192.168.200.0/24 -i eth0 -j DROP"),
    ("filter", "-A INPUT -i wg0 -j DROP"),
    ("filter", "-A INPUT -p udp --dport 4789 -m u32 --u32 0x1=0x2 -m policy --dir in --pol none -j DROP"),
    ("filter", "-A INPUT -p tcp -m recent --update --seconds 60 --hitcount 9 --name ssh -j DROP"),
    ("filter", '-A FORWARD -m comment --comment "the users own" -j LOG'),
    ("nat", "-A PREROUTING -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 8443"),
    ("nat", "-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE"),
    ("mangle", "-A PREROUTING -i eth0 -j MARK --set-xmark 0x9/0xffffffff"),
)


@pytest.mark.parametrize(("table", "text"), HARMLESS)
def test_rules_of_others_that_cannot_hurt_are_not_blamed(table: str, text: str) -> None:
    """Nor do they make anything unknown."""
    result = world().on(W1, "", new_rule(table, text)).audit()

    assert (result.findings, result.unknowns) == ((), ())


@pytest.mark.parametrize(
    "first",
    [
        "-A PREROUTING -p tcp -m tcp --dport 8080 -j ACCEPT",
        "-A PREROUTING -p tcp -m tcp --dport 8080 -j RETURN",
    ],
)
def test_a_port_that_is_excepted_from_no_tracking_is_not_blamed(first: str) -> None:
    """What the finding's remedy says: the published ports are let out before."""
    held = world(WEB).on(W1, "", new_rule("raw", "-A PREROUTING -p tcp -j NOTRACK"))
    assert [one[0] for one in held.found()] == ["published-port-untracked"]

    assert held.on(W1, "", new_rule("raw", first)).found() == []


def test_a_firewall_that_lets_the_swarm_pass_is_not_blamed() -> None:
    """INPUT drops by policy, and accepts what the swarm needs, as ufw and others do it."""
    texts = [
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -j ufw-user-input",
        "-A ufw-user-input -p tcp -m multiport --dports 22,2377,7946 -j ACCEPT",
        "-A ufw-user-input -p udp -m multiport --dports 4789,7946 -j ACCEPT",
    ]
    made = rules({"filter": texts}, backend=Backend.NFT, policies={("filter", "INPUT"): "DROP"})
    strict = world().on(W1, "", rows(rules=lambda held: (*held, made)))
    closed = rules({"filter": texts[:1]}, backend=Backend.NFT, policies={("filter", "INPUT"): "DROP"})

    assert strict.found() == []
    shut = world().on(W1, "", rows(rules=lambda held: (*held, closed)))
    assert shut.found() == [("split-brain-tables", W1, "host", "", "")]


def test_containers_on_an_attachable_network_are_no_strangers() -> None:
    """``docker run --network``: a task without a service."""
    lone = dataclasses.replace(
        task(API, 0), id="lone", service="", addresses=(Attachment(APP.id, "10.0.9.200"),), node=f"id-{W2}"
    )
    healthy = world()
    told = healthy.told(tasks=(*healthy.before.tasks, lone))
    found = [one for one in told.found() if one[4] == "10.0.9.200"]

    assert {(name, node) for name, node, *_ in found} == {
        ("missing-fdb-entry", MANAGER),
        ("missing-fdb-entry", W1),
        ("missing-task-sandbox", W2),
    }


def test_overlay_rows_of_an_unread_node_are_not_held_against_others() -> None:
    """Its load balancer's address is not known, so its rows may be right."""
    healthy = world()
    blind = dataclasses.replace(healthy, kernels={name: healthy.kernels[name] for name in (MANAGER, W1)})
    result = blind.audit(missing=((W2, "no answer"),))

    assert result.findings == ()
    assert result.unknowns == ((W2, "", "no answer"),)
    assert ("web", W2, Cell.UNKNOWN) in result.cells
    assert overlay_name(APP) in {one.name for one in healthy.kernels[W2].namespaces}


def test_rows_of_unknown_addresses_belong_on_an_attachable_network() -> None:
    """A plain container's address stands in no task: its rows are not stale there, and are elsewhere."""
    unknown = "10.0.9.200"
    row = ForwardingEntry(mac(unknown), "vxlan0", "192.168.200.12", "permanent")
    seen = world().on(
        W1, overlay_name(APP), lambda space: dataclasses.replace(space, forwarding=(*space.forwarding, row))
    )
    nets = tuple(dataclasses.replace(net, attachable=net.id == APP.id) for net in seen.before.networks)

    assert [name for name, *_ in seen.found()] == ["stale-fdb-entry"]
    assert seen.told(networks=nets).found() == []
