"""Subnets, packet sizes, source addresses and cards as the preflight judges them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.doctor import network
from harness.doctor.lines import State
from harness.errors import Exit
from harness.mesh.kernel import Device, Namespace, Route
from tests.doctor_ground import asked, ground, on_worker, one
from tests.mesh_spec import ADDRESSES, APP, INGRESS, MANAGER, NETWORKS, NODES, W1, Spec
from tests.mesh_swarm import World, world


def _routed(*routes: Route) -> World:
    return on_worker(lambda space: dataclasses.replace(space, routes=(*space.routes, *routes)))


def _bridge(name: str, address: str, prefix: int, *, up: bool = True) -> World:
    made = Device(name, up, 1500, "02:42:00:00:00:01", ((address, prefix),), "bridge")
    return on_worker(lambda space: dataclasses.replace(space, devices=(*space.devices, made)))


@pytest.mark.parametrize(
    ("made", "state", "told"),
    [
        (world(), State.OK, "no overlay network"),
        (
            _routed(Route("10.0.9.128/25", "eth1")),
            State.WARN,
            "app (10.0.9.0/24) overlaps 10.0.9.128/25 of eth1",
        ),
        (_routed(Route("10.0.0.0/16", "tun0")), State.WARN, "ingress (10.0.0.0/24) overlaps 10.0.0.0/16"),
        (_routed(Route("default", "eth0")), State.OK, "no overlay network"),
        (_routed(Route("172.30.0.0/16", "eth1")), State.OK, "no overlay network"),
        (_bridge("br-1", "10.0.20.1", 24), State.WARN, "back (10.0.20.0/24) overlaps 10.0.20.0/24 of br-1"),
        (_bridge("br-1", "10.0.20.1", 24, up=False), State.WARN, "back (10.0.20.0/24)"),
        (_bridge("docker_gwbridge", "10.0.9.1", 24), State.STOP, "app (10.0.9.0/24)"),
    ],
    ids=["none", "route", "wide route", "default", "elsewhere", "bridge", "bridge down", "gateway bridge"],
)
def test_subnets_of_overlays_against_those_of_the_host(made: World, state: State, told: str) -> None:
    """What a task cannot reach is worth a look; what holds answers in the sandbox stops the swarm."""
    line = one(network.subnets(ground(made, preflight=asked(pools=("10.99.0.0/16",)))))

    assert line.state is state
    assert told in line.told
    assert line.exit is (Exit.REFUTED if state is State.STOP else Exit.UPHELD)


def test_nodes_within_the_ingress_subnet_stop_the_mesh() -> None:
    """Answers to neighbours of the nodes never leave the sandbox."""
    wide = dataclasses.replace(INGRESS, subnets=("192.168.0.0/16",))

    line = one(network.subnets(ground(world().told(networks=(wide, *NETWORKS[1:])))))

    assert (line.state, line.nodes) == (State.STOP, tuple(sorted(NODES)))
    assert "ingress (192.168.0.0/16) overlaps 192.168.200.0/24 of eth0" in line.told


def test_pools_of_networks_to_come_and_overlays_of_one_another() -> None:
    """The first is per node, the second the swarm's."""
    pool = one(network.subnets(ground(preflight=asked(pools=("192.168.0.0/16",)))))
    twin = dataclasses.replace(APP, id="another", name="twin", subnets=("10.0.9.0/25",))
    both = one(network.subnets(ground(world().told(networks=(*NETWORKS, twin)))))

    assert (pool.state, len(pool.nodes)) == (State.WARN, 3)
    assert "new networks come from 192.168.0.0/16, which overlaps 192.168.200.0/24 of eth0" in pool.told
    assert (both.state, both.nodes) == (State.WARN, ())
    assert "app (10.0.9.0/24) and twin (10.0.9.0/25) overlap" in both.told


def test_routes_that_could_not_be_read_are_unknown() -> None:
    """What is not known overlaps nothing only by luck."""
    made = on_worker(lambda space: dataclasses.replace(space, routes=(), unread=(("routes", "ip exited 1"),)))

    line = one(network.subnets(ground(made)))

    assert (line.state, line.exit, line.nodes) == (State.UNKNOWN, Exit.UNKNOWN, (W1,))
    assert "ip exited 1" in line.told


def _below(mtu: int) -> Callable[[Namespace], Namespace]:
    return lambda space: dataclasses.replace(
        space,
        devices=tuple(
            dataclasses.replace(device, mtu=mtu) if device.name == "eth0" else device
            for device in space.devices
        ),
    )


