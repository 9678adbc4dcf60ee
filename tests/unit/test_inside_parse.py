"""Records become evidence: what the nodes told is kept, what they lack is named, garbage is left out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence import Link, RealServer, VirtualServer
from harness.inside import balancers, parse, ways
from harness.inside.frames import NodeAnswer, assemble
from harness.inside.parse import JobAnswers
from harness.inside.scripts.wire import MARK
from harness.model import Outcome, Path

NODES = ("m", "w1", "w2")


def answer(node: str, *records: tuple[str, dict[str, Any]]) -> NodeAnswer:
    """A whole answer of a node."""
    told = tuple(
        {"n": n, "node": node, "task": "t", "at": 1.0, "kind": kind, **fields}
        for n, (kind, fields) in enumerate(records)
    )
    return NodeAnswer(node, "t", told, complete=True, lasted=1.0)


def job(*answers: NodeAnswer, **fields: Any) -> JobAnswers:
    """A job with these answers, created at 100 s."""
    return JobAnswers(answers, **{"missing": (), "began": 100.0, "ended": 105.0, **fields})


def tcp(*rows: list[Any]) -> tuple[str, dict[str, Any]]:
    """What a node says of its connects."""
    return "tcp", {"rows": list(rows)}


def heard(port: int, *rows: list[Any]) -> tuple[str, dict[str, Any]]:
    """What a node saw at its interface."""
    return "heard", {"port": port, "rows": list(rows)}


def states(found: tuple[Link, ...]) -> dict[tuple[str, str, int, str], str]:
    """The state of each link."""
    return {(one.source, one.target, one.port, one.protocol): one.state for one in found}


def test_a_connect_is_proven_by_its_source() -> None:
    """Here m connects to w1 on the gossip port, w1 to m also on the managers' port."""
    seen = job(
        answer("m", tcp(["w1", 7946, "open", "1 ms"])),
        answer("w1", tcp(["m", 7946, "silent", "z"], ["m", 2377, "closed", "refused"])),
    )

    found = states(ways.links(seen, ["m"], ["m", "w1"], 4789))

    assert {key: state for key, state in found.items() if key[3] == "tcp"} == {
        ("m", "w1", 7946, "tcp"): "open",
        ("w1", "m", 7946, "tcp"): "silent",
        ("w1", "m", 2377, "tcp"): "closed",
    }


def test_a_datagram_counts_behind_the_targets_firewall_only() -> None:
    """Packets seen at m's interface that m never acknowledged were dropped there."""
    seen = job(
        answer(
            "m",
            heard(7946, ["w1", True, ""], ["w2", True, ""]),
            heard(4789, ["w1", True, ""], ["w2", False, "3 from 10.9.9.9"]),
            ("acks", {"rows": [["w1", True, False], ["w2", True, True]]}),
            ("echoes", {"rows": [["w1", False, False, 4], ["w2", True, True, 4]]}),
        ),
    )

    found = states(ways.links(seen, ["m"], NODES, 4789))

    assert found["m", "w1", 7946, "udp"] == "open"
    assert found["w1", "m", 7946, "udp"] == "silent"
    assert found["w2", "m", 7946, "udp"] == "open"
    assert found["w1", "m", 4789, "udp"] == "silent"
    assert found["m", "w1", 4789, "udp"] == "skipped"
    assert (found["w2", "m", 4789, "udp"], found["m", "w2", 4789, "udp"]) == ("open", "open")


def test_a_nodes_peers_speak_for_it() -> None:
    """A drained node runs no job, yet its acknowledgements and echoes prove its links both ways."""
    seen = job(
        answer("m", ("acks", {"rows": [["w1", True, True]]}), ("echoes", {"rows": [["w1", True, True, 1]]})),
        skipped=(("w1", "availability is drain"),),
    )

    found = states(ways.links(seen, [], ["m", "w1"], 4789))

    assert {state for key, state in found.items() if key[3] == "udp"} == {"open"}


def test_where_no_node_shows_such_proof_arrival_has_to_do() -> None:
    """Acknowledgements of another length, or no known endpoint: the traffic seen is all there is."""
    gossip = heard(7946, ["w1", True, ""], ["w2", False, "2 from 10.9.9.9"])
    seen = job(answer("m", gossip, heard(4789, ["w1", True, ""])))

    links = ways.links(seen, [], NODES, 4789)

    assert states(links)["w1", "m", 7946, "udp"] == "open"
    assert states(links)["w1", "m", 4789, "udp"] == "open"
    assert next(one.proof for one in links if one.state == "silent") == (
        "nothing arrived; from other addresses: 2 from 10.9.9.9"
    )


def test_a_link_whose_witness_is_missing_is_skipped_with_the_reason() -> None:
    """A drained node runs no job: what only it could tell is not known, and says why."""
    seen = job(answer("m"), skipped=(("w1", "availability is drain"),))

    links = ways.links(seen, ["m"], ["m", "w1"], 4789)

    assert {one.state for one in links} == {"skipped"}
    assert {one.proof for one in links if one.source == "w1" and one.protocol == "tcp"} == {
        "availability is drain"
    }
    assert {one.proof for one in links if one.target == "w1" and one.protocol == "udp"} == {
        "availability is drain"
    }


def test_an_echo_over_the_overlay_proves_the_data_path_both_ways() -> None:
    """A silent data path is open if an answer came through it; a closed port stays closed."""
    links = (
        Link("m", "w1", 4789, "udp", "silent"),
        Link("w1", "m", 4789, "udp", "skipped"),
        Link("m", "w2", 4789, "udp", "silent"),
        Link("m", "w1", 7946, "udp", "silent"),
    )
    echoes = (Link("m", "w1", 0, "udp", "open", "2 ms"), Link("m", "w2", 0, "udp", "silent"))

    found = [link.state for link in ways.with_mesh(links, echoes, 4789)]

    assert found == ["open", "open", "silent", "silent"]


