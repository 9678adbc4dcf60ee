"""The statistics behind the judges keep the chances that they promise."""

import ast
import itertools
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from harness.judge import budget, stats
from harness.judge.chance import within

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("replicas", "seen", "hit"), [(2, 11, 18), (3, 20, 25), (5, 39, 38), (10, 88, 73), (20, 194, 142)]
)
def test_request_budgets(replicas: int, seen: int, hit: int) -> None:
    """Budgets of section 2.3 of the failure modes, for a miss of 0.1 %; the union bound is no smaller."""
    assert seen <= stats.to_see_all(replicas, 1e-3) <= seen + 2
    assert stats.to_hit_extra(replicas, 1e-3) == hit


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 12))
def test_a_sample_size_serves_every_judge(replicas: int, entries: int) -> None:
    """It is whole periods, and enough for round robin and for random choice."""
    size = stats.sample_size(replicas, entries=entries)

    assert size % replicas == 0
    assert size >= 4 * replicas
    assert replicas == 1 or stats.unseen_chance(replicas, size) <= 1e-6 / entries
    assert size >= stats.to_hit_extra(replicas, 1e-3)


@given(st.integers(0, 200), st.integers(1, 200), st.floats(0.001, 0.999))
@settings(deadline=None)
def test_tails_are_the_binomials(hits: int, trials: int, share: float) -> None:
    """Both tails agree with scipy's."""
    hits = min(hits, trials)

    assert stats.at_most(hits, trials, share) == pytest.approx(binom.cdf(hits, trials, share), abs=1e-9)
    assert stats.at_least(hits, trials, share) == pytest.approx(binom.sf(hits - 1, trials, share), abs=1e-9)


@pytest.mark.parametrize(("replicas", "margin"), [(2, 0.2), (6, 0.2), (6, 0.5), (20, 0.3)])
def test_a_planned_sample_shows_the_margin(replicas: int, margin: float) -> None:
    """By scipy's tails: after it all intervals lie within the margin, but for the chance of a miss."""
    doubt, miss = 1e-3, 1e-2
    size = stats.to_show_equal(replicas, margin=margin, doubt=doubt, miss=miss)
    low, high = stats.equal_counts(replicas, size, margin=margin, doubt=doubt)

    def open_after(answers: int) -> float:
        least, most = stats.equal_counts(replicas, answers, margin=margin, doubt=doubt)
        share = 1 / replicas
        return replicas * float(binom.cdf(least - 1, answers, share) + binom.sf(most, answers, share))

    assert low <= size // replicas <= high
    assert all(
        within(hits, size, replicas, margin=margin, doubt=doubt) == (low <= hits <= high)
        for hits in (low - 1, low, high, high + 1)
    )
    assert open_after(size) <= miss < open_after(size // 2 // replicas * replicas)


@pytest.mark.parametrize("replicas", [2, 6, 12])
def test_round_robin_needs_no_larger_sample_than_before(replicas: int) -> None:
    """The margin is planned for only where random choice is judged."""
    before = {2: 26, 6: 108, 12: 228}

    assert stats.sample_size(replicas, entries=3) == before[replicas]
    assert stats.sample_size(replicas, entries=3, margin=0.2) > 10 * before[replicas]


@pytest.mark.parametrize(("replicas", "answers"), [(2, 6), (3, 5), (3, 6), (3, 7)])
def test_turns_of_random_choice_are_as_rare_as_promised(replicas: int, answers: int) -> None:
    """Counted over every order of equal chances."""
    orders = list(itertools.product(range(replicas), repeat=answers))
    turns = sum(
        len(set(order[:replicas])) == replicas and stats.periodic(order, replicas) for order in orders
    )

    assert stats.turns_by_chance(replicas, answers) == pytest.approx(turns / len(orders))


def test_the_sizes_and_rates_that_are_documented_are_the_codes() -> None:
    """The page's tables were written by the benchmark, with every promise kept, and by this plan."""
    page = (ROOT / "docs" / "statistics.md").read_text()
    sizes = [
        f"| {replicas} | {stats.sample_size(replicas, entries=3)} | "
        f"{stats.sample_size(replicas, entries=3, margin=0.2)} |"
        for replicas in (2, 3, 6, 10, 20, 50, 100)
    ]

    assert [line for line in sizes if line not in page] == []
    assert "promises broken: 0; arrays and judges agree: yes" in page
    assert page.count("of 10000 | kept |") > 50


def test_the_budget_adds_up() -> None:
    """All rules of a run, at all entry nodes, spend no more than it may; so do a sentence's intervals."""
    entries, replicas = 5, 7

    spent = sum(budget.RULES.values()) * entries * budget.alarm(1e-6, entries)
    doubted = entries * replicas * budget.doubt(0.99, entries, replicas)

    assert spent <= 1e-6
    assert doubted == pytest.approx(0.01)


def test_every_claim_that_judges_random_choice_has_its_part_of_the_budget() -> None:
    """A suite that calls one of these judges more often than the budget knows would break the promise."""
    judged: Counter[str] = Counter()
    judges = {"covered", "even", "even_again", "drawn_at_random", "own_vip_answers"}
    for path in sorted((ROOT / "suites").glob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and _calls(function, judges):
                decorators = [ast.unparse(one) for one in function.decorator_list]
                check = next(one.split("'")[1] for one in decorators if "check(" in one)
                judged[check] += 2 if len(decorators) > 1 else 1  # by two paths, or for two services

    assert judged == budget.RULES


def _calls(function: ast.FunctionDef, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
        for node in ast.walk(function)
    )


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 15), st.integers(2, 6))
def test_dead_rows_are_counted_from_the_rhythm(replicas: int, rows: int, start: int, periods: int) -> None:
    """A round robin table with dead rows gives a rhythm that tells their number, wherever it begins."""
    period = replicas + rows
    cycle = [True] * rows + [False] * replicas
    lost = [cycle[(start + i) % period] for i in range(periods * period)]

    found = stats.lost_rows(lost, replicas)

    assert found == rows


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), min_size=30, max_size=60))
def test_no_rhythm_no_rows(lost: list[bool]) -> None:
    """What is called dead rows is a rhythm: as many losses in every period, at the same places."""
    rows = stats.lost_rows(lost, 6)

    if rows:
        assert stats.periodic(lost, 6 + rows)
        assert sum(lost[: 6 + rows]) == rows


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 12), st.sets(st.integers(1, 90), max_size=5), st.integers(0, 11))
def test_turns_that_others_took_are_counted(replicas: int, foreign: set[int], start: int) -> None:
    """Single connections of others leave gaps in the order, which are counted."""
    sequence = [str((start + i) % replicas) for i in range(96) if i not in foreign]
    alone = not any(i + 1 in foreign for i in foreign)

    found = stats.skipped(sequence, replicas)

    if alone and replicas > 2 and max(foreign, default=0) < 95:
        assert found == len(foreign)


def test_an_altered_answer_is_no_turn_of_others() -> None:
    """One answer exchanged for another breaks the order: that is not what others' connections do."""
    sequence = [str(i % 6) for i in range(48)]
    sequence[20] = "0"

    assert stats.skipped(sequence, 6) is None
