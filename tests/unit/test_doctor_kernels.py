"""Kernels and firewalls as the preflight judges them: ok, warn, stop, unknown."""

from __future__ import annotations

import dataclasses

import pytest

from harness.doctor import kernels
from harness.doctor.lines import State
from harness.errors import Exit
from harness.evidence import Dump
from harness.mesh.kernel import Backend, Namespace, Rules
from tests.doctor_ground import asked, engine, ground, on_worker, one, with_facts
from tests.mesh_rules import rules
from tests.mesh_spec import APP, NODES, W1, Spec
from tests.mesh_swarm import World, world

IDLE = world(Spec("idle", 1, on=(), networks=()))
NONE_OF_IPVS = (
    ("xt_ipvs", "lacks: ipvs"),
    ("ip_vs", "lacks: no /proc/net/ip_vs"),
    ("ip_vs_rr", "lacks: [Errno 92] Protocol not available"),
    ("vxlan", ""),
    ("xt_addrtype", ""),
    ("xt_conntrack", ""),
    ("xt_mark", ""),
    ("nf_nat", ""),
)


def test_kernels_that_work_are_ok() -> None:
    """One line for all of them."""
    line = one(kernels.support(ground()))

    assert (line.state, line.nodes) == (State.OK, tuple(sorted(NODES)))
    assert "ip_vs, ip_vs_rr, xt_ipvs, vxlan" in line.told


def test_a_kernel_without_ip_vs_is_a_stop_in_one_line() -> None:
    """As tried on a host whose kernel has none (6.18, recorded): the swarm is at fault, exit 1."""
    told = {"ipvs": False, "kernel": "6.18.44", "modules": (), "proof": NONE_OF_IPVS}
    found = ground(IDLE.without(W1, "ingress_sbox"), facts=told)

    lines = [line for line in kernels.support(found) if line.state is State.STOP]

    assert len(lines) == 1
    assert lines[0].nodes == (W1,)
    assert lines[0].told.startswith("no ip_vs, ip_vs_rr, xt_ipvs in kernel 6.18.44")
    assert "modules" in lines[0].remedy
    assert lines[0].exit is Exit.REFUTED
    assert "\n" not in lines[0].told


def test_services_with_vips_prove_that_ip_vs_is_missing_where_it_could_not_be_tried() -> None:
    """An engine would have loaded it for them."""
    made = world()
    bare = dataclasses.replace(
        made.kernels[W1],
        namespaces=tuple(dataclasses.replace(space, ipvs=()) for space in made.kernels[W1].namespaces),
    )
    found = ground(made.with_kernel(bare), facts={"ipvs": False, "modules": (), "proof": None})

    line = one(kernels.support(found))

    assert (line.state, line.nodes) == (State.STOP, (W1,))
    assert line.told.startswith("no ip_vs in")


def test_on_an_idle_node_nothing_tells_without_a_trial() -> None:
    """Engines load ip_vs with their first service: its absence before proves nothing."""
    line = one(kernels.support(ground(IDLE, facts={"ipvs": False, "modules": (), "proof": None})))

    assert (line.state, line.exit) == (State.UNKNOWN, Exit.UNKNOWN)
    assert "ip_vs" in line.told


def test_what_works_outweighs_lists_of_modules() -> None:
    """A built-in part may have no entry anywhere."""
    line = one(kernels.support(ground(facts={"modules": (("br_netfilter", "module"),), "proof": None})))

    assert line.state is State.OK


@pytest.mark.parametrize(("version", "state"), [("26.1.5", State.WARN), ("28.3.3", State.OK)])
def test_br_netfilter_is_missed_only_where_engines_load_it_always(version: str, state: State) -> None:
    """From 28 on they do so when they need it."""
    found = ground(world(engine=version), facts={"modules": ()})

    assert one(kernels.support(found)).state is state


def test_encrypted_networks_need_more_of_the_kernel() -> None:
    """xt_bpf, or xt_u32 for older engines."""
    made = world()
    secret = tuple(dataclasses.replace(net, encrypted=net == APP) for net in made.after.networks)

    line = one(kernels.support(ground(made.told(networks=secret))))

    assert line.state is State.WARN
    assert "xt_bpf" in line.told