def test_a_silent_peer_of_the_mesh_is_known_by_the_address_it_told() -> None:
    """w1 never answered m, but told its own address."""
    seen = job(
        answer("m", ("mesh", {"rows": [["10.0.1.7", "", "udp", "silent", "timed out"]]})),
        answer(
            "w1",
            ("self", {"address": "10.0.1.7"}),
            ("mesh", {"rows": [["10.0.1.6", "m", "udp", "open", "ok"]]}),
        ),
    )

    found = {(one.source, one.target, one.protocol): one.state for one in ways.mesh(seen, ["m", "w1"])}

    assert found == {
        ("m", "w1", "udp"): "silent",
        ("m", "w1", "tcp"): "skipped",
        ("w1", "m", "udp"): "open",
        ("w1", "m", "tcp"): "skipped",
    }


def test_a_table_told_in_parts_is_one_virtual_server() -> None:
    """Long tables come in several rows; node, namespace and mark put them together."""
    rows = [[256, "rr", [["10.0.0.5", 1, 0, 3]]], [256, "rr", [["10.0.0.6", 0, 0, 0], ["bad", 1, 0, 0], 7]]]
    seen = job(answer("m", ("ipvs", {"ns": "ingress_sbox", "rows": rows})))

    assert balancers.servers(seen) == (
        VirtualServer(
            "m", "ingress_sbox", 256, "rr", (RealServer("10.0.0.5", 1, 0, 3), RealServer("10.0.0.6", 0, 0, 0))
        ),
    )


def test_tables_that_nobody_could_read_are_named() -> None:
    """Trouble, unread marks and silence about namespaces are reasons, not empty tables."""
    seen = job(
        answer(
            "m",
            ("namespaces", {"names": []}),
            ("marks", {"ns": "ingress_sbox", "rows": [], "why": "no reader"}),
        ),
        answer("w1", ("trouble", {"about": "tables", "ns": "lb_x", "text": "denied"})),
        answer("w2"),
    )

    reasons = dict(balancers.unread_tables(seen))

    assert "no reader" in reasons["m"]
    assert "denied" in reasons["w1"]
    assert "told nothing" in reasons["w2"]


def test_samples_are_placed_on_our_clock_in_its_order() -> None:
    """Two nodes whose scripts began at different times: offsets count from each one's own begin."""
    rows = [[0, 0.5, 0.6, "ok", "t1", ""], [1, 0.6, 2.6, "read-timeout", "", "0 bytes"]]
    record = ("samples", {"path": "localhost", "rows": rows})
    seen = job(answer("m", record), answer("w1", record), starts=(("m", 101.0), ("w1", 101.05)))

    found = parse.samples(seen, Path.LOCALHOST)

    assert [(one.seq, one.entry, one.outcome) for one in found] == [
        (0, "m", Outcome.OK),
        (1, "w1", Outcome.OK),
        (2, "m", Outcome.READ_TIMEOUT),
        (3, "w1", Outcome.READ_TIMEOUT),
    ]
    assert found[0].began == 101.5
    assert abs(found[3].ended - 103.65) < 1e-9
    assert parse.samples(seen, Path.VIP) == ()


def test_names_are_addresses_sorted_and_the_error() -> None:
    """What is no address is left out; the last answer to a name counts."""
    records: list[tuple[str, dict[str, Any]]] = [
        ("name", {"name": "web", "addresses": [], "error": "NXDOMAIN"}),
        ("name", {"name": "web", "addresses": ["10.0.1.9", "10.0.1.2", "x", 5], "error": ""}),
    ]

    (found,) = parse.names(job(answer("m", *records)))

    assert (found.node, found.name, found.addresses, found.error) == (
        "m",
        "web",
        ("10.0.1.2", "10.0.1.9"),
        "",
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KIND = st.sampled_from(
    "hello tcp heard acks echoes mesh self ipvs marks namespaces samples name trouble".split()  # noqa: SIM905  a list of words
)
FIELDS = st.dictionaries(
    st.sampled_from(
        ["rows", "ns", "path", "name", "addresses", "error", "about", "text", "why", "kernel", "names"]
    ),
    JSON | st.lists(st.lists(JSON, max_size=7), max_size=4) | st.sampled_from(["localhost", "tables"]),
)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.text(max_size=8), KIND, FIELDS), max_size=4))
def test_hostile_records_never_raise_and_never_pass_for_evidence(
    told: list[tuple[str, str, dict[str, Any]]],
) -> None:
    """Frames whose fields are anything at all: every parser lives, and texts are printable and bounded."""
    lines = [
        MARK + json.dumps({**fields, "n": n, "node": node, "task": "t", "kind": kind, "at": 1})
        for n, (node, kind, fields) in enumerate(told)
    ]
    seen = job(*assemble(lines).values())

    links = (*ways.links(seen, ["m"], NODES, 4789), *ways.mesh(seen, NODES))
    texts = [link.proof for link in links]
    texts += [
        why
        for _, why in (*balancers.unread_tables(seen), *parse.kernels(seen), *parse.troubles(seen.answers))
    ]
    texts += [one.replica + one.detail for one in parse.samples(seen, Path.LOCALHOST)]
    texts += [one.name + one.error for one in parse.names(seen)]

    assert all(text.isprintable() and len(text) < 1000 for text in texts)
    assert {link.state for link in links} <= {"open", "closed", "silent", "skipped"}
    assert all(parse.is_address(row.address) for server in balancers.servers(seen) for row in server.servers)
    assert all(isinstance(mark[4], int) for mark in balancers.marks(seen))
