"""Engines and processes against the manager's word: exact findings, silence on what is on its way."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from harness.mesh import taking
from harness.mesh.inspected import GossipRow, Inspected, Listener
from harness.mesh.kernel import MarkService
from harness.model import Port
from tests.mesh_changes import no_rule, no_service
from tests.mesh_inspected import (
    GHOST,
    INSPECT_MUTANTS,
    WEB0,
    InspectMutant,
    certified,
    inspected,
    inspected_world,
    listening,
    named,
    new_container,
    new_row,
    no_peer,
    no_row,
)
from tests.mesh_mutant import LB, OV, SBOX, VIP, both, fdb, neighbour, rows
from tests.mesh_spec import (
    ADDRESSES,
    APP,
    INGRESS,
    MANAGER,
    NETWORKS,
    NODES,
    W1,
    W2,
    WALL,
    WEB,
    balancer_address,
    node,
    task,
)
from tests.mesh_swarm import World, world

IDS = [f"{number}-{mutant.name}" for number, mutant in enumerate(INSPECT_MUTANTS)]


def test_a_healthy_swarm_is_quiet_and_counted() -> None:
    """No finding, nothing unknown, and every row was compared."""
    result = inspected_world().audit()

    assert (result.findings, result.unknowns, result.remarks) == ((), (), ())
    assert {name: result.counted[name] for name in ("gossip rows", "containers", "certificates")} == {
        "gossip rows": 9 + 15 + 2,
        "containers": 5,
        "certificates": 3,
    }


@pytest.mark.parametrize("mutant", INSPECT_MUTANTS, ids=IDS)
def test_one_change_gives_its_finding_and_no_other(mutant: InspectMutant) -> None:
    """Name, node, service and address are exact; it tells what to do."""
    changed = inspected(inspected_world(), mutant.node, mutant.change)

    assert changed.found() == [mutant.found]
    [finding] = changed.audit().findings
    assert all(word in finding.sentence for word in mutant.words)
    assert finding.modes
    assert all((finding.expected, finding.seen, finding.cause, finding.remedy, finding.command))


def lost_backend(address: str) -> World:
    """A world whose worker lacks a real server."""

    def fewer(held: tuple[MarkService, ...]) -> tuple[MarkService, ...]:
        return tuple(
            dataclasses.replace(one, servers=tuple(row for row in one.servers if row.address != address))
            for one in held
        )

    return inspected_world().on(W1, LB, rows(ipvs=fewer))


def test_a_row_that_gossip_lacks_is_the_cause_of_what_the_kernel_lacks() -> None:
    """One finding, the kernel's; with the row the blame is the engine's, or somebody's."""
    without = inspected(lost_backend(WEB0), W1, no_row(APP.id, WEB0))
    known = lost_backend(WEB0)

    assert without.found() == known.found() == [("missing-ipvs-backend", W1, LB, "web", WEB0)]
    assert "gossip never told" in without.audit().findings[0].cause
    assert "adding it failed" in known.audit().findings[0].cause


def test_a_peer_that_gossip_lost_is_told_first_and_is_the_cause_of_what_follows() -> None:
    """Real servers, forwarding entries and neighbours of its tasks and of its load balancer."""
    balancer = balancer_address(APP, MANAGER)
    changed = lost_backend(WEB0).on(W1, OV, both(fdb(WEB0, None), neighbour(balancer, None)))
    changed = inspected(changed, W1, no_peer(APP.id, ADDRESSES[MANAGER]))

    assert [name for name, *_ in changed.found()] == [
        "missing-gossip-peer",
        "missing-ipvs-backend",
        "missing-fdb-entry",
        "missing-neighbour",
    ]
    assert [f"gossip with {MANAGER} is broken" in one.cause for one in changed.audit().findings[1:]] == [
        True
    ] * 3


def test_a_service_of_which_gossip_told_nothing_is_one_finding() -> None:
    """The kernel has nothing of it, and gossip shows why."""
    changed = inspected_world().on(W1, "", no_rule("-j DNAT"))
    changed = changed.on(W1, SBOX, both(no_rule("--dport 8080"), no_service(WEB.mark(INGRESS, W1))))
    for number in range(3):
        changed = inspected(changed, W1, no_row(INGRESS.id, WEB.address(INGRESS, number)))

    assert changed.found() == [("service-not-programmed", W1, SBOX, "web", VIP)]
    assert "gossip told the node nothing" in changed.audit().findings[0].cause


