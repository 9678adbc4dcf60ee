"""Room in tables, networks and ports, and what the target gives, as the preflight judges them."""

from __future__ import annotations

import dataclasses

import pytest

from harness.doctor import room, target
from harness.doctor.lines import State
from harness.errors import Exit
from harness.evidence import Preflight
from harness.mesh.kernel import Namespace
from harness.model import Availability, Port
from tests.doctor_ground import IMAGES, JOB, asked, engine, ground, on_worker, one
from tests.mesh_spec import ADDRESSES, APP, MANAGER, NETWORKS, NODES, W1, W2, WEB, node
from tests.mesh_swarm import World, world

MOST = "net.netfilter.nf_conntrack_max"


def _sysctl(name: str, value: str | None) -> World:
    def change(space: Namespace) -> Namespace:
        told = {**dict(space.sysctls), name: value}
        return dataclasses.replace(
            space, sysctls=tuple((key, one) for key, one in told.items() if one is not None)
        )

    return on_worker(change)


@pytest.mark.parametrize(
    ("made", "entries", "state", "told"),
    [
        (world(), 49, State.OK, "less than 10 %"),
        (world(), 2500, State.OK, "less than 70 %"),
        (world(), 3600, State.WARN, "3600 in use"),
        (world(), 4096, State.STOP, "4096 in use"),
        (_sysctl(MOST, "64"), 2, State.WARN, "= 64"),
        (_sysctl(MOST, None), 2, State.UNKNOWN, "conntrack"),
    ],
    ids=["empty", "used", "nearly full", "full", "small", "untold"],
)
def test_tables_of_the_kernel(made: World, entries: int, state: State, told: str) -> None:
    """A full one drops what is new; of one whose size is not known nothing follows."""
    found = ground(made, facts={"conntrack": (("entries", entries),)})

    line = next(line for line in room.limits(found) if W1 in line.nodes)

    assert line.state is state
    assert told in line.told


@pytest.mark.parametrize(
    ("subnet", "state", "told"),
    [
        ("10.0.9.0/24", State.OK, "the fewest of 3 networks; 14 are enough"),
        ("10.0.9.0/28", State.WARN, "14 should be free, there are 3 in app"),
        ("10.0.9.0/29", State.STOP, "no address is left in app"),
    ],
)
def test_addresses_that_are_left(subnet: str, state: State, told: str) -> None:
    """Two VIPs, five tasks and three balancers are taken: of 13 of a /28 three are left, of a /29 none."""
    small = tuple(
        dataclasses.replace(net, subnets=(subnet,)) if net.id == APP.id else net for net in NETWORKS
    )

    line = one(room.addresses(ground(world().told(networks=small))))

    assert line.state is state
    assert told in line.told


def test_no_network_tells_a_subnet() -> None:
    """IPv6 alone is not balanced, and has addresses enough."""
    nets = tuple(dataclasses.replace(net, subnets=("fd00::/64",)) for net in NETWORKS)

    assert one(room.addresses(ground(world().told(networks=nets)))).state is State.UNKNOWN


def test_a_port_that_a_service_has() -> None:
    """The request is wrong, not the swarm."""
    wanted = asked(ports=(8080, 8081))

    line = one(room.ports(ground(world(WEB), preflight=wanted)))

    assert (line.state, line.exit) == (State.STOP, Exit.BAD_REQUEST)
    assert "8080/tcp is published by web" in line.told
    assert "published_port" in line.remedy


def test_a_port_on_which_a_node_listens_already() -> None:
    """Publishing would hijack it (moby#39089)."""
    line = one(room.ports(ground(facts={"listeners": (("tcp", (22,)), ("tcp6", (8322,)))})))

    assert (line.state, line.nodes, line.exit) == (State.STOP, (W1,), Exit.BAD_REQUEST)
    assert "8322" in line.told


def test_ports_that_are_free_or_not_known() -> None:
    """A service's UDP port of that number is another one."""
    udp = dataclasses.replace(WEB, ports=(Port(8321, 80, "udp"),))

    assert one(room.ports(ground(world(udp)))).state is State.OK
    assert one(room.ports(ground(facts={"listeners": None}))).state is State.UNKNOWN


