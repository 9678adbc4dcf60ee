"""Frames: what was told whole is taken, everything else is named or left out."""

from __future__ import annotations

import json
import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inside.frames import assemble, frame
from harness.inside.scripts.wire import LONGEST, MARK, Wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def told(*records: tuple[str, dict[str, object]], node: str = "n1", task: str = "t1") -> list[str]:
    """The lines that a script writes for these records, with the closing one."""
    reading, writing = os.pipe()
    wire = Wire(node, task, out=writing)
    for kind, fields in records:
        wire.send(kind, **fields)
    wire.close()
    os.close(writing)
    with os.fdopen(reading) as file:
        return file.read().splitlines()


def test_what_a_script_sends_comes_back_whole() -> None:
    """Records keep their order and fields; the closing record is not one of them."""
    lines = told(("hello", {"kernel": "6.12"}), ("tcp", {"rows": [["a", 1]]}))

    answer = assemble(lines)["n1"]

    assert answer.complete
    assert [record["kind"] for record in answer.records] == ["hello", "tcp"]
    assert answer.of("tcp")[0]["rows"] == [["a", 1]]
    assert answer.lasted >= 0


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(), extra=st.lists(st.text(), max_size=5))
def test_order_repetition_and_noise_change_nothing(seed: int, extra: list[str]) -> None:
    """The log is read more than once, and other lines may stand between ours."""
    lines = told(("a", {"x": 1}), ("b", {"x": 2}), ("c", {"x": 3}))
    mixed = [*lines, *lines[:2], *extra]
    random.Random(seed).shuffle(mixed)  # noqa: S311  a seeded order, no secret

    answer = assemble(mixed)["n1"]

    assert answer.complete
    assert [record["x"] for record in answer.records] == [1, 2, 3]


@settings(deadline=None, max_examples=60)
@given(lost=st.integers(0, 3))
def test_a_lost_line_makes_the_answer_incomplete(lost: int) -> None:
    """The closing record's count tells that one is lacking; without it, that is the reason."""
    lines = told(("a", {}), ("b", {}), ("c", {}))
    del lines[lost]

    answer = assemble(lines)["n1"]

    assert not answer.complete
    assert ("no closing record" if lost == 3 else "2 of 3 records") in answer.lacking


@settings(deadline=None, max_examples=60)
@given(cut=st.integers(0, 200))
def test_a_torn_line_is_no_frame(cut: int) -> None:
    """A line that was cut anywhere is left out, never half read."""
    line = told(("a", {"text": "x" * 50}))[0]

    assert frame(line[: min(cut, len(line) - 1)]) is None


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_a_frame_of_anything_is_sound_or_none(value: object) -> None:
    """Whatever JSON stands behind the mark, only a record with its four fields is taken."""
    found = frame(MARK + json.dumps(value))

    assert found is None or {"n", "node", "task", "kind", "at"} <= set(found)


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_garbage_gives_no_frame_and_no_error(text: str) -> None:
    """Log lines of others never raise."""
    assert frame(text) is None or MARK in text
    assert frame(MARK + text) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n", -1),
        ("n", True),
        ("n", 10**9),
        ("at", float("nan")),
        ("at", 10**400),
        ("at", "1"),
        ("node", 3),
        ("kind", None),
    ],
)
def test_a_record_with_a_wrong_field_is_left_out(key: str, value: object) -> None:
    """Each of the fields that order and place a record must be of its kind."""
    good = {"n": 0, "node": "n1", "task": "t1", "kind": "a", "at": 0.5}

    assert frame(MARK + json.dumps(good)) is not None
    assert frame(MARK + json.dumps({**good, key: value})) is None


def test_of_two_tasks_on_a_node_the_whole_one_counts() -> None:
    """An earlier task that was cut off does not hide the one that told all."""
    torn = told(("a", {}), ("b", {}), ("c", {}), task="t1")[:3]
    whole = told(("z", {}), task="t2")

    answer = assemble([*torn, *whole])["n1"]

    assert (answer.task, answer.complete) == ("t2", True)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=3000), max_size=40))
def test_rows_never_make_a_line_longer_than_a_log_driver_takes(texts: list[str]) -> None:
    """Rows are spread over records so that every line stays below 16 kB, and all arrive."""
    reading, writing = os.pipe()
    wire = Wire("n", "t", out=writing)
    rows: list[list[object]] = [[text[:1000]] for text in texts]
    os.set_blocking(writing, False)
    sent: list[str] = []
    for row in [rows] if len(json.dumps(rows)) < 60_000 else [rows[:5]]:
        wire.rows("r", row)
        rows = row
    wire.close()
    os.close(writing)
    with os.fdopen(reading) as file:
        sent = file.read().splitlines()

    assert all(len(line) <= LONGEST for line in sent)
    assert [row for record in assemble(sent)["n"].of("r") for row in record["rows"]] == rows


def test_a_record_too_long_for_a_line_is_named() -> None:
    """It is replaced by trouble that says so: nothing is cut silently."""
    answer = assemble(told(("big", {"text": "x" * 20_000})))["n1"]

    assert answer.complete
    assert answer.records[0]["kind"] == "trouble"
    assert "big" in answer.records[0]["text"]
