"""Recorded kernels of a lab, of both backends, held against what the manager said then; mutants as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from harness.evidence.mesh import Dump, KernelLook, Truth
from harness.judge.verdict import State, Verdict
from harness.mesh.verdict import tables_agree
from harness.model import Attachment, Availability, Network, Node, Port, Role, Service, Task

recordings: Any = pytest.importorskip("tests.recorded", reason="the recordings come with the parsers")

MANAGER, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
INGRESS = Network("k8tgakdk04vv", "ingress", "overlay", "swarm", ("10.0.0.0/24",), ingress=True, vnis=(4096,))
APP = Network("sgiqka8iuavv", "app", "overlay", "swarm", ("10.0.9.0/24",), vnis=(4105,))
WHOAMI = ((MANAGER, 86, 3), (MANAGER, 89, 6), (W2, 87, 4), (W2, 90, 7), (W1, 88, 5), (W1, 91, 8))
OTHER = ((MANAGER, 93), (W2, 94))
BOTH = ("healthy", "healthy-nft")
SBOX, LB, OV = "ingress_sbox", "lb_sgiqka8iu", "1-sgiqka8iua"
RULES = ("rules-legacy", "rules-nft")
STALE = "  -> 0A0000FA:0000      Masq    1      0          0"
MARK = "[0:0] -A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x7777/0xffffffff"
Edit = Callable[[str], str]


def node(name: str, last: int) -> Node:
    """A node of the lab."""
    role = Role.MANAGER if name == MANAGER else Role.WORKER
    address = f"192.168.200.{last}"
    return Node(f"id-{name}", name, role, Availability.ACTIVE, "ready", address, engine="26.1.5+dfsg1")


def told(name: str, at: float, state: str = "running") -> Truth:
    """What the manager said of whoami and of another service."""
    since = 1.0 if state == "running" else 999.0

    def task(key: str, service: str, where: str, *places: tuple[Network, int]) -> Task:
        addresses = tuple(
            Attachment(net.id, f"{net.subnets[0].rpartition('.')[0]}.{host}") for net, host in places
        )
        return Task(key, service, f"id-{where}", 1, "running", state, addresses=addresses, since=since)

    tasks = [task(f"w{at}", "w", where, (INGRESS, a), (APP, b)) for at, (where, a, b) in enumerate(WHOAMI)]
    tasks += [task(f"o{at}", "o", where, (INGRESS, a)) for at, (where, a) in enumerate(OTHER)]
    vips = (Attachment(INGRESS.id, "10.0.0.85"), Attachment(APP.id, "10.0.9.2"))
    services = (
        Service("w", "whoami", "image", 6, (Port(8080, 80),), vips),
        Service("o", "other", "image", 3, (Port(8081, 80),), (Attachment(INGRESS.id, "10.0.0.92"),)),
    )
    nodes = (node(MANAGER, 10), node(W1, 11), node(W2, 12))
    return Truth(name, at, 1000.0 + at, nodes, services, (INGRESS, APP), tuple(tasks))


def judged(look: KernelLook, state: str = "running") -> Verdict:
    """The verdict on a look, between two truths that say the same."""
    return tables_agree(look, told("before", 50.0, state), told("after", 150.0, state))


def edited(look: KernelLook, space: str, whats: tuple[str, ...], edit: Edit) -> KernelLook:
    """The look with a text replaced; it must have changed."""

    def change(dump: Dump) -> Dump:
        mine = dump.namespace == space and dump.what in whats
        return dataclasses.replace(dump, text=edit(dump.text)) if mine else dump

    made = dataclasses.replace(look, dumps=tuple(change(dump) for dump in look.dumps))
    assert made != look
    return made


def without(*words: str) -> Edit:
    """Without the lines that hold all these words."""
    return lambda text: "".join(
        line for line in text.splitlines(keepends=True) if not all(word in line for word in words)
    )


def after(table: str, line: str) -> Edit:
    """With a line at the end of a table."""

    def edit(text: str) -> str:
        at = text.find(f"*{table}\n")
        end = text.find("COMMIT", at)
        return text if at < 0 else f"{text[:end]}{line}\n{text[end:]}"

    return edit


@pytest.mark.parametrize("name", BOTH)
def test_a_recorded_worker_at_rest_gives_no_finding(name: str) -> None:
    """All that is unknown is what the recording does not hold."""
    verdict = judged(recordings.recorded(name))

    assert verdict.findings == ()
    assert verdict.state is State.UNKNOWN
    assert verdict.sentence == (
        f"{MANAGER}: it is not in this recording; {W2}: it is not in this recording; "
        f"{W1}, host: net.ipv4.conf.docker_gwbridge.route_localnet was not read"
    )
    assert verdict.numbers["backends"] == 14
    assert verdict.numbers["marks"] == 5


def test_a_deployment_gives_no_finding() -> None:
    """Seven seconds earlier: a VIP without its port, a balancer with two replicas of six."""
    assert judged(recordings.recorded("deploying"), "starting").findings == ()


MUTANTS: tuple[tuple[str, str, tuple[str, ...], Edit, str, str], ...] = (
    ("missing-dnat", "", RULES, without("-j DNAT", "8080"), "whoami", ""),
    ("missing-ingress-jump", "", RULES, without("-A PREROUTING", "DOCKER-INGRESS"), "", ""),
    ("missing-ingress-jump", "", RULES, without("-A OUTPUT", "DOCKER-INGRESS"), "", ""),
    ("missing-ingress-accept", "", RULES, without("--dport 8081", "ACCEPT"), "other", ""),
    ("missing-masquerade", "", RULES, without("--src-type LOCAL", "MASQUERADE"), "", ""),
    ("flushed-rules", "", RULES, without("-A DOCKER-INGRESS"), "", ""),
    (
        "data-path-blocked",
        "",
        RULES,
        after("filter", "[0:0] -A INPUT -p udp -m udp --dport 4789 -m length --length 1300:65535 -j DROP"),
        "",
        "",
    ),
    (
        "gossip-blocked",
        "",
        RULES,
        after("filter", "[0:0] -A OUTPUT -d 192.168.200.12/32 -p udp -m udp --dport 7946 -j REJECT"),
        "",
        "192.168.200.12",
    ),
    ("missing-mark", SBOX, RULES, without("--dport 8080", "MARK"), "whoami", ""),
    (
        "conflicting-marks",
        SBOX,
        RULES,
        after("mangle", MARK),
        "whoami",
        "",
    ),
    ("missing-vip-mark", LB, RULES, without("10.0.9.2/32", "MARK"), "whoami", "10.0.9.2"),
    ("missing-snat", SBOX, RULES, without("-j SNAT --to-source 10.0.0.4"), "", ""),
    ("missing-ipvs-backend", SBOX, ("ipvs",), without("0A000059"), "whoami", "10.0.0.89"),
    (
        "stale-ipvs-backend",
        SBOX,
        ("ipvs",),
        lambda text: text.replace("  -> 0A00005E:", f"{STALE}\n  -> 0A00005E:"),
        "other",
        "10.0.0.250",
    ),
    (
        "starved-ipvs-backend",
        LB,
        ("ipvs",),
        lambda text: text.replace("0A000904:0000      Masq    1", "0A000904:0000      Masq    0"),
        "whoami",
        "10.0.9.4",
    ),
    (
        "ipvs-conntrack-off",
        SBOX,
        ("sysctl",),
        lambda text: text.replace("conntrack = 1", "conntrack = 0"),
        "",
        "",
    ),
    (
        "wrong-neighbour",
        OV,
        ("neigh",),
        lambda text: text.replace("02:42:0a:00:09:07", "02:42:de:ad:be:ef"),
        "whoami",
        "10.0.9.7",
    ),
)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{at}-{one[0]}" for at, one in enumerate(MUTANTS)])
def test_a_mutant_as_text_is_named(
    name: str, mutant: tuple[str, str, tuple[str, ...], Edit, str, str]
) -> None:
    """Through parser and audit, in either backend: node, namespace, service and address are exact."""
    finding, space, whats, edit, service, address = mutant
    verdict = judged(edited(recordings.recorded(name), space, whats, edit))
    [found] = verdict.findings

    assert verdict.state is State.REFUTED
    assert (found.name, found.subject.node, found.subject.namespace) == (finding, W1, space or "host")
    assert (found.subject.service, found.subject.address) == (service, address)
