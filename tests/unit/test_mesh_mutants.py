"""Every finding of the audit: one change of a healthy swarm's kernels gives exactly that one, no other."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import pytest

from harness.judge.verdict import Finding
from harness.mesh.catalogue import CATALOGUE
from harness.mesh.kernel import Kind, Route
from harness.mesh.natives import Native
from harness.model import Attachment, Port, Service
from tests.mesh_changes import fewer_address, new_rule, no_rule, no_service
from tests.mesh_host_mutants import HOST_MUTANTS
from tests.mesh_inspected import INSPECT_MUTANTS
from tests.mesh_mutant import HOST, LB, MARK, OV, SBOX, VIP, Found, both, rows
from tests.mesh_sandbox_mutants import SANDBOX_MUTANTS
from tests.mesh_spec import ADDRESSES, APP, W1, W2, WEB, balancer_address, task
from tests.mesh_swarm import World, found, world

MUTANTS = HOST_MUTANTS + SANDBOX_MUTANTS
IDS = [f"{number}-{mutant}" for number, mutant in enumerate(MUTANTS)]


@functools.cache
def _findings(number: int) -> tuple[Finding, ...]:
    """What the audit finds of a mutant; both tests of it look at one audit."""
    mutant = MUTANTS[number]
    return world().on(mutant.node, mutant.space, mutant.change).audit().findings


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=IDS)
def test_one_change_gives_its_finding_and_no_other(number: int) -> None:
    """Name, node, namespace, service and address are exact."""
    [finding] = _findings(number)

    assert found(finding) == MUTANTS[number].found
    assert all(word in finding.sentence for word in MUTANTS[number].words)


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=IDS)
def test_a_finding_tells_what_to_do(number: int) -> None:
    """Expected, seen, cause, remedy, modes and a command for that very namespace."""
    [finding] = _findings(number)

    assert finding.modes
    assert all((finding.expected, finding.seen, finding.cause, finding.remedy, finding.command))
    place = finding.subject.namespace
    assert finding.command.startswith(f"nsenter --net=/var/run/docker/netns/{place} ") or place == "host"
    assert "SERVICE" not in finding.remedy or not finding.subject.service


def _whole() -> Iterator[tuple[str, World, Found]]:
    """Faults of more than one namespace, or of a whole one."""
    healthy = world()
    yield "sandbox", healthy.without(W1, SBOX), ("missing-ingress-sandbox", W1, SBOX, "", "")
    yield "lb", healthy.without(W1, LB), ("missing-lb-sandbox", W1, LB, "", "")
    yield "overlay", healthy.without(W1, LB, OV), ("missing-overlay-sandbox", W1, OV, "", "")
    nothing = healthy.on(W1, HOST, no_rule("-j DNAT"))
    nothing = nothing.on(W1, SBOX, both(no_rule("--dport 8080"), no_service(MARK)))
    yield "A11", nothing, ("service-not-programmed", W1, SBOX, "web", VIP)
    nothing = nothing.on(W1, SBOX, both(no_rule(f"-d {VIP}/32"), fewer_address("eth0", VIP)))
    yield "A11 whole", nothing, ("service-not-programmed", W1, SBOX, "web", VIP)
    routed = healthy.with_kernel(
        dataclasses.replace(
            healthy.kernels[W1],
            facts=tuple(
                (name, (("p", ADDRESSES[W2], "192.168.200.99", ""),) if name == "routes" else value)
                for name, value in healthy.kernels[W1].facts
            ),
        )
    )
    yield "C8 told", routed, ("source-address-mismatch", W1, "host", "", ADDRESSES[W2])
    silent = healthy.with_kernel(dataclasses.replace(healthy.kernels[W1], facts=()))
    detour = Route(f"{ADDRESSES[W2]}/32", "eth0", source="192.168.200.99")
    silent = silent.on(W1, HOST, rows(routes=lambda held: (*held, detour)))
    yield "C8 route", silent, ("source-address-mismatch", W1, "host", "", ADDRESSES[W2])
    bare = healthy.without(
        W1, *(one.name for one in healthy.kernels[W1].namespaces if one.kind is not Kind.HOST)
    )
    bare = bare.with_kernel(
        dataclasses.replace(bare.kernels[W1], facts=(("ipvs", False), ("modules", (("vxlan", ""),))))
    )
    yield "B9", bare, ("missing-kernel-support", W1, "host", "", "")


def _networks() -> Iterator[tuple[str, World, Found]]:
    """Faults of a network as a whole, and of one that is encrypted."""
    secret = dataclasses.replace(APP, encrypted=True)
    networks = tuple(secret if one.id == APP.id else one for one in world().before.networks)
    esp = world().told(networks=networks).on(W1, HOST, new_rule("filter", "-A INPUT -p esp -j DROP"))
    yield "C12", esp, ("encrypted-path-blocked", W1, "host", "", "")
    told = world().before
    used = {place.address for one in told.tasks for place in one.addresses}
    used |= {vip.address for one in told.services for vip in one.vips}
    used |= {balancer_address(APP, name) for name in ADDRESSES}
    free = (f"10.0.9.{number}" for number in range(2, 255))
    crowd = Service(
        "crowd", "crowd", "", 1, vips=tuple(Attachment(APP.id, one) for one in free if one not in used)
    )
    stuck = dataclasses.replace(task(WEB, 0), id="stuck", service="crowd", node="", state="new", addresses=())
    full = world().told(services=(*told.services, crowd), tasks=(*told.tasks, stuck))
    yield "F2", full, ("network-full", "", "", "crowd", "")


def test_a_network_with_room_is_not_to_blame_for_a_task_that_waits() -> None:
    """It may wait for a node, a secret, anything."""
    told = world().before
    stuck = dataclasses.replace(task(WEB, 0), id="stuck", node="", state="new", addresses=())

    assert world().told(tasks=(*told.tasks, stuck)).found() == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [pytest.param(*rest, id=name) for name, *rest in (*_whole(), *_networks())],
)
def test_a_deep_cause_stands_alone(changed: World, found: Found) -> None:
    """What follows from it is not told as well."""
    assert changed.found() == [found]


def test_a_table_that_no_reader_lists_has_no_business_in_a_sandbox() -> None:
    """Mode C2's signature: a native nf_tables table in the overlay's namespace."""
    tables = {(W1, OV): (Native("bridge m", "forward", drops=True),), (W1, SBOX): (Native("ip6 filter"),)}
    found = world().found(tables=tables)

    assert found == [("foreign-table", W1, OV, "", "")]


def test_two_ports_one_mark_missing() -> None:
    """Of two ports only the one without its mark is told; the other shows which mark it must be."""
    spec = dataclasses.replace(WEB, ports=(Port(8080, 80), Port(5353, 53, "udp")))
    changed = world(spec).on(W1, SBOX, no_rule("--dport 5353"))

    assert changed.found() == [("missing-mark", W1, SBOX, "web", "")]
    assert "-p udp --dport 5353 -j MARK --set-mark 0x12c" in changed.audit().findings[0].expected


def test_every_finding_has_a_mutant() -> None:
    """The catalogue names nothing that no test has seen."""
    whole = {found[0] for _, _, found in (*_whole(), *_networks())}

    deep = {mutant.name for mutant in INSPECT_MUTANTS}

    assert {mutant.name for mutant in MUTANTS} | whole | deep | {"foreign-table", "missing-ipsec"} == set(
        CATALOGUE
    )
