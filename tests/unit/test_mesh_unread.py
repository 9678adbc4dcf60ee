"""What could not be read is unknown with its reason: never fine, and never a finding."""

from __future__ import annotations

import dataclasses

import pytest

from harness.mesh.findings import Cell
from harness.mesh.kernel import Backend, Kernel, Kind, Namespace, Rules
from harness.mesh.natives import Native
from harness.model import Attachment
from tests.mesh_changes import backends, no_rule, no_service
from tests.mesh_mutant import MARK, OV, SANDBOX1, SBOX, both, rows
from tests.mesh_spec import API, APP, MANAGER, W1, W2, WEB, balancer_name
from tests.mesh_swarm import World, world

LB = balancer_name(APP)
WHY = "no reader for it"
FIELDS = {
    "rules": (),
    "ipvs": (),
    "devices": (),
    "forwarding": (),
    "neighbours": (),
    "routes": (),
    "sysctls": (),
}


def unread(space: Namespace, part: str) -> Namespace:
    """The namespace without a part that could not be read."""
    empty = (Rules(Backend.LEGACY, unread=WHY),) if part == "rules" else ()
    return dataclasses.replace(space, **{part: empty}, unread=((part, WHY),))  # type: ignore[arg-type]  # a field's name


NEEDED = [
    ("", "rules"),
    ("", "devices"),
    ("", "sysctls"),
    *((name, part) for name in (SBOX, LB) for part in ("rules", "ipvs", "devices", "sysctls")),
    *((OV, part) for part in ("devices", "forwarding", "neighbours")),
    *((SANDBOX1, part) for part in ("rules", "devices")),
]


@pytest.mark.parametrize(("name", "part"), NEEDED)
def test_a_part_that_was_not_read_is_unknown(name: str, part: str) -> None:
    """On that node, in that namespace, with the reason, and without a finding of what seems to lack."""
    blind = world().on(W1, name, lambda space: unread(space, part))
    if part == "sysctls" and not name:
        blind = blind.on(W1, name, lambda space: dataclasses.replace(space, sysctls=()))
    result = blind.audit()

    assert result.findings == ()
    assert {(node, place) for node, place, _ in result.unknowns} == {(W1, name or "host")}
    assert all(WHY in why or "was not read" in why for _, _, why in result.unknowns)


def test_routes_are_needed_only_where_the_kernel_did_not_tell_its_choice() -> None:
    """The source towards a peer comes from the kernel itself, or from the routes."""
    blind = world().on(W1, "", lambda space: unread(space, "routes"))
    silent = blind.with_kernel(dataclasses.replace(blind.kernels[W1], facts=()))

    assert blind.audit().unknowns == ()
    assert [(node, place) for node, place, _ in silent.audit().unknowns] == [(W1, "host")]


def test_the_engines_rules_stand_although_the_other_backend_was_not_read() -> None:
    """What is there is compared; that something may be elsewhere stays unknown."""
    dark = Rules(Backend.NFT, unread=WHY)
    healthy = world().on(W1, "", rows(rules=lambda held: (*held, dark)))
    broken = healthy.on(W1, "", both(rows(rules=lambda held: held[:1]), no_rule("-j DNAT")))
    broken = broken.on(W1, "", rows(rules=lambda held: (*held, dark)))

    assert healthy.found() == []
    assert healthy.audit().unknowns == ((W1, "host", f"its nft rules could not be read: {WHY}"),)
    assert broken.found() == [("missing-dnat", W1, "host", "web", "")]


def test_rules_that_may_be_in_an_unread_backend_are_not_missing() -> None:
    """Docker's chains are in none that was read."""
    empty = (Rules(Backend.LEGACY), Rules(Backend.NFT, unread=WHY))
    blind = world().on(W1, "", rows(rules=lambda _: empty)).on(W1, SBOX, rows(rules=lambda _: empty))

    assert blind.found() == []
    assert len(blind.audit().unknowns) == 2


def test_a_node_that_did_not_answer_is_unknown() -> None:
    """With its reason where there is one."""
    healthy = world()
    blind = dataclasses.replace(healthy, kernels={MANAGER: healthy.kernels[MANAGER]})
    result = blind.audit(missing=((W1, "the job was refused"),))

    assert result.findings == ()
    assert result.unknowns == ((W1, "", "the job was refused"), (W2, "", "it did not answer"))
    assert {state for _, node, state in result.cells if node != MANAGER} == {Cell.UNKNOWN}


def test_half_an_answer_is_unknown_as_a_whole() -> None:
    """What did not arrive looks like what is not there: nothing of that node is judged."""
    half = world().without(W1, SBOX, OV, LB).on(W1, SANDBOX1, lambda space: unread(space, "rules"))
    result = half.audit(missing=((W1, "no closing record after 7 records"),))

    assert result.findings == ()
    assert (W1, "", "no closing record after 7 records") in result.unknowns
    assert {state for _, node, state in result.cells if node == W1} == {Cell.UNKNOWN}


def test_a_kernel_without_a_host_namespace_is_unknown() -> None:
    """Nothing is taken for granted of what was not told."""
    healthy = world()
    result = healthy.without(W1, "").audit()

    assert result.findings == ()
    assert (W1, "host", "the host's own network was not read") in result.unknowns


