"""The tables of what was asked pair by pair: each pair has a field, and what is lost is red."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from harness import journal
from harness.evidence import SizeTry
from harness.judge.verdict import State
from harness.report import html, pairs
from harness.report.pairs import Grid
from harness.report.verdicts import document
from tests import pair_swarm
from tests.pair_swarm import NODES, STEPS, W1, M
from tests.saved_pairs import FULL, pairs_run, silence
from tests.saved_runs import HOSTILE


def grids(folder: Path) -> tuple[Grid, ...]:
    """The tables of the run in this folder."""
    return pairs.grids(journal.load(folder / "journal.jsonl"))


def states(grid: Grid, row: str) -> list[str]:
    """How the fields of a row went."""
    return [cell.state for one in grid.rows if one.label == row for cell in one.cells]


def test_every_pair_has_a_field(tmp_path: Path) -> None:
    """Nodes x tasks in slot order and the probe's own; sizes both ways; vantage points x entries."""
    mesh, sizes, vantages, quiet = grids(pairs_run(tmp_path))

    assert [one[0] for one in mesh.columns] == [".1", ".2", ".3", ".4", ".5", ".6", "probe", "probe", "probe"]
    assert [row.label for row in mesh.rows] == list(NODES)
    assert states(mesh, M) == ["ok"] * 6 + ["none", "ok", "ok"]
    assert [cell.text for cell in mesh.rows[0].cells][:2] == ["ICMP TCP", "ICMP TCP"]
    assert (len(sizes.rows), len(sizes.columns)) == (2 * len(STEPS), 9 + 3)
    assert sizes.rows[-2].cells[-1].text == "3 ✓"
    assert [len(row.cells) for row in vantages.rows] == [3] * (4 + 3 + 3)
    assert "after 12 s of silence" in quiet.title
    assert [one.lost for one in (mesh, sizes, vantages, quiet)] == [0, 0, 0, 0]


def test_what_is_lost_is_seen_where_it_was_lost(tmp_path: Path) -> None:
    """One protocol of a pair, sizes of one way, one vantage point, the first packet after a silence."""
    mesh, sizes, vantages, quiet = grids(pairs_run(tmp_path, broken=True))

    assert [states(mesh, node).count("lost") for node in NODES] == [0, 3, 3]
    assert {cell.text for row in mesh.rows for cell in row.cells if cell.state == "lost"} == {"no TCP"}
    too_large = sum(size > FULL for size in STEPS)
    # a request from W2 to W1, and W2's answer to W1
    assert sizes.lost == 2 * too_large
    assert [row.label for row in vantages.rows if "lost" in states(vantages, row.label)] == [
        "the node itself, 127.0.0.1"
    ]
    assert quiet.lost == 1
    assert "UDP at try 2" in [cell.text for cell in quiet.rows[1].cells]
    assert mesh.checks == ("overlay.mesh",)


def test_what_nobody_told_is_not_drawn_as_passed() -> None:
    """Neither green nor red."""
    grid = pairs.mesh(pair_swarm.mesh(lambda pair: "skipped" if pair.source == M else ""), {})

    assert states(grid, M)[:6] == ["untold"] * 6
    assert grid.lost == 0


def test_an_answer_of_somebody_else_is_lost() -> None:
    """It says so."""
    grid = pairs.mesh(pair_swarm.mesh(lambda one: "foreign" if one.address == "10.0.1.10" else ""), {})

    assert {row.cells[0].text for row in grid.rows} == {"another ICMP TCP"}
    assert grid.lost == 3


def test_a_pair_that_needed_another_try_is_late_and_after_a_silence_lost() -> None:
    """There the first packet is what was asked for."""
    seen = silence(broken=True)

    late = pairs.mesh(dataclasses.replace(seen, silence=0.0), {})

    assert states(late, W1).count("late") == 1
    assert late.lost == 0
    assert pairs.mesh(seen, {}).lost == 1


@pytest.mark.parametrize(
    ("outcome", "refuted", "state"),
    [("refused", False, "ok"), ("read-timeout", False, "late"), ("read-timeout", True, "lost")],
)
def test_ipv6_loopback_is_drawn_as_it_was_judged(outcome: str, refuted: bool, state: str) -> None:
    """Engines below 29.8 hang there: red only if a judge says so."""
    grid = pairs.vantages(pair_swarm.vantages(v6=outcome), refuted=refuted)

    assert states(grid, "the node itself, ::1") == [state] * 3


def test_many_ways_are_drawn_by_their_sender() -> None:
    """Nine nodes have 81 ways: a column holds the worst of a sender's."""
    nodes = tuple(f"n{number}" for number in range(1, 10))
    tries = tuple(
        SizeTry(a, b, "10.0.1.1", "overlay", "up", 600, passed=(a, b) != ("n2", "n7"))
        for a in nodes
        for b in nodes
    )
    grid = pairs.sizes(dataclasses.replace(pair_swarm.payloads(), nodes=nodes, tries=tries))

    assert len(grid.columns) == len(nodes)
    assert [cell.text for cell in grid.rows[0].cells] == ["9 ✓", "1 of 9 lost"] + ["9 ✓"] * 7


def page(folder: Path) -> str:
    """The page of the run in this folder."""
    saved = journal.load(folder / "journal.jsonl")
    return html.page(saved, document(saved))


def test_the_page_holds_the_tables_and_their_words(tmp_path: Path) -> None:
    """As many fields as there are; what a node told stays text."""
    found = grids(pairs_run(tmp_path, broken=True))
    text = page(tmp_path / "20260101-120000-0f3a9c")

    assert re.findall(r'data-pairs="(\w+)"', text) == ["mesh", "sizes", "vantages", "mesh"]
    drawn = [state for grid in found for row in grid.rows for cell in row.cells for state in (cell.state,)]
    assert re.findall(r'<td class="pair (\w+)"', text) == drawn
    assert HOSTILE not in text
    assert "judged by overlay.mesh" in text
    assert (
        document(journal.load(tmp_path / "20260101-120000-0f3a9c" / "journal.jsonl")).verdict is State.REFUTED
    )
    assert f'<span class="bad">{found[0].lost} lost</span>' in text
