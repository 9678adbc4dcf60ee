"""Recorded kernels become the values that are in them; what was not told is unread, never absent."""

from __future__ import annotations

import dataclasses
import json

import pytest

from harness.evidence import Dump, KernelLook
from harness.mesh.kernel import (
    Backend,
    Device,
    ForwardingEntry,
    Kernel,
    Kind,
    MarkService,
    Namespace,
    Neighbour,
    RealServerRow,
    Route,
    Rules,
)
from harness.mesh.observed import kernels, kind_of
from tests.recorded import recorded

WHOAMI = tuple(f"10.0.0.{host}" for host in (86, 89, 87, 90, 88, 91))


def _kernel(look: str) -> Kernel:
    (found,) = kernels(recorded(look))
    return found


def _the(look: str, kind: Kind) -> Namespace:
    found = _kernel(look).the(kind)
    assert found
    return found


def _servers(*addresses: str) -> tuple[RealServerRow, ...]:
    return tuple(RealServerRow(address, 1, "Masq") for address in addresses)


def test_the_namespaces_of_a_node() -> None:
    """Their kinds by name, the host's first; a whole recording leaves only unread what was not asked for."""
    found = _kernel("healthy")

    assert found.node == "swarm-worker1"
    assert [(space.name, space.kind) for space in found.namespaces] == [
        ("", Kind.HOST),
        ("1-k8tgakdk04", Kind.OVERLAY),
        ("1-sgiqka8iua", Kind.OVERLAY),
        ("8b73158818df", Kind.TASK),
        ("c77c61306d5e", Kind.TASK),
        ("ingress_sbox", Kind.INGRESS),
        ("lb_sgiqka8iu", Kind.BALANCER),
    ]
    assert {part for space in found.namespaces for part, _ in space.unread} == {"xfrm"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("default", Kind.OTHER),
        ("lb_", Kind.OTHER),
        ("10-k8tgakdk04", Kind.OVERLAY),
        ("1-K8TGAKDK04", Kind.OTHER),
        ("8b73158818df\n", Kind.OTHER),
        ("8b73158818dfa", Kind.OTHER),
        ("x1-k8tgakdk04", Kind.OTHER),
        ("ingress_sbox2", Kind.OTHER),
    ],
)
def test_names_that_only_resemble_others(name: str, kind: Kind) -> None:
    """``default`` is the host's own network, bound there for tasks that use it."""
    assert kind_of(name) is kind


@pytest.mark.parametrize("look", ["healthy", "healthy-nft"])
def test_the_way_of_a_published_port(look: str) -> None:
    """Steps 1 to 4 on the host, then the marks and the source address of the ingress, in either backend."""
    host, ingress = _the(look, Kind.HOST), _the(look, Kind.INGRESS)

    assert [
        (rule.protocol, rule.dport, rule.target, rule.to) for rule in host.all_of("nat", "DOCKER-INGRESS")
    ] == [
        ("tcp", 8081, "DNAT", "172.18.0.2:8081"),
        ("tcp", 8080, "DNAT", "172.18.0.2:8080"),
        ("", None, "RETURN", ""),
    ]
    assert [
        (rule.dport, rule.sport, rule.states, rule.target) for rule in host.all_of("filter", "DOCKER-INGRESS")
    ] == [
        (8081, None, (), "ACCEPT"),
        (None, 8081, ("ESTABLISHED", "RELATED"), "ACCEPT"),
        (8080, None, (), "ACCEPT"),
        (None, 8080, ("ESTABLISHED", "RELATED"), "ACCEPT"),
        (None, None, (), "RETURN"),
    ]
    masquerade = host.all_of("nat", "POSTROUTING")[0]
    assert (masquerade.out_interface, masquerade.src_type) == ("docker_gwbridge", "LOCAL")
    assert [rule.target for rule in host.all_of("nat", "PREROUTING")] == ["DOCKER-INGRESS", "DOCKER"]
    assert [rule.dst_type for rule in host.all_of("nat", "PREROUTING")] == ["LOCAL", "LOCAL"]
    assert [(rule.dport, rule.mark) for rule in ingress.all_of("mangle", "PREROUTING")] == [
        (8080, 0x121),
        (8081, 0x122),
    ]
    assert [(rule.destination, rule.mark) for rule in ingress.all_of("mangle", "INPUT")] == [
        ("10.0.0.85/32", 0x121),
        ("10.0.0.92/32", 0x122),
    ]
    source = ingress.all_of("nat", "POSTROUTING")[1]
    assert (source.destination, source.ipvs, source.target, source.to) == (
        "10.0.0.0/24",
        True,
        "SNAT",
        "10.0.0.4",
    )


