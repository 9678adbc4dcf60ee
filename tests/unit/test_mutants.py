"""The rows of mutants, what is made of their results, and that the pages tell what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import Exit, RequestError
from harness.mesh.catalogue import CATALOGUE
from harness.mutants import facts, mutant, pages, result
from harness.mutants.mutant import INSIDE, KERNEL, OUTSIDE, WITNESSES, Mutant
from harness.mutants.result import Result, Results, Score

ROOT = Path(__file__).resolve().parents[2]
ROWS = mutant.load()
EXEMPT = {"A6", "A13", "D2", "D3", "D4"}  # D2 and the other flaps come with the faults
SCOPE = (
    {f"A{number}" for number in range(1, 14)}
    | {f"B{number}" for number in range(1, 20)}
    | {f"C{number}" for number in range(1, 15)}
    | {"D1", "D5"}
    | {f"E{number}" for number in range(1, 4)}
    | {f"F{number}" for number in range(1, 5)}
) - EXEMPT


def _result(ident: str, *seen: str, named: bool = True, by_design: str = "") -> Result:
    return Result(
        id=ident,
        mode=ident[:2],
        title="a rule is gone",
        witnesses=(KERNEL, OUTSIDE),
        caught_by=seen,
        named=named,
        by_design=by_design,
        findings=("missing-dnat at worker1, host, web",),
    )


def test_every_mode_in_scope_has_a_mutant_or_a_reason() -> None:
    """Nothing is left out silently, and nothing that is tried has an excuse."""
    untried = set(result.untried(mutant.HOME))

    assert {one.mode for one in ROWS} | untried == SCOPE
    assert not {one.mode for one in ROWS} & untried


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_whole(row: Mutant) -> None:
    """Known findings and witnesses; a way to ask for every black-box witness; a heal."""
    assert row.id.startswith(row.mode)
    assert row.witnesses <= set(WITNESSES)
    assert KERNEL not in row.witnesses or {one.finding for one in row.wanted} <= set(CATALOGUE)
    assert bool(row.ask) == bool(row.witnesses & {OUTSIDE, INSIDE})
    assert row.inject
    assert row.heal
    assert bool(row.by_design) != bool(row.witnesses)


def test_ids_modes_and_groups_choose() -> None:
    """A wish is an id, a mode or a group, in any case; without one all are chosen."""
    assert [one.id for one in mutant.chosen(ROWS, ["b4A"])] == ["B4a"]
    assert {one.mode for one in mutant.chosen(ROWS, ["A2"])} == {"A2"}
    assert {one.mode[0] for one in mutant.chosen(ROWS, ["E", "f"])} == {"E", "F"}
    assert mutant.chosen(ROWS, ()) == ROWS
    with pytest.raises(RequestError, match="there is no mutant Z9"):
        mutant.chosen(ROWS, ["Z9"])


def test_an_id_wins_over_the_mode_of_the_same_name() -> None:
    """``B2`` is one mutant; with a star it is the mode with all its mutants, and no longer mode with it."""
    assert [one.id for one in mutant.chosen(ROWS, ["b2"])] == ["B2"]
    assert [one.id for one in mutant.chosen(ROWS, ["B2*"])] == ["B2", "B2b"]
    assert [one.id for one in mutant.chosen(ROWS, ["B1*"])] == ["B1", "B1b"]
    assert mutant.chosen(ROWS, ["B4*"]) == mutant.chosen(ROWS, ["B4"])
    with pytest.raises(RequestError, match=r"there is no mutant B4A\*"):
        mutant.chosen(ROWS, ["B4a*"])


def test_without_a_checkout_it_says_so(tmp_path: Path) -> None:
    """An installed package has no rows."""
    with pytest.raises(RequestError, match="checkout"):
        mutant.load(tmp_path)


def test_caught_means_by_every_witness_that_must_see_it() -> None:
    """One that is silent makes it a miss, whatever the other says."""
    assert _result("A1", KERNEL, OUTSIDE).passed
    assert not _result("A1", KERNEL).caught
    assert not _result("A1", KERNEL, OUTSIDE, named=False).passed
    assert _result("B1", by_design="60 s").passed


def test_the_score_counts_who_saw_it() -> None:
    """By traffic, by the audit, by both."""
    score = Score.of([_result("A1", KERNEL, OUTSIDE), _result("A2", KERNEL), _result("A3", named=False)])

    assert score == Score(3, black_box=1, audited=2, both=1, caught=1, named=2, by_design=0)


def test_newer_results_replace_older_ones(tmp_path: Path) -> None:
    """By id; those of mutants that are gone go, and the file gives back what was written."""
    old = Results(results=(_result("A1"), _result("A9", KERNEL)))
    new = old.with_([_result("A1", KERNEL, OUTSIDE)], engine="26", kernel="6.12", known=["A1"])
    result.save(tmp_path, new)

    assert [one.id for one in result.load(tmp_path).results] == ["A1"]
    assert result.load(tmp_path) == new
    assert new.exit is Exit.UPHELD


def test_the_exit_code_tells_a_miss_from_what_was_not_tried() -> None:
    """A miss outweighs: it is known."""
    fine, missed = _result("A1", KERNEL, OUTSIDE), _result("A2")
    troubled = _result("A3").model_copy(update={"troubled": True})

    assert Results(results=(fine, troubled)).exit is Exit.UNKNOWN
    assert Results(results=(fine, missed, troubled)).exit is Exit.REFUTED


@pytest.mark.parametrize("name", ["README.md", "docs/mutants.md"])
def test_the_pages_tell_what_was_measured(name: str) -> None:
    """Drawn from the file, they are as they stand."""
    page = (ROOT / name).read_text()

    assert pages.drawn(page, name, result.load(mutant.HOME), result.untried(mutant.HOME)) == page


def test_the_readme_is_short_and_the_other_page_says_why() -> None:
    """A clause for each that is missing; all the words stand in docs/mutants.md."""
    long = "kernel did not refute (unknown: no record); the audit told nothing, instead of missing-dnat"
    missed = _result("A1", OUTSIDE, named=False).model_copy(update={"why": long})
    trouble = _result("A2", KERNEL, OUTSIDE).model_copy(update={"why": "no heal; at all", "troubled": True})
    unnamed, design = _result("A3", KERNEL, OUTSIDE, named=False), _result("B1", by_design="after 60 s")
    results, untried = Results(results=(missed, trouble, unnamed, design)), {"A8": "by nature, and no check"}
    short, whole = pages.summary(results, untried), pages.details(results, untried)

    assert "Caught 3 of 4, named 2, by design 1 (B1): [why, in full](docs/mutants.md)." in short
    assert [line for line in short.splitlines() if line.startswith("- ")] == [
        "- A1, a rule is gone: kernel did not refute",
        "- A2, a rule is gone: no heal",
        "- A3, a rule is gone: not named exactly",
        "- A8: by nature",
    ]
    assert [line for line in whole.splitlines() if line.startswith("- ")] == [
        "- B1, a rule is gone: after 60 s",
        f"- A1, a rule is gone: {long}",
        "- A2, a rule is gone: no heal; at all",
        "- A3, a rule is gone: not named exactly",
        "- A8: by nature, and no check",
    ]


def test_results_are_of_mutants_there_are() -> None:
    """No result outlives its row."""
    assert {one.id for one in result.load(mutant.HOME).results} <= {one.id for one in ROWS}


def test_facts_are_quoted() -> None:
    """A value never becomes shell."""
    assert facts.script({"A": "b; c"}, "true")[-1].startswith("A='b; c'\n")
