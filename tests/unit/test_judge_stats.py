"""The statistics behind the judges keep the chances that they promise."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from harness.judge import stats


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


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.05, 1e-3]))
def test_intervals_cover_what_was_seen(hits: int, trials: int, chance: float) -> None:
    """The seen share lies in the interval, and its ends have the promised tails."""
    hits = min(hits, trials)
    low, high = stats.share_between(hits, trials, chance)

    assert low <= hits / trials <= high
    assert hits == 0 or binom.sf(hits - 1, trials, low) == pytest.approx(chance / 2, rel=1e-6)
    assert hits == trials or binom.cdf(hits, trials, high) == pytest.approx(chance / 2, rel=1e-6)


@pytest.mark.parametrize("replicas", [2, 6])
@pytest.mark.parametrize("alpha", [1e-1, 1e-2])
def test_random_choice_raises_no_more_false_alarms_than_promised(replicas: int, alpha: float) -> None:
    """Of 2,000 samples of random choice at most the promised share (and its own luck) is called uneven."""
    rng = random.Random(7)  # noqa: S311  a seeded draw, no secret
    runs, n = 2000, 48
    alarms = 0
    table: dict[tuple[int, ...], float] = {}
    for _ in range(runs):
        drawn = Counter(rng.choices(range(replicas), k=n))
        counts = tuple(sorted(drawn[i] for i in range(replicas)))
        if counts not in table:
            table[counts] = stats.uneven({str(i): hits for i, hits in enumerate(counts)})[1]
        alarms += table[counts] <= alpha

    assert alarms <= binom.ppf(1 - 1e-6, runs, alpha)


@pytest.mark.parametrize("replicas", [2, 6])
def test_a_false_alarm_at_one_in_a_thousand_is_exactly_bounded(replicas: int) -> None:
    """The chance that any replica's count gives a p-value below 1e-3 is at most 1e-3, computed not drawn."""
    n, alpha = 96, 1e-3
    share = 1 / replicas
    alarm = sum(
        float(binom.pmf(hits, n, share))
        for hits in range(n + 1)
        if 2 * replicas * min(binom.cdf(hits, n, share), binom.sf(hits - 1, n, share)) <= alpha
    )

    assert replicas * alarm <= alpha


def test_a_skewed_choice_is_called_uneven() -> None:
    """A replica that gets three times its share is named."""
    name, chance = stats.uneven({"a": 48, "b": 16, "c": 16, "d": 16})

    assert name == "a"
    assert chance < 1e-6


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