@pytest.mark.parametrize("look", ["healthy", "healthy-nft", "deploying"])
def test_every_word_that_docker_wrote_is_understood(look: str) -> None:
    """Otherwise a rule of docker's would seem narrower than it is."""
    rules = [rule for space in _kernel(look).namespaces for rules in space.rules for rule in rules.rules]

    assert len(rules) > 40
    assert [rule.text for rule in rules if rule.others] == []


def test_both_backends_tell_the_same() -> None:
    """Only the order of tables and the counters differ."""
    told = []
    for look, backend in (("healthy", Backend.LEGACY), ("healthy-nft", Backend.NFT)):
        spaces = _kernel(look).namespaces
        assert {rules.backend for space in spaces for rules in space.rules} == {backend}
        told.append(
            {
                (space.name, *dataclasses.astuple(dataclasses.replace(rule, packets=0)))
                for space in spaces
                for rules in space.rules
                for rule in rules.rules
            }
        )

    assert told[0] == told[1]


def test_balancers_and_their_aliases() -> None:
    """Each VIP is an address of its balancer, and each mark leads to the tasks' addresses there."""
    ingress, own = _the("healthy", Kind.INGRESS), _the("healthy", Kind.BALANCER)

    assert ingress.ipvs == (
        MarkService(0x121, "rr", _servers(*WHOAMI)),
        MarkService(0x122, "rr", _servers("10.0.0.94", "10.0.0.93")),
    )
    assert own.ipvs == (
        MarkService(0x120, "rr", _servers(*(f"10.0.9.{host}" for host in (3, 6, 4, 7, 5, 8)))),
    )
    assert {"10.0.0.4", "10.0.0.85", "10.0.0.92", "172.18.0.2"} <= ingress.own
    assert {"10.0.9.9", "10.0.9.2"} <= own.own
    assert ingress.sysctls == (
        ("net.ipv4.vs.conntrack", "1"),
        ("net.ipv4.vs.expire_nodest_conn", "1"),
        ("net.ipv4.vs.conn_reuse_mode", "0"),
        ("net.ipv4.ip_forward", "1"),
    )


def test_an_overlay() -> None:
    """The vxlan device, and a forwarding entry and a neighbour for every remote end; none for those here."""
    overlay = _kernel("healthy").named("1-k8tgakdk04")
    assert overlay
    remote = {2: 10, 3: 12, 86: 10, 87: 12, 89: 10, 90: 12, 93: 10, 94: 12}  # task or sandbox: node

    assert [device for device in overlay.devices if device.kind == "vxlan"] == [
        Device(
            "vxlan0",
            up=True,
            mtu=1450,
            mac="0a:7d:01:8c:8f:fd",
            kind="vxlan",
            master="br0",
            vni=4096,
            port=4789,
        )
    ]
    assert set(overlay.forwarding) == {
        ForwardingEntry(f"02:42:0a:00:00:{end:02x}", "vxlan0", f"192.168.200.{node}", "permanent")
        for end, node in remote.items()
    }
    assert set(overlay.neighbours) == {
        Neighbour(f"10.0.0.{end}", "vxlan0", f"02:42:0a:00:00:{end:02x}", ("PERMANENT",)) for end in remote
    }
    assert overlay.rules == ()
    assert overlay.routes == (Route("10.0.0.0/24", "br0", source="10.0.0.1"),)


@pytest.mark.parametrize("look", ["healthy", "healthy-nft"])
def test_a_task(look: str) -> None:
    """Published to target port, and nothing but the target port from the ingress network."""
    task = _kernel(look).named("8b73158818df")
    assert task
    (redirect,) = task.all_of("nat", "PREROUTING")

    assert (redirect.destination, redirect.protocol, redirect.dport) == ("10.0.0.91/32", "tcp", 8080)
    assert (redirect.target, redirect.to) == ("REDIRECT", "80")
    assert [
        (rule.protocol, rule.dport, rule.states, rule.target) for rule in task.all_of("filter", "INPUT")
    ] == [
        ("tcp", 80, ("ESTABLISHED", "NEW"), "ACCEPT"),
        ("sctp", None, (), "DROP"),
        ("udp", None, (), "DROP"),
        ("tcp", None, (), "DROP"),
    ]
    assert Route("default", "eth2", "172.18.0.1") in task.routes
    assert {("10.0.0.91", 24), ("10.0.9.8", 24)} <= {
        address for device in task.devices for address in device.addresses
    }


