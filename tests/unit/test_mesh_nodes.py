"""Nodes as a whole: parts of the kernel, addresses of unusual kinds, engines of several versions."""

from __future__ import annotations

import dataclasses

import pytest

from harness.mesh import facts
from harness.mesh.kernel import Kernel, Kind, MarkService, Namespace, Neighbour
from harness.mesh.places import address_of, mac_of
from harness.mesh.versions import at_least
from harness.model import Port
from tests.mesh_changes import new_rule, no_rule, no_service, sysctl
from tests.mesh_mutant import HOST, OV, SBOX, Change, both, fdb, rows
from tests.mesh_spec import (
    ADDRESSES,
    API,
    APP,
    INGRESS,
    MANAGER,
    NODES,
    W1,
    WEB,
    Spec,
    balancer_name,
    overlay_name,
    task,
)
from tests.mesh_swarm import World, world


def with_facts(told: World, node: str, **changed: object) -> World:
    """The world with some facts of a node replaced."""
    kernel = told.kernels[node]
    return told.with_kernel(
        dataclasses.replace(kernel, facts=tuple({**dict(kernel.facts), **changed}.items()))
    )


def without_balancing(space: Namespace) -> Namespace:
    """Neither marks nor SNAT nor IPVS services: what an engine could not make."""
    if space.kind not in {Kind.INGRESS, Kind.BALANCER}:
        return space
    emptied = both(no_rule("-j MARK"), no_rule("-j SNAT"))(space)
    return dataclasses.replace(emptied, ipvs=())


LACKING = (
    ({"ipvs": False}, "no ip_vs in 6.12.57"),
    ({"modules": (("ip_vs_rr", ""), ("xt_ipvs", "module"))}, "no ip_vs_rr in"),
    ({"modules": (("xt_ipvs", ""), ("ip_vs_rr", "module"))}, "no xt_ipvs in"),
)


@pytest.mark.parametrize(("told", "seen"), LACKING)
def test_a_part_that_the_kernel_lacks_explains_all_that_it_cannot_do(
    told: dict[str, object], seen: str
) -> None:
    """Mode B9: one finding, not one for each service and namespace."""
    healthy = with_facts(world(), W1, **told)
    kernel = healthy.kernels[W1]
    spaces = tuple(without_balancing(one) for one in kernel.namespaces)
    broken = healthy.with_kernel(dataclasses.replace(kernel, namespaces=spaces))

    assert healthy.found() == []  # what works is not lacking, whatever a list of modules says
    assert broken.found() == [("missing-kernel-support", W1, "host", "", "")]
    assert seen in broken.audit().findings[0].sentence


def test_rules_of_a_job_on_the_hosts_network_hide_nothing() -> None:
    """The audit's own job has just been removed: that makes no leftover of others harmless."""
    own = dataclasses.replace(task(WEB, 0, desired="remove"), id="job", service="id-job", addresses=())
    healthy = world(API)
    told = healthy.told(tasks=(*healthy.before.tasks, own))
    left = world(WEB, API).kernels[W1]

    assert told.found() == []
    assert "stale-ipvs-service" in {name for name, *_ in told.with_kernel(left).found()}


def test_a_node_known_by_a_name_is_found_by_its_peers_rows() -> None:
    """Some swarms advertise names."""
    healthy = world()
    nodes = tuple(
        dataclasses.replace(one, address="w1.example") if one.hostname == W1 else one
        for one in healthy.before.nodes
    )
    named = healthy.told(nodes=nodes)
    lone = dataclasses.replace(named, kernels={W1: named.kernels[W1]})

    assert (named.found(), named.audit().unknowns) == ([], ())
    assert named.on(MANAGER, OV, fdb(WEB.address(APP, 1), ADDRESSES[MANAGER])).found() == [
        ("wrong-fdb-entry", MANAGER, OV, "web", WEB.address(APP, 1))
    ]
    assert (W1, "", "w1.example is no address, and no peer's row tells one") in lone.audit().unknowns