@pytest.mark.parametrize(("mtu", "state"), [(1500, State.OK), (9000, State.OK), (1450, State.STOP)])
def test_overlay_packets_fit_the_underlay_or_do_not(mtu: int, state: State) -> None:
    """1450 and the tunnel's 50 bytes."""
    lines = [line for line in network.mtu(ground(on_worker(_below(mtu)))) if W1 in line.nodes]

    assert [line.state for line in lines] == [state]
    assert str(mtu) in lines[0].told
    assert ("com.docker.network.driver.mtu" in lines[0].remedy) is (state is State.STOP)


def test_without_an_overlay_the_default_must_fit() -> None:
    """The first network made there would be too large."""
    made = on_worker(_below(1400)).without(W1, f"1-{INGRESS.id[:10]}", f"1-{APP.id[:10]}", "1-zz19xk3p0l")

    line = one(network.mtu(ground(made)))

    assert (line.state, line.nodes) == (State.WARN, (W1,))
    assert "driver.mtu=1350" in line.remedy


def test_an_underlay_that_nobody_finds_is_unknown() -> None:
    """A node behind a translation of addresses: its interface has another one."""
    made = world()
    elsewhere = tuple(
        dataclasses.replace(node, address="203.0.113.9") if node.hostname == W1 else node
        for node in made.after.nodes
    )
    idle = world(Spec("idle", 1, on=(), networks=())).told(nodes=elsewhere)

    found = ground(idle)
    size, way = one(network.mtu(found)), one(network.source(found))

    assert (size.state, size.nodes) == (State.UNKNOWN, (W1,))
    assert (way.state, way.nodes) == (State.WARN, (W1,))
    assert "203.0.113.9" in way.told


def test_another_source_address_than_the_advertised_one_is_a_stop() -> None:
    """Peers drop what comes from it (moby#53004)."""
    ways = ((MANAGER, ADDRESSES[MANAGER], "192.168.200.99", ""),)

    line = one(network.source(ground(facts={"routes": ways})))

    assert (line.state, line.nodes) == (State.STOP, (W1,))
    assert "192.168.200.99" in line.told
    assert ADDRESSES[W1] in line.told


def test_no_route_to_a_peer_is_a_stop() -> None:
    """With the kernel's own words."""
    ways = ((MANAGER, ADDRESSES[MANAGER], "", "Network is unreachable"),)

    line = one(network.source(ground(facts={"routes": ways})))

    assert (line.state, line.told) == (State.STOP, f"no route to {MANAGER} (Network is unreachable)")


def test_the_advertised_source_is_ok() -> None:
    """On every node in the same words."""
    assert one(network.source(ground())).nodes == tuple(sorted(NODES))


def _card(driver: str, *, checksum: bool) -> dict[str, object]:
    return {"underlay": ((("driver", driver), ("name", "ens192"), ("tx_checksum", checksum)),)}


@pytest.mark.parametrize(
    ("facts", "state", "told"),
    [
        (_card("virtio_net", checksum=True), State.OK, "no known trap (virtio_net)"),
        (_card("vmxnet3", checksum=False), State.OK, "no known trap (vmxnet3)"),
        (_card("vmxnet3", checksum=True), State.WARN, "ens192 is a vmxnet3"),
        ({"underlay": ()}, State.UNKNOWN, "no interface told"),
        ({"underlay": None}, State.UNKNOWN, "no interface told"),
        (
            {"errors": (("Udp", (("InCsumErrors", 50), ("InDatagrams", 950))),)},
            State.WARN,
            "50 of 1000 datagrams",
        ),
        ({"errors": (("Udp", (("InCsumErrors", 9), ("InDatagrams", 100))),)}, State.OK, "no known trap"),
        ({"errors": "garbled"}, State.OK, "no known trap"),
    ],
    ids=["fine", "switched off", "trap", "none", "untold", "bad checksums", "a few", "garbled"],
)
def test_cards_that_spoil_checksums(facts: dict[str, object], state: State, told: str) -> None:
    """By driver, and by what arrives; not known is no reason for an exit code."""
    line = next(line for line in network.offload(ground(facts=facts)) if W1 in line.nodes)

    assert line.state is state
    assert told in line.told
    assert line.exit is Exit.UPHELD
    assert ("ethtool" in line.remedy) is (state is State.UNKNOWN or "vmxnet3 that" in line.told)