def test_a_row_that_is_left_over_is_the_cause_of_the_real_server() -> None:
    """Mode D5."""

    def more(held: tuple[MarkService, ...]) -> tuple[MarkService, ...]:
        return tuple(
            dataclasses.replace(
                one, servers=(*one.servers, dataclasses.replace(one.servers[0], address="10.0.9.99"))
            )
            if one.mark == WEB.mark(APP, W1)
            else one
            for one in held
        )

    changed = inspected_world().on(W1, LB, rows(ipvs=more))
    changed = inspected(changed, W1, new_row(APP.id, GossipRow("web", "web.7.gone", "10.0.9.99", "1.2.3.4")))

    assert changed.found() == [("stale-ipvs-backend", W1, LB, "web", "10.0.9.99")]
    assert "told by 1.2.3.4" in changed.audit().findings[0].cause


def test_what_is_on_its_way_is_no_finding() -> None:
    """A starting task without a row, a service that is updated or was scaled, a container made since."""
    moving = dataclasses.replace(WEB, changed={0: {"state": "starting"}, 1: {"desired": "shutdown"}})
    starting = inspected(inspected_world(moving), W1, no_row(APP.id, WEB0))
    updated = dataclasses.replace(WEB, update="updating")
    scaled = dataclasses.replace(WEB, shrunk=WALL - 5.0)
    stale = new_row(APP.id, GossipRow("web", "web.7.gone", "10.0.9.99", ADDRESSES[W2]))
    young = new_container(dataclasses.replace(GHOST, created=WALL - 1.0))

    assert starting.found() == []
    assert inspected(inspected_world(updated), W1, stale).found() == []
    assert inspected(inspected_world(scaled), W1, stale).found() == []
    assert inspected(inspected_world(), W1, stale).found() != []
    assert inspected(inspected_world(), W1, young).found() == []


def test_a_container_of_a_task_that_is_kept_as_ended_is_an_orphan_too() -> None:
    """The manager still lists the task, as history."""
    told = inspected_world()
    past = dataclasses.replace(task(WEB, 0), id="gone", desired="shutdown", state="shutdown", addresses=())
    changed = inspected(told.told(tasks=(*told.before.tasks, past)), W1, new_container(GHOST))
    ending = dataclasses.replace(past, state="running")
    moving = inspected(told.told(tasks=(*told.before.tasks, ending)), W1, new_container(GHOST))

    assert changed.found() == [("orphan-container", W1, "host", "web", "10.0.9.99")]
    assert "which ended" in changed.audit().findings[0].seen
    assert moving.found() == []


def test_ports_of_others_and_of_clients_are_no_ones_business() -> None:
    """A port that is published nowhere; UDP in the range of clients; docker-proxy is the engine."""
    spec = dataclasses.replace(WEB, ports=(Port(8080, 80), Port(40000, 53, "udp")))
    healthy = inspected_world(spec)
    client = inspected(healthy, W1, listening(Listener("udp", "0.0.0.0", 40000, "dig")))
    proxy = inspected(healthy, W1, listening(Listener("tcp", "0.0.0.0", 8080, "docker-proxy")))
    other = inspected(healthy, W1, listening(Listener("tcp", "0.0.0.0", 2377, "etcd")))

    assert [one.found() for one in (healthy, client, proxy, other)] == [[], [], [], []]


def test_a_listener_without_an_owner_is_unknown() -> None:
    """It may have ended in between, or be a kernel's."""

    def orphaned(told: Inspected) -> Inspected:
        return dataclasses.replace(told, listeners=(*told.listeners, Listener("tcp", "::", 8080, "")))

    result = inspected(inspected_world(), W1, orphaned).audit()

    assert result.findings == ()
    assert [(name, place) for name, place, _ in result.unknowns] == [(W1, "host")]