def test_a_swarm_over_ipv6_is_judged_but_for_its_firewall() -> None:
    """The rules of ip6tables are not read."""
    healthy = world()
    other = {address: address.replace("192.168.200.", "fd00::") for address in ADDRESSES.values()}
    nodes = tuple(dataclasses.replace(one, address=other[one.address]) for one in healthy.before.nodes)
    moved = healthy.told(nodes=nodes)
    for name in NODES:
        for space in moved.kernels[name].namespaces:
            moved = moved.on(
                name,
                space.name,
                rows(
                    forwarding=lambda held: tuple(
                        dataclasses.replace(row, remote=other[row.remote]) for row in held
                    ),
                    devices=lambda held: tuple(
                        dataclasses.replace(
                            one, addresses=tuple((other.get(at, at), bits) for at, bits in one.addresses)
                        )
                        for one in held
                    ),
                ),
            )
    result = moved.audit()

    assert result.findings == ()
    assert {(node, place) for node, place, _ in result.unknowns} == {(name, "host") for name in NODES}


NEW = "28.3.3"
OF_28 = (
    (no_rule("-A DOCKER-FORWARD -j DOCKER-INGRESS"), "missing-ingress-jump", "DOCKER-FORWARD"),
    (no_rule("-A FORWARD -j DOCKER-FORWARD"), "ingress-forward-blocked", "-P FORWARD DROP"),
    (
        new_rule("filter", "-A DOCKER-FORWARD ! -i docker_gwbridge -o docker_gwbridge -j DROP"),
        "ingress-forward-blocked",
        "! -i docker_gwbridge",
    ),
    (new_rule("filter", "-A DOCKER-USER -o docker_gwbridge -j REJECT"), "ingress-forward-blocked", "REJECT"),
)


@pytest.mark.parametrize(("change", "name", "words"), OF_28)
def test_the_jump_is_in_a_chain_of_its_own_since_28_0_1(change: Change, name: str, words: str) -> None:
    """Modes A3 and A5 of new engines."""
    changed = world(engine=NEW).on(W1, HOST, change)

    assert changed.found() == [(name, W1, "host", "", "")]
    assert words in changed.audit().findings[0].sentence


def test_28_0_0_drops_before_it_accepts() -> None:
    """moby#49536: the jump comes after the rule that closes the bridge."""
    closing = "-A FORWARD ! -i docker_gwbridge -o docker_gwbridge -j DROP"
    changed = world(engine="28.0.0")
    for name in NODES:
        early = both(no_rule("-A FORWARD -j DOCKER-FORWARD"), no_rule("-A DOCKER-FORWARD -j DOCKER-INGRESS"))
        late = new_rule("filter", "-A FORWARD -j DOCKER-INGRESS", last=True)
        changed = changed.on(name, HOST, both(early, new_rule("filter", closing, last=True), late))

    assert changed.found() == [("ingress-forward-blocked", name, "host", "", "") for name in NODES]
    assert closing in changed.audit().findings[0].seen


def test_a_device_on_its_way_is_no_stray() -> None:
    """An engine makes it in the host's namespace, then moves it; another name is nobody's it knows."""
    starting = dataclasses.replace(API, changed={at: {"state": "starting"} for at in range(2)})
    healthy = world(starting).without(W1, "lb_zz19xk3p0", "1-zz19xk3p0l")

    def made(name: str) -> Change:
        return rows(
            devices=lambda held: (*held, dataclasses.replace(held[1], name=name, kind="vxlan", vni=4106))
        )

    assert healthy.on(W1, HOST, made("vx-00100a-zz19x")).found() == []
    assert healthy.on(W1, HOST, made("vx-stray")).found() == [("stray-vxlan", W1, "host", "", "")]


def test_a_service_on_its_way_may_be_empty() -> None:
    """An engine makes the IPVS service first, then its real servers."""
    starting = dataclasses.replace(API, changed={at: {"state": "starting"} for at in range(2)})
    mark = API.mark(APP, W1)
    empty = rows(ipvs=lambda held: (*held, MarkService(mark, "rr", ())))
    gone = both(no_rule(f"-d {API.vip(APP)}/32"), no_service(mark), empty)

    assert world(WEB, starting).on(W1, balancer_name(APP), gone).found() == []