@pytest.mark.parametrize("judge", [kernels.support, kernels.firewall])
def test_a_node_that_told_nothing_is_unknown_with_the_reason(judge: object) -> None:
    """Never ok."""
    assert callable(judge)
    line = one(judge(ground(missing=((W1, "its task is rejected (invalid mount)"),))))

    assert (line.state, line.nodes, line.exit) == (State.UNKNOWN, (W1,), Exit.UNKNOWN)
    assert line.told == "its task is rejected (invalid mount)"


def test_facts_that_could_not_be_read_are_unknown() -> None:
    """With what kept them from being read."""
    made = on_worker(lambda space: dataclasses.replace(space, unread=(("facts", "garbled"),)))

    line = one(kernels.support(ground(made)))

    assert (line.state, line.told) == (State.UNKNOWN, "facts could not be read: garbled")


def _holding(*found: Rules, unread: tuple[tuple[str, str], ...] = ()) -> World:
    def change(space: Namespace) -> Namespace:
        return dataclasses.replace(space, rules=found, unread=unread)

    return on_worker(change)


LEGACY = rules({"nat": ["-A DOCKER-INGRESS -j RETURN"]})
NFT = rules({"nat": ["-A DOCKER-INGRESS -j RETURN"]}, backend=Backend.NFT)
OTHERS = rules({"filter": ["-A INPUT -j ACCEPT"]}, backend=Backend.NFT)
DARK = Rules(Backend.NFT, unread="the image has no iptables-save")


@pytest.mark.parametrize(
    ("made", "state", "told"),
    [
        (world(), State.OK, "docker's rules are in legacy tables"),
        (_holding(LEGACY, OTHERS), State.OK, "docker's rules are in legacy tables"),
        (_holding(NFT), State.OK, "docker's rules are in nft tables"),
        (_holding(LEGACY, NFT), State.STOP, "docker's rules stand in both legacy and nft tables"),
        (_holding(OTHERS), State.STOP, "no rule of docker's"),
        (_holding(), State.STOP, "no rule of docker's"),
        (_holding(LEGACY, DARK), State.UNKNOWN, "nft: the image has no iptables-save"),
        (_holding(unread=(("rules", "the node told nothing of it"),)), State.UNKNOWN, "told nothing"),
    ],
    ids=["legacy", "beside others", "nft", "both", "only others", "none", "unread", "untold"],
)
def test_the_tables_that_docker_writes(made: World, state: State, told: str) -> None:
    """One kind is well; both, or none, is not; what nobody could read is unknown."""
    line = next(
        line for line in kernels.firewall(ground(made)) if W1 in line.nodes or line.state is not State.OK
    )

    assert line.state is state
    assert told in line.told


def test_an_engine_that_writes_nftables_of_its_own_has_no_swarm() -> None:
    """Told by the node's tables, or by the engine itself (API 1.49)."""
    by_fact = one(kernels.firewall(ground(facts={"firewall": "nftables"})))
    engines = tuple(engine(name, firewall="nftables+firewalld" if name == W1 else "") for name in NODES)
    by_engine = one(kernels.firewall(ground(preflight=asked(engines=engines))))

    for line in (by_fact, by_engine):
        assert (line.state, line.nodes) == (State.STOP, (W1,))
        assert "nftables" in line.told
        assert "firewall-backend" in line.remedy


@pytest.mark.parametrize(
    ("table", "word"), [("inet firewalld", "reload"), ("ip mine", "ip mine")], ids=["firewalld", "another"]
)
def test_tables_of_others_are_worth_a_look(table: str, word: str) -> None:
    """A reload of firewalld flushes what it does not know (moby#50443)."""
    dumps = (Dump(W1, "", "rules-nft", f"# table {table}: not read\n"),)

    line = one(kernels.firewall(ground(dumps=dumps)))

    assert (line.state, line.nodes) == (State.WARN, (W1,))
    assert word in line.told


def test_a_part_is_tried_before_modules_are_believed() -> None:
    """A module may be listed and refuse to work."""
    made = with_facts(
        IDLE.kernels[W1], proof=(("ip_vs", "lacks: it"),), modules=(("ip_vs", "module"),), ipvs=False
    )

    assert kernels.has(made, "ip_vs") is False


def test_what_could_not_be_tried_proves_nothing() -> None:
    """A trial that was not permitted is no absence."""
    tried = (("ip_vs", "untried: [Errno 1] Operation not permitted"),)
    line = one(kernels.support(ground(IDLE, facts={"ipvs": False, "modules": (), "proof": tried})))

    assert line.state is State.UNKNOWN