@pytest.mark.parametrize("fact", [("firewall", "nftables"), None])
def test_a_native_nftables_balancer_is_not_supported_yet(fact: tuple[str, str] | None) -> None:
    """Told by the engine, or by a table of its own: nothing is compared on that node."""
    healthy = world()
    kernel = Kernel(
        W1,
        tuple(
            dataclasses.replace(one, ipvs=(), rules=())
            for one in healthy.kernels[W1].namespaces
            if one.kind is not Kind.TASK
        ),
        (fact,) if fact else (),
    )
    native = healthy.with_kernel(kernel)
    result = native.audit(tables={} if fact else {(W1, ""): (Native("ip docker-bridges", "forward"),)})

    assert result.findings == ()
    [(node, place, why)] = result.unknowns
    assert (node, place) == (W1, "")
    assert why.startswith("backend not supported yet: ")
    assert {state for _, name, state in result.cells if name == W1} == {Cell.UNKNOWN}


def test_a_foreign_native_table_that_was_not_read_is_unknown() -> None:
    """It may drop what the mesh sends, and nobody knows."""
    result = world().audit(tables={(W1, ""): (Native("inet firewalld"), Native("ip6 filter"))})

    assert (result.findings, result.remarks) == ((), ())
    assert [(node, place) for node, place, _ in result.unknowns] == [(W1, "host")]
    assert "inet firewalld" in result.unknowns[0][2]


def test_an_ipv6_vip_is_unknown() -> None:
    """The mesh's balancer is IPv4."""
    healthy = world()
    services = tuple(
        dataclasses.replace(one, vips=(*one.vips, Attachment(APP.id, "fd00::9")))
        if one.name == "web"
        else one
        for one in healthy.before.services
    )
    result = healthy.told(services=services).audit()

    assert result.findings == ()
    assert [(place, "IPv6" in why) for _, place, why in result.unknowns] == [("web", True)]


def test_rules_that_nobody_understands_make_the_outcome_unknown() -> None:
    """An ipset may admit the peers before INPUT drops the rest."""
    healthy = world()

    def strict(space: Namespace) -> Namespace:
        held = space.rules[0]
        policies = tuple(
            (table, chain, "DROP" if (table, chain) == ("filter", "INPUT") else policy)
            for table, chain, policy in held.policies
        )
        return dataclasses.replace(space, rules=(dataclasses.replace(held, policies=policies),))

    from tests.mesh_changes import new_rule  # noqa: PLC0415  used here only

    text = "-A INPUT -m set --match-set swarm src -j ACCEPT"
    result = healthy.on(W1, "", both(new_rule("filter", text), strict)).audit()

    assert result.findings == ()
    assert {place for _, place, _ in result.unknowns} == {"host"}
    assert all(text in why for _, _, why in result.unknowns)


def test_a_broken_cell_is_told_before_an_unknown_one() -> None:
    """The table of services and nodes names what is certain."""
    broken = world().on(W1, SBOX, no_service(MARK)).on(W1, LB, lambda space: unread(space, "ipvs"))
    cells = _cells(broken.audit().cells)

    assert cells["web", W1] is Cell.BROKEN
    assert cells["api", W1] is Cell.UNKNOWN
    assert cells["web", W2] is Cell.OK


def test_a_nodes_own_fault_breaks_its_published_services_only() -> None:
    """``api`` is not published: the bridge to the sandboxes does not matter to it."""
    broken: World = world().on(W1, "", no_rule("--src-type LOCAL -j MASQUERADE"))
    cells = _cells(broken.audit().cells)

    assert cells["web", W1] is Cell.BROKEN
    assert cells["api", W1] is Cell.OK


def _cells(cells: tuple[tuple[str, str, Cell], ...]) -> dict[tuple[str, str], Cell]:
    return {(service, node): state for service, node, state in cells}


def test_backends_need_no_sysctls_and_the_other_way_round() -> None:
    """A part that was not read hides no fault of another part."""
    blind = world().on(W1, SBOX, lambda space: unread(space, "sysctls"))
    broken = blind.on(W1, SBOX, no_service(MARK))

    assert [name for name, *_ in broken.found()] == ["missing-ipvs-service"]
    assert WEB.name == broken.found()[0][3]


def test_a_balancer_that_nothing_goes_through_need_not_be_read() -> None:
    """After a reboot an engine may leave the file of a network that has no task there any more."""
    spec = dataclasses.replace(API, networks=(APP,))
    seen = world(spec)
    name = balancer_name(APP)
    left = Namespace(name, Kind.BALANCER, unread=tuple((part, WHY) for part in FIELDS))
    idle = seen.kernels[W2]
    spaces = (*(one for one in idle.namespaces if one.name != name), left)
    result = seen.with_kernel(dataclasses.replace(idle, namespaces=spaces)).audit()

    assert (result.findings, result.unknowns) == ((), ())


@pytest.mark.parametrize("part", ["forwarding", "sysctls", "devices"])
def test_an_idle_balancer_that_was_read_in_part_may_hold_a_stale_row(part: str) -> None:
    """Whatever of it was not asked for or not read: an address that is used again leads there."""
    name = balancer_name(APP)
    kernel = world(API).kernels[W1]
    idle = next(one for one in kernel.namespaces if one.name == name)
    left = unread(both(backends(API.mark(APP, W1), lambda rows: rows.update({"10.0.9.250": 1})))(idle), part)
    spec = dataclasses.replace(API, on=(W2, W2))
    seen = world(spec)
    held = (*seen.kernels[W1].namespaces, left)
    result = seen.with_kernel(dataclasses.replace(seen.kernels[W1], namespaces=held))

    assert ("stale-ipvs-backend", W1, name, "api", "10.0.9.250") in result.found()
