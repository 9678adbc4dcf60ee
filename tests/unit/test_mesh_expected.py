"""What must be in the tables: the settling rule, and what the manager's word means for each network."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.mesh import Truth
from harness.mesh.expected import Expected, expect
from harness.mesh.settling import SETTLE, Presence, Window
from harness.model import Attachment, Availability, Port, Task
from tests.mesh_spec import (
    API,
    APP,
    BACK,
    INGRESS,
    MANAGER,
    NETWORKS,
    NODES,
    OLD,
    W1,
    W2,
    WALL,
    WEB,
    Spec,
    node,
    task,
    truth,
)

Told = dict[str, Any] | None
SAME: dict[str, Any] = {}


def settled(old: Told, new: Told, **nodes: Any) -> Presence:
    """What must be there of a task of ``WEB`` that was so before and is so now; None: it was not there."""

    def told(name: str, changed: Told) -> Truth:
        tasks = () if changed is None else (task(WEB, 1, **changed),)
        every = tuple(node(one, **(nodes if one == W1 else {})) for one in NODES)
        return truth(WEB, name=name, tasks=tasks, nodes=every)

    return Window(told("before", old), told("after", new)).of_task("task-web-1")


ENDED = {"desired": "shutdown", "state": "failed"}
CASES = (
    (SAME, SAME, Presence.MUST),
    ({"since": WALL - SETTLE}, {"since": WALL - SETTLE}, Presence.MUST),
    ({"since": WALL - SETTLE + 0.1}, {"since": WALL - SETTLE + 0.1}, Presence.MAY),
    (SAME, {"desired": "shutdown"}, Presence.MAY),
    (SAME, ENDED, Presence.MAY),
    ({"state": "starting"}, SAME, Presence.MAY),
    ({"desired": "ready", "state": "ready"}, {"desired": "ready", "state": "ready"}, Presence.MAY),
    ({"desired": "complete"}, {"desired": "complete"}, Presence.MAY),
    (None, SAME, Presence.MAY),
    (SAME, None, Presence.MAY),
    (ENDED, ENDED, Presence.GONE),
    (ENDED, None, Presence.GONE),
    ({**ENDED, "since": WALL - 1}, {**ENDED, "since": WALL - 1}, Presence.MAY),
    ({**ENDED, "since": WALL - 1}, None, Presence.MAY),
    (SAME, {"addresses": ()}, Presence.MAY),
    (SAME, {"node": f"id-{W2}"}, Presence.MAY),
)


@pytest.mark.parametrize(("old", "new", "presence"), CASES)
def test_the_settling_rule(
    old: dict[str, Any] | None, new: dict[str, Any] | None, presence: Presence
) -> None:
    """Must, may, must not: by state, by age and by what both truths say."""
    assert settled(old, new) is presence


def test_a_dead_node_keeps_nothing_alive() -> None:
    """Gossip forgets it before the manager calls it Down; until tasks are replaced nothing is certain."""
    assert settled({"desired": "shutdown"}, {"desired": "shutdown"}, state="down") is Presence.GONE
    assert settled(SAME, SAME, state="down") is Presence.MAY
    assert settled({"desired": "shutdown"}, {"desired": "shutdown"}, state="unknown") is Presence.MAY


@given(st.floats(0, 60), st.floats(-30, 30))
def test_a_tasks_age_is_told_by_its_own_nodes_clock(age: float, ahead: float) -> None:
    """A node that is ahead dates its tasks later."""
    tasks = (task(WEB, 1, since=WALL - age + ahead),)
    window = Window(truth(WEB, tasks=tasks), truth(WEB, name="after", tasks=tasks), ((W1, ahead),))

    assert window.of_task("task-web-1") is (Presence.MUST if age > SETTLE + 1e-3 else Presence.MAY) or (
        abs(age - SETTLE) < 1e-2
    )


def expected(*specs: Spec, **changed: Any) -> Expected:
    """What must be there while nothing changes."""
    return expect(truth(*specs, **changed), truth(*specs, name="after", **changed))


def test_pools_are_a_services_vips() -> None:
    """One per network with a VIP; published ports on the ingress network alone."""
    found = {(pool.service, pool.network.name): pool for pool in expected(WEB, API).pools}

    assert set(found) == {("web", "ingress"), ("web", "app"), ("api", "app"), ("api", "back")}
    assert found["web", "ingress"].ports == WEB.ports
    assert found["web", "app"].ports == ()
    assert set(found["api", "back"].must) == {"10.0.20.30", "10.0.20.31"}
    assert found["web", "ingress"].must["10.0.0.21"].label == "web.2 on swarm-worker1"
    assert all(pool.required for pool in found.values())


def test_services_without_a_vip_have_no_pool() -> None:
    """Endpoint mode dnsrr; host-mode ports are published by no node but the task's own."""
    host = dataclasses.replace(WEB, ports=(Port(9090, 90, mode="host"),))
    found = expected(dataclasses.replace(API, endpoint="dnsrr"), host)

    assert {(pool.service, pool.network.name) for pool in found.pools} == {("web", "app")}
    assert found.ports == {}
    assert list(found.published()) == []


