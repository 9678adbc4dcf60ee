"""Gossip that is closed is one finding, however long it has been so."""

from __future__ import annotations

from tests.mesh_changes import backends, new_rule
from tests.mesh_mutant import APP2, OV, SBOX, WEB0, WEB1, WEB2, both, fdb
from tests.mesh_spec import ADDRESSES, INGRESS, MANAGER, W1, W2, WEB
from tests.mesh_swarm import World, world

PORT = "--dport 7946 -j DROP"
CLOSED = both(
    new_rule("filter", f"-A INPUT -p tcp -m tcp {PORT}"), new_rule("filter", f"-A INPUT -p udp -m udp {PORT}")
)
TOWARDS_W2 = new_rule("filter", f"-A INPUT -s {ADDRESSES[W2]}/32 -p udp -m udp {PORT}")
FOUND = ("gossip-blocked", W1, "host", "", "")


def lost(held: World) -> World:
    """W1 has lost what leads to W2, and the manager what leads to W1 (web.1 runs on W1, web.2 on W2)."""
    held = held.on(W1, SBOX, backends(WEB.mark(INGRESS, W1), lambda rows: rows.pop(WEB2)))
    held = held.on(W1, OV, fdb(APP2, None))
    return held.on(MANAGER, SBOX, backends(WEB.mark(INGRESS, MANAGER), lambda rows: rows.pop(WEB1)))


def test_rows_that_were_lost_by_closed_gossip_are_counted_with_it() -> None:
    """The cause alone is told, with how much follows from it; the services are still called broken."""
    audit = lost(world().on(W1, "", CLOSED)).audit()

    assert [(one.name, one.subject.node) for one in audit.findings] == [("gossip-blocked", W1)]
    assert "from it 3 more findings follow" in audit.findings[0].sentence
    assert ("web", MANAGER, "broken") in audit.cells


def test_just_closed_it_has_no_consequences_yet() -> None:
    """The sentence says nothing of any."""
    audit = world().on(W1, "", CLOSED).audit()

    assert [one.name for one in audit.findings] == ["gossip-blocked"]
    assert "follow" not in audit.findings[0].sentence


def test_what_is_lost_elsewhere_is_told_beside_it() -> None:
    """The manager lacks a row that leads to W2: W1's gossip has no part in that."""
    held = lost(world().on(W1, "", CLOSED))
    held = held.on(MANAGER, SBOX, backends(WEB.mark(INGRESS, MANAGER), lambda rows: rows.pop(WEB2)))

    assert held.found() == [("missing-ipvs-backend", MANAGER, SBOX, "web", WEB2), FOUND]


def test_closed_towards_one_peer_it_explains_what_lies_between_the_two() -> None:
    """What leads from the manager to W1 is another matter."""
    held = lost(world().on(W1, "", TOWARDS_W2))

    assert held.found() == [
        ("missing-ipvs-backend", MANAGER, SBOX, "web", WEB1),
        ("gossip-blocked", W1, "host", "", ADDRESSES[W2]),
    ]


def test_rows_that_are_too_many_do_not_follow() -> None:
    """Nobody was told to add them."""
    stale = backends(WEB.mark(INGRESS, W1), lambda rows: rows.update({"10.0.0.250": 1}))
    held = world().on(W1, "", CLOSED).on(W1, SBOX, stale)

    assert {one[0] for one in held.found()} == {"gossip-blocked", "stale-ipvs-backend"}
    assert WEB0 not in {one[4] for one in held.found()}
