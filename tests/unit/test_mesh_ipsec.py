"""Encrypted networks: a policy and keys towards each peer that shares one, and nothing asked of others."""

from __future__ import annotations

import dataclasses
import json

import pytest

from harness.evidence import Dump, KernelLook
from harness.mesh.findings import Cell
from harness.mesh.kernel import Xfrm
from harness.mesh.observed import kernels
from tests.mesh_mutant import HOST, Change, rows
from tests.mesh_spec import ADDRESSES, API, BACK, MANAGER, NETWORKS, W1, W2, WEB, node
from tests.mesh_swarm import World, world

PEER = ADDRESSES[W2]
SPREAD = dataclasses.replace(API, on=(W1, W2))  # alone on BACK


def secret(*specs: object, network: object = BACK) -> World:
    """A swarm of which a network is encrypted; all is well."""
    made = world(*(specs or (WEB, SPREAD)))  # type: ignore[arg-type]  # specs
    every = tuple(dataclasses.replace(one, encrypted=one is network) for one in NETWORKS)
    return made.told(networks=every)


def without(what: str, **fields: str) -> Change:
    """Without the rows of a kind that have these fields."""

    def gone(row: Xfrm) -> bool:
        return row.what == what and all(getattr(row, name) == value for name, value in fields.items())

    return rows(xfrm=lambda held: tuple(row for row in held if not gone(row)))


def test_a_node_with_its_keys_is_well() -> None:
    """One pair of nodes shares the network: each side is compared once."""
    result = secret().audit()

    assert (result.findings, result.unknowns) == ((), ())
    assert result.counted["ipsec peers"] == 2


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (without("out", destination=PEER), "no policy to it"),
        (without("state", destination=PEER), "no key to it"),
        (without("state", source=PEER), "no key from it"),
        (without("state"), "no key to it and no key from it"),
    ],
    ids=["policy", "to", "from", "flushed"],
)
def test_what_a_node_lacks_towards_a_peer_is_named(change: Change, seen: str) -> None:
    """Mode C12: node, the service of the network, the peer's address; once for each peer."""
    broken = secret().on(W1, HOST, change)

    assert broken.found() == [("missing-ipsec", W1, "host", "api", PEER)]
    [finding] = broken.audit().findings
    assert finding.seen == seen
    assert "back" in finding.expected
    assert finding.modes == ("C12",)
    assert ("api", W1, Cell.BROKEN) in broken.audit().cells


def test_of_several_keys_one_does() -> None:
    """They rotate: two of three may be gone, or not be there yet."""
    few = rows(xfrm=lambda held: tuple(row for row in held if row.spi % 10 < 3 or row.source != PEER))
    one = rows(xfrm=lambda held: (*(row for row in held if row.source != PEER), held[-1]))
    made = secret()

    assert len({row for row in made.kernels[W1].namespaces[0].xfrm if row.source == PEER}) == 3
    assert made.on(W1, HOST, few).found() == made.on(W1, HOST, one).found() == []


def test_with_several_services_nobody_is_singled_out() -> None:
    """The rows belong to the pair of nodes: their networks are named."""
    shared = dataclasses.replace(WEB, networks=(BACK,))
    broken = secret(shared, SPREAD).on(W1, HOST, without("out", destination=PEER))

    assert broken.found() == [("missing-ipsec", W1, "host", "", PEER)]


def test_a_peer_in_transit_is_not_asked_for() -> None:
    """Its task began a moment ago: the engine may not have heard of it."""
    fresh = dataclasses.replace(SPREAD, changed={1: {"state": "starting"}})

    assert secret(WEB, fresh).on(W1, HOST, without("state")).found() == []


def test_plain_networks_need_no_ipsec() -> None:
    """Nothing is compared, nothing is missed, nobody need read it."""
    bare = world(WEB, SPREAD)
    blind = bare.on(W1, HOST, rows(xfrm=lambda _: (), unread=lambda held: (*held, ("xfrm", "not asked"))))

    assert (blind.found(), blind.audit().unknowns) == ([], ())
    assert "ipsec peers" not in blind.audit().counted


def test_what_was_not_read_is_unknown() -> None:
    """On the nodes that share an encrypted network, and on no other."""
    why = ("xfrm", "[Errno 1] Operation not permitted")
    blind = secret()
    for name in (MANAGER, W1):
        blind = blind.on(name, HOST, rows(xfrm=lambda _: (), unread=lambda held: (*held, why)))

    assert blind.found() == []
    assert blind.audit().unknowns == ((W1, "host", f"xfrm could not be read: {why[1]}"),)


def test_a_node_that_is_down_is_no_peer() -> None:
    """Nobody can be held to keys for it."""
    made = secret()
    nodes = tuple(node(one, state="down" if one == W2 else "ready") for one in ADDRESSES)
    gone = dataclasses.replace(made.told(nodes=nodes), kernels={MANAGER: made.kernels[MANAGER]})
    gone = gone.with_kernel(made.kernels[W1]).on(W1, HOST, without("state"))

    assert "missing-ipsec" not in {name for name, *_ in gone.found()}


@pytest.mark.parametrize(
    ("text", "why"),
    [('[{"what":"out"}]', "a row without a text src"), ("{", "no JSON document"), ("[1]", "no list")],
)
def test_garbage_of_ipsec_is_unread(text: str, why: str) -> None:
    """And what a node tells becomes rows."""
    told = json.dumps([{"what": "out", "src": "10.0.0.1", "dst": "10.0.0.2", "spi": 7}])
    look = KernelLook("l", 0.0, 1.0, (Dump("a", "", "xfrm", told), Dump("b", "", "xfrm", text)))
    good, bad = (one.namespaces[0] for one in kernels(look))

    assert good.xfrm == (Xfrm("out", "10.0.0.1", "10.0.0.2", 7),)
    assert why in bad.why("xfrm")