def test_a_service_without_settled_tasks_requires_nothing() -> None:
    """An engine writes a service's rows with its first backend."""
    idle = expected(dataclasses.replace(WEB, on=()))
    young = expected(dataclasses.replace(WEB, on=(W1,), changed={0: {"since": WALL}}))

    assert not any(pool.required for pool in (*idle.pools, *young.pools))
    assert idle.ports == {(8080, "tcp"): "web"}  # rows for its port may be left


def test_networks_reach_nodes_with_settled_tasks() -> None:
    """Ingress reaches every node, the others follow the tasks."""
    found = expected(WEB, dataclasses.replace(API, changed={0: {"desired": "shutdown"}, 1: {"since": WALL}}))

    assert all(found.extended(name, INGRESS) and found.extended(name, APP) for name in NODES)
    assert not found.extended(W1, BACK)
    assert found.moving(W1, BACK.id)
    assert not found.moving(W2, BACK.id)


def test_the_address_goes_to_whom_it_belongs_now() -> None:
    """Addresses are used again: a running task has more right to one than an ended one."""
    old = task(API, 0, id="old", addresses=(Attachment(APP.id, WEB.address(APP, 1)),), **ENDED)
    found = expected(WEB, tasks=(*truth(WEB).tasks, old))

    assert found.at[APP.id][WEB.address(APP, 1)].service == "web"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"state": "down"}, "down"),
        ({"availability": Availability.DRAIN}, "drain"),
        ({"availability": Availability.PAUSE}, "pause"),
    ],
)
def test_nodes_that_take_no_tasks_are_skipped(changed: dict[str, Any], why: str) -> None:
    """With the reason; in one truth is enough."""
    nodes = tuple(node(name, **(changed if name == W2 else {})) for name in NODES)
    found = expect(truth(WEB), truth(WEB, name="after", nodes=nodes))

    assert [one.hostname for one in found.nodes] == [MANAGER, W1]
    [(name, reason)] = found.skipped
    assert name == W2
    assert why in reason


def test_a_network_that_was_made_meanwhile_is_left_out() -> None:
    """Its namespaces are under way."""
    found = expect(truth(WEB, networks=NETWORKS[:2]), truth(WEB, API, name="after"))

    assert [network.name for network in found.networks] == ["ingress", "app"]


@pytest.mark.parametrize(
    "changed",
    [
        {"update": "updating"},
        {"update": "rollback_started"},
        {"ports": (Port(8081, 80),)},
        {"vips": ()},
        {"endpoint": "dnsrr"},
    ],
)
def test_a_service_that_changes_is_in_transit(changed: dict[str, Any]) -> None:
    """As a whole, whatever its tasks do; its ports are nobody else's in either case."""
    first = truth(WEB)
    last = dataclasses.replace(
        first, services=tuple(dataclasses.replace(one, **changed) for one in first.services)
    )

    for found in (expect(first, last), expect(last, first)):
        assert not any(pool.settled for pool in found.pools)
        assert (8080, "tcp") in found.ports


def test_removed_services_leave_while_their_tasks_do() -> None:
    """Tasks of a service that no truth knows; containers without a service are no sign."""
    ending = task(WEB, 0, desired="remove")

    assert expected(API, tasks=(ending,)).leaving == {INGRESS.id, APP.id}
    assert not expected(
        API, tasks=(dataclasses.replace(ending, addresses=()),)
    ).leaving  # on the host's network
    assert not expected(API, tasks=(task(WEB, 0, **ENDED, since=OLD),)).leaving
    assert not expected(API, tasks=(dataclasses.replace(ending, service=""),)).leaving


@given(st.lists(st.sampled_from(["running", "starting", "shutdown", "failed", "rejected"]), max_size=6))
def test_no_task_is_both_required_and_gone(states: list[str]) -> None:
    """Whatever the tasks' states are, every address has one presence."""
    tasks: tuple[Task, ...] = tuple(
        task(WEB, at % 3, id=f"t{at}", state=state, addresses=(Attachment(APP.id, f"10.0.9.{50 + at % 4}"),))
        for at, state in enumerate(states)
    )
    told: Truth = truth(WEB, tasks=tasks)
    [pool] = [one for one in expect(told, told).pools if one.network == APP]

    assert not pool.must.keys() & pool.gone.keys()
    assert not pool.may.keys() & pool.gone.keys()