def test_a_role_that_has_just_changed_has_time_to_get_its_certificate() -> None:
    """Likewise a root that is being changed, and one that lets another key sign for it."""
    fresh = inspected_world().told(nodes=tuple(node(one, updated=WALL - 20.0) for one in NODES))
    rootless = inspected_world().told(roots="")

    assert inspected(fresh, W1, certified(unit="swarm-manager")).found() == []
    assert inspected(rootless, W1, certified(authority="99")).found() == []
    external = inspected_world()
    for name in NODES:
        external = inspected(external, name, certified(authority="99"))
    assert external.found() == []


def test_nodes_behind_other_addresses_are_no_missing_peers() -> None:
    """What a node advertises may be known to nobody but gossip."""
    moved = inspected_world()
    for name in NODES:
        moved = inspected(moved, name, _elsewhere)

    assert moved.found() == []
    assert inspected(moved, W1, no_peer(APP.id, "203.0.113.12")).found() == []


def _elsewhere(told: Inspected) -> Inspected:
    views = tuple(
        dataclasses.replace(
            view, peers=tuple(peer.replace("192.168.200", "203.0.113") for peer in view.peers), rows=view.rows
        )
        for view in told.gossip
    )
    return dataclasses.replace(told, gossip=views)


def test_lines_of_the_log_back_a_cause_and_never_make_one() -> None:
    """They are remarks on a healthy swarm."""
    seen = (("Failed to create real server", 3),)
    healthy = inspected(inspected_world(), W1, lambda told: dataclasses.replace(told, symptoms=seen))
    broken = healthy.on(W1, SBOX, no_service(WEB.mark(INGRESS, W1)))

    assert healthy.found() == []
    assert healthy.audit().remarks == (
        (W1, "host", "dockerd logged 'Failed to create real server' 3 times in the last 10 min (B6)"),
    )
    [finding] = broken.audit().findings
    assert finding.cause.endswith("dockerd logged 'Failed to create real server' 3 times in the last 10 min")


PARTS = ("gossip", "containers", "listeners", "certificate")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_not_read_is_unknown(part: str) -> None:
    """With its reason, and without a finding of what seems to lack; a log is a remark at most."""
    result = inspected(inspected_world(), W1, lambda _: unread(part)).audit()

    assert result.findings == ()
    [(name, place, why)] = result.unknowns
    assert (name, place) == (W1, "host")
    assert why.endswith("refused")


def unread(part: str) -> Inspected:
    """All of a node but a part."""
    healthy = inspected_world().kernels[W1].inspected
    assert healthy is not None
    without: dict[str, Any] = {part: None if part == "certificate" else ()}
    return dataclasses.replace(healthy, **without, unread=((part, "refused"),))


def test_a_log_that_was_not_read_is_a_remark() -> None:
    """Most hosts keep it in a journal that no file tells of."""
    silent = inspected(inspected_world(), W1, lambda told: dataclasses.replace(told, log=""))
    refused = inspected(
        inspected_world(), W1, lambda told: dataclasses.replace(told, unread=(("dockerd-log", "refused"),))
    )

    assert [silent.audit().unknowns, refused.audit().unknowns] == [(), ()]
    assert "it is no file" in silent.audit().remarks[0][2]
    assert refused.audit().remarks[0][2] == "dockerd's log was not read: refused"


def test_without_permission_nothing_of_it_is_told() -> None:
    """Neither found nor unknown nor counted."""
    result = world().audit()

    assert (result.findings, result.unknowns, result.counted.get("containers")) == ((), (), None)


def test_the_names_of_global_tasks_tell_their_task_too() -> None:
    """They hold the node's id where others hold a slot."""
    assert GossipRow("web", "web.nodeid.taskid", "10.0.9.9").task == "taskid"
    assert GossipRow("web", named(WEB, 0), WEB0).task == "task-web-0"


def test_nodes_are_asked_for_the_swarms_ports_and_every_published_one() -> None:
    """Of overlay networks alone: no node's gossip knows of others."""
    told = inspected_world().before
    local = dataclasses.replace(APP, id="bridge", driver="bridge", scope="local")

    wanted = taking.inspection(dataclasses.replace(told, networks=(*told.networks, local)))

    assert wanted.networks == tuple(one.id for one in NETWORKS)
    assert wanted.ports == (("tcp", 7946), ("udp", 7946), ("tcp", 2377), ("tcp", 8080))
    assert all(words and all(words) for words in wanted.texts)