def test_the_midst_of_a_deployment() -> None:
    """The alias came before the mark and the real servers; counters are those of the rules."""
    ingress, host = _the("deploying", Kind.INGRESS), _the("deploying", Kind.HOST)

    assert "10.0.0.85" in ingress.own
    assert (ingress.ipvs, ingress.all_of("mangle", "PREROUTING")) == ((), ())
    assert ("mangle", "PREROUTING", "ACCEPT") in ingress.rules[0].policies
    assert [rule.packets for rule in host.all_of("nat", "PREROUTING")] == [8080, 5634]
    assert _the("deploying", Kind.BALANCER).ipvs == (
        MarkService(0x120, "rr", _servers("10.0.9.5", "10.0.9.8")),
    )


def test_facts_are_plain_values_in_order() -> None:
    """The recording holds the names of modules; others may be numbers and texts, or hold further ones."""
    facts = dict(_kernel("healthy").facts)
    told = json.dumps(
        {"release": "6.12.48", "conntrack": {"max": 9, "count": 2}, "modules": ["vxlan", "ip_vs"]}
    )
    (mine,) = kernels(KernelLook("k", 0, 1, (Dump("m", "", "facts", told),)))

    modules = facts["modules"]
    assert isinstance(modules, tuple)
    assert {"ip_vs", "ip_vs_rr", "vxlan", "xt_ipvs"} <= set(modules)
    assert mine.facts == (
        ("conntrack", (("count", 2), ("max", 9))),
        ("modules", ("vxlan", "ip_vs")),
        ("release", "6.12.48"),
    )


@pytest.mark.parametrize("depth", [300, 500, 900, 100_000])
def test_facts_without_end(depth: int) -> None:
    """They are told as they are or unread, wherever the interpreter's limit is."""
    text = '{"a":' * depth + "1" + "}" * depth
    (mine,) = kernels(KernelLook("k", 0, 1, (Dump("m", "", "facts", text),)))

    assert bool(mine.facts) != bool(mine.namespaces[0].why("facts"))


def test_what_was_not_told_is_unread() -> None:
    """A part in trouble, one that is garbage, and those without a dump: each with its reason."""
    look = KernelLook(
        "kernels-1", 0.0, 1.0,
        (
            Dump("w1", "", "rules-legacy", "", "no iptables-legacy-save"),
            Dump("w1", "", "rules-nft", ""),
            Dump("w1", "", "ipvs", "", "Permission denied"),
            Dump("w1", "", "addr", "[{"),
            Dump("w1", "", "fdb", "[]"),
            Dump("w1", "", "sysctl", "net.ipv4.ip_forward = 1\nsysctl: permission denied\n"),
            Dump("w1", "", "facts", "[]"),
        ),
        missing=(("w1", "the answer broke off"),),
    )  # fmt: skip
    (host,) = kernels(look)[0].namespaces

    assert host.rules == (Rules(Backend.LEGACY, unread="no iptables-legacy-save"),)
    assert dict(host.unread) == {
        "facts": "facts are no JSON object",
        "rules": "legacy: no iptables-legacy-save",
        "ipvs": "Permission denied",
        "devices": host.why("devices"),
        "neighbours": "the answer broke off",
        "routes": "the answer broke off",
        "xfrm": "the answer broke off",
        "sysctls": "no sysctl and its value: 'sysctl: permission denied'",
    }
    assert host.why("devices").startswith("no JSON document: ")
    assert (host.why("forwarding"), host.forwarding) == ("", ())


def test_nodes_are_in_order_and_silent_ones_have_no_kernel() -> None:
    """A node that told nothing at all is for the look to name."""
    look = KernelLook(
        "k", 0, 1, (Dump("b", "", "ipvs", ""), Dump("a", "x", "ipvs", "")), missing=(("c", "gone"),)
    )

    assert [kernel.node for kernel in kernels(look)] == ["a", "b"]
    assert kernels(look)[0].facts == ()
