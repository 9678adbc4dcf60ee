"""Records of the pair jobs become evidence; hostile ones become nothing, and never raise."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence import NameSpan, NameView, Pair, SizeTry, Vantage, Way
from harness.inside import told
from harness.inside.frames import NodeAnswer, assemble
from harness.inside.parse import JobAnswers
from harness.inside.scripts.wire import MARK
from harness.model import Replica

ASKED = (("10.0.1.5", Replica("task1", 1, "m")), ("10.0.1.6", Replica("task2", 2, "w1")))


def answer(node: str, *records: tuple[str, dict[str, Any]]) -> NodeAnswer:
    """A whole answer of these records."""
    found = tuple(
        {"n": n, "node": node, "task": "t", "at": 1.0, "kind": kind, **fields}
        for n, (kind, fields) in enumerate(records)
    )
    return NodeAnswer(node, "t", found, complete=True, lasted=1.0)


def job(*answers: NodeAnswer, **fields: Any) -> JobAnswers:
    """A job with these answers, created at 100 s."""
    return JobAnswers(answers, **{"missing": (), "began": 100.0, "ended": 105.0, **fields})


def test_a_task_answers_for_itself_or_somebody_else_does() -> None:
    """An address belongs to one task: another's name there is foreign; refused is closed, the rest silent."""
    icmp = ("icmp", {"rows": [["10.0.1.5", True, 1, 2.5], ["10.0.1.6", False, 20, 0.0]]})
    asked = ("asked", {"rows": [["10.0.1.5", "ok", "task1", "", 1], ["10.0.1.6", "ok", "task9", "", 2]]})
    refused = ("asked", {"rows": [["10.0.1.5", "refused", "", "", 9]]})

    found = told.pairs(job(answer("m", icmp, asked), answer("w1", refused)), ASKED)

    assert found[:4] == (
        Pair("m", "m", "10.0.1.5", "task1", "icmp", "open", 1, "echo in 2.5 ms"),
        Pair("m", "m", "10.0.1.5", "task1", "tcp", "open", 1, "ok"),
        Pair("m", "w1", "10.0.1.6", "task2", "icmp", "silent", 20, "no echo"),
        Pair("m", "w1", "10.0.1.6", "task2", "tcp", "foreign", 2, "task9 answered"),
    )
    assert [one.state for one in found[4:]] == ["skipped", "closed", "skipped", "skipped"]


def test_what_a_node_did_not_tell_is_skipped_with_the_reason() -> None:
    """No record is no silence of the network."""
    found = told.pairs(job(answer("m"), missing=(("m", "no closing record"),)), ASKED)

    assert {(one.state, one.proof) for one in found} == {("skipped", "no closing record")}


def mesh_of(node: str, own: str, heard: list[str], rows: list[list[Any]]) -> NodeAnswer:
    """What a job's task told of its peers."""
    told_of_self = {"address": own, "heard": [[peer, "udp"] for peer in heard]}
    return answer(node, ("self", told_of_self), ("mesh", {"rows": rows}))


def test_datagrams_that_arrived_tell_one_way_from_the_other() -> None:
    """w1 heard m, m did not hear w1: the way there is open, the way back is not."""
    seen = job(
        mesh_of("m", "10.0.1.100", [], [["10.0.1.101", "", "udp", "silent", "timed out", 4]]),
        mesh_of("w1", "10.0.1.101", ["10.0.1.100", "10.9.9.9"], [["10.0.1.100", "", "udp", "silent", ""]]),
    )

    assert told.ways(seen) == (Way("m", "w1", arrived=True), Way("w1", "m", arrived=False))
    assert told.peers(seen)[0] == Pair("m", "w1", "10.0.1.101", "", "udp", "silent", 4, "timed out")