def test_old_engines_set_no_tweaks() -> None:
    """conn_reuse_mode and expire_nodest_conn are the kernel's own on engines before 20.10."""
    old = world(engine="18.09.1")
    for name in NODES:
        for space in old.kernels[name].namespaces:
            if space.kind in {Kind.INGRESS, Kind.BALANCER}:
                change = both(
                    sysctl("net.ipv4.vs.conn_reuse_mode", "1"), sysctl("net.ipv4.vs.expire_nodest_conn", "0")
                )
                old = old.on(name, space.name, change)

    assert old.found() == []


@pytest.mark.parametrize(
    ("engine", "version", "is_new"),
    [
        ("26.1.5+dfsg1", (28, 0, 1), False),
        ("28.0.0", (28, 0, 1), False),
        ("28.0.1", (28, 0, 1), True),
        ("29.0.0-rc.1", (28, 0, 1), True),
        ("17.06.2-ce", (20, 10), False),
        ("", (28, 0, 1), True),
        ("dev", (28, 0, 1), True),
    ],
)
def test_versions_of_engines(engine: str, version: tuple[int, ...], is_new: bool) -> None:
    """One that nobody can read counts as new."""
    assert at_least(engine, version) is is_new


def test_facts_may_be_objects_or_rows_of_two() -> None:
    """Whatever shape they come in; what was not told is empty."""
    rows_of_two = Kernel(
        W1, (), (("modules", (("vxlan", "module"),)), ("routes", (("a", "b", "c", ""), ("d",))))
    )
    objects = Kernel(W1, (), (("modules", {"vxlan": "module"}), ("routes", "garbled")))

    assert facts.pairs(rows_of_two, "modules") == facts.pairs(objects, "modules") == {"vxlan": "module"}
    assert facts.sources(rows_of_two) == {"b": "c"}
    assert facts.sources(objects) == {}
    assert facts.pairs(rows_of_two, "nothing") == {}
    assert facts.conntrack(rows_of_two) == (None, None)


def test_permanent_neighbours_do_not_fill_the_table() -> None:
    """Linux counts them apart since 5.0: endpoints of an overlay are no reason to worry."""
    many = tuple(Neighbour(f"10.1.{at // 250}.{at % 250}", "eth0", "", ("STALE",)) for at in range(900))
    full = world().on(W1, SBOX, rows(neighbours=lambda held: (*held, *many)))
    kept = tuple(dataclasses.replace(one, states=("PERMANENT",)) for one in many)
    fine = world().on(W1, SBOX, rows(neighbours=lambda held: (*held, *kept)))

    assert full.found() == [("neighbour-table-small", W1, "host", "", "")]
    assert fine.found() == []


def test_addresses_and_macs() -> None:
    """The engine makes one of the other."""
    assert mac_of("10.0.0.94") == "02:42:0a:00:00:5e"
    assert address_of("02:42:0a:00:00:5e") == "10.0.0.94"
    assert address_of("4e:24:3e:3e:28:7d") == mac_of("fd00::1") == ""


def test_a_node_alone_has_no_peers_to_be_cut_from() -> None:
    """Its firewall may drop what nobody sends."""
    healthy = world(dataclasses.replace(WEB, on=(MANAGER,)))
    nodes = tuple(one for one in healthy.before.nodes if one.hostname == MANAGER)
    alone = dataclasses.replace(healthy.told(nodes=nodes), kernels={MANAGER: healthy.kernels[MANAGER]})
    for net in (INGRESS, APP):
        empty = rows(forwarding=lambda _: (), neighbours=lambda _: ())
        alone = alone.on(MANAGER, overlay_name(net), empty)
    closed = alone.on(MANAGER, HOST, new_rule("filter", "-A INPUT -p udp --dport 4789 -j DROP"))

    assert alone.found() == closed.found() == []


def test_many_services_on_every_node() -> None:
    """Each port and pool is compared once on each node."""
    specs = tuple(
        Spec(f"s{at}", at, ports=(Port(8000 + at, 80),), networks=(), on=(NODES[at % 3],))
        for at in range(1, 20)
    )
    result = world(*specs).audit()

    assert result.findings == ()
    assert (result.counted["ports"], result.counted["backends"]) == (57, 57)