def _attached(manager_has: tuple[str, ...] = IMAGES, **registry: str) -> Preflight:
    """A swarm that is not ours: only its manager tells of images."""
    told = {image: registry.get(image.partition(":")[0].rpartition("/")[2], "known") for image in IMAGES}
    lacking = tuple(image for image in IMAGES if image not in manager_has)
    only = engine(MANAGER, images=manager_has, lacking=lacking)
    return asked(lab=False, engines=(only,), registry=tuple(told.items()))


@pytest.mark.parametrize(
    ("preflight", "state", "told"),
    [
        (asked(), State.OK, "all 4 are on every node"),
        (_attached(), State.OK, "all 4"),
        (_attached((), redis="absent"), State.STOP, "redis:7 is nowhere"),
        (_attached(redis="absent"), State.WARN, f"redis:7 is on {MANAGER} only"),
        (_attached(redis="no answer in time"), State.UNKNOWN, "of other nodes nothing is known (no answer"),
        (_attached((), redis="no answer in time"), State.UNKNOWN, f"not on {MANAGER}"),
        (_attached(netshoot="no answer in time"), State.OK, "all 4"),
        (asked(engines=()), State.UNKNOWN, "no engine told"),
    ],
    ids=["lab", "registry", "nowhere", "one only", "silent registry", "nothing", "job ran", "no engine"],
)
def test_images_without_a_pull(preflight: Preflight, state: State, told: str) -> None:
    """What a manager and a registry tell; the job that ran proves its own image on every node."""
    line = one(target.images(ground(preflight=preflight)))

    assert line.state is state
    assert told in line.told
    assert line.exit is (Exit.BAD_REQUEST if state is State.STOP else Exit.UPHELD)


def test_the_jobs_image_is_not_proven_where_the_job_did_not_run() -> None:
    """Whose image it is, is told."""
    found = ground(preflight=_attached(netshoot="no answer"), missing=((W1, "no such image"),))

    line = one(target.images(found))

    assert (line.state, JOB in line.told) == (State.UNKNOWN, True)


def test_live_restore() -> None:
    """On a lab every engine tells; elsewhere only the manager's, and the rest is said to be unknown."""
    some = tuple(engine(name, live_restore=name == W2) for name in NODES)
    on = one(target.live_restore(ground(preflight=asked(engines=some))))
    part = one(target.live_restore(ground(preflight=_attached())))

    assert one(target.live_restore(ground())).state is State.OK
    assert (on.state, on.nodes, on.exit) == (State.STOP, (W2,), Exit.REFUTED)
    assert (part.state, part.exit) == (State.UNKNOWN, Exit.UPHELD)
    assert part.told == f"off on {MANAGER}; a manager cannot tell it of {W1}, {W2}"


def test_ways_from_here_to_the_nodes() -> None:
    """A refusal is an answer; silence is nobody's fault, and must be known: exit 3."""
    ways = ((MANAGER, ADDRESSES[MANAGER], "closed"), (W1, ADDRESSES[W1], "no answer within 3 s"))
    line = one(target.outside(ground(preflight=asked(reach=ways))))

    assert one(target.outside(ground())).state is State.OK
    assert (line.state, line.nodes, line.exit) == (State.UNKNOWN, (W1,), Exit.UNKNOWN)
    assert ADDRESSES[W1] in line.told
    assert "[nodes]" in line.remedy
    assert one(target.outside(ground(preflight=asked(reach=())))).state is State.UNKNOWN


def test_what_the_target_lets_the_harness_verify() -> None:
    """A lab everything; another swarm smoke and audit; of drained nodes nothing can be read."""
    lab = one(target.verifies(ground()))
    other = one(target.verifies(ground(preflight=_attached())))
    drained = tuple(
        node(name, availability=Availability.DRAIN if name == W2 else Availability.ACTIVE) for name in NODES
    )
    aside = one(target.verifies(ground(world().told(nodes=drained))))

    assert (lab.state, "release" in lab.told) == (State.OK, True)
    assert (other.state, "--profile smoke" in other.told) == (State.OK, True)
    assert (aside.state, f"{W2} (" in aside.told) == (State.WARN, True)