def test_a_peer_that_calls_itself_otherwise_is_foreign() -> None:
    """Two tasks with one address: F1."""
    seen = job(
        mesh_of("m", "10.0.1.100", [], [["10.0.1.101", "w2", "udp", "open", "echo"]]),
        mesh_of("w1", "10.0.1.101", [], []),
    )

    assert [(one.state, one.proof) for one in told.peers(seen)] == [("foreign", "w2 answered")]


def test_of_half_an_answer_no_way_is_told() -> None:
    """A task that died early heard little."""
    half = NodeAnswer("w1", "t", mesh_of("w1", "10.0.1.101", [], []).records, complete=False, lasted=1.0)

    assert told.ways(job(mesh_of("m", "10.0.1.100", [], []), half)) == ()


def test_payloads_vantages_and_names_are_read_row_by_row() -> None:
    """Rows of another shape, of unknown addresses or words are left out."""
    seen = job(
        answer(
            "m",
            (
                "sizes",
                {
                    "rows": [
                        ["10.0.1.6", "up", 1200, True, 1, 0.01, ""],
                        ["10.9.9.9", "up", 1, True, 1, 0, ""],
                    ]
                },
            ),
            (
                "vantages",
                {
                    "rows": [
                        ["own", "m", "ok", 5, ""],
                        ["own", "m", "refused", 1, "x"],
                        ["moon", "m", "ok", 1, ""],
                    ]
                },
            ),
            ("span", {"rows": [[0.5, 4.5, 80, 1]]}),
            ("views", {"rows": [["10.0.1.5", 0.5, 2.0, 1.9, False], ["10.0.1.6", 0.5, 4.5, -1.0, True]]}),
        ),
        starts=(("m", 101.0),),
    )

    assert told.size_tries(seen, ASKED) == (
        SizeTry("m", "w1", "10.0.1.6", "overlay", "up", 1200, passed=True, tries=1, seconds=0.01),
    )
    assert told.vantages(seen, ["m"]) == (Vantage("own", "m", "m", (("ok", 5), ("refused", 1)), "x"),)
    assert told.spans(seen) == (NameSpan("m", 101.5, 105.5, 80, 1),)
    assert told.views(seen) == (
        NameView("m", "10.0.1.5", 0.5, 2.0, 1.9, held=False),
        NameView("m", "10.0.1.6", 0.5, 4.5, None, held=True),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["10.0.1.5", "10.0.1.6", "ok", "udp", "open", "up", "own", "m"]),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
KIND = st.sampled_from(
    ["icmp", "asked", "mesh", "self", "sizes", "vantages", "span", "views", "ready", "end"]
)
FIELDS = st.dictionaries(
    st.sampled_from(["rows", "address", "heard", "count"]),
    JSON | st.lists(st.lists(JSON, max_size=8), max_size=4),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["m", "w1", "\u202e\n"]), KIND, FIELDS), max_size=5))
def test_hostile_records_never_raise_and_never_pass_for_evidence(
    records: list[tuple[str, str, dict[str, Any]]],
) -> None:
    """Frames whose fields are anything at all."""
    lines = [
        MARK + json.dumps({**fields, "n": n, "node": node, "task": "t", "kind": kind, "at": 1})
        for n, (node, kind, fields) in enumerate(records)
    ]
    seen = job(*assemble(lines).values())

    pairs = (*told.pairs(seen, ASKED), *told.peers(seen))
    tries, vantages = told.size_tries(seen, ASKED), told.vantages(seen, ["m", "w1"])
    spans, views = told.spans(seen), told.views(seen)

    assert {one.state for one in pairs} <= {"open", "closed", "silent", "foreign", "skipped"}
    assert all(0 <= one.tries < 1_000_000 for one in pairs)
    assert all(one.proof.isprintable() and len(one.proof) < 700 for one in pairs)
    assert all(one.direction in {"up", "down"} and one.size > 0 for one in tries)
    assert all(one.asked > 0 and one.detail.isprintable() for one in vantages)
    assert all(one.began <= one.ended for one in spans)
    assert all(one.first <= one.last for one in views)
    assert all(isinstance(way.arrived, bool) for way in told.ways(seen))
