"""Random choice on trial: the bounds are computed exactly on small cases, not drawn; scipy agrees."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, binomtest, dirichlet_multinomial, multinomial

from harness.judge import chance

COUNTS = st.lists(st.integers(0, 60), min_size=2, max_size=8)


def all_counts(replicas: int, answers: int) -> Iterator[tuple[int, ...]]:
    """Every way in which so many answers may come from so many replicas."""
    if replicas == 1:
        yield (answers,)
        return
    for first in range(answers + 1):
        yield from ((first, *rest) for rest in all_counts(replicas - 1, answers - first))


def ever(stop: Callable[[int, int], bool], share: float, answers: int) -> float:
    """The exact chance that the walk of (hits, trials) meets ``stop`` within so many answers."""
    alive, met = {0: 1.0}, 0.0
    for trials in range(1, answers + 1):
        after: Counter[int] = Counter()
        for hits, weight in alive.items():
            after[hits + 1] += weight * share  # type: ignore[assignment]  # a Counter sums any number
            after[hits] += weight * (1 - share)  # type: ignore[assignment]
        ended = {hits for hits in after if stop(hits, trials)}
        met += math.fsum(after[hits] for hits in ended)
        alive = {hits: weight for hits, weight in after.items() if hits not in ended}
    return met


@settings(deadline=None, max_examples=40)
@given(COUNTS)
def test_the_evidence_is_scipys_ratio_of_likelihoods(counts: list[int]) -> None:
    """Dirichlet-multinomial over uniform multinomial, averaged, and one missing replica."""
    total, replicas = sum(counts), len(counts)
    fair = multinomial.logpmf(counts, total, [1 / replicas] * replicas)
    parts = [
        float(dirichlet_multinomial.logpmf(counts, [width] * replicas, np.array(total))) - fair
        for width in chance.CONCENTRATIONS
    ]
    missing = counts.count(0) / replicas * (replicas / (replicas - 1)) ** total
    expected = math.fsum([*map(math.exp, parts), missing]) / (len(parts) + 1)

    assert chance.log_evidence(counts) == pytest.approx(math.log(expected), abs=1e-6)


@pytest.mark.parametrize(("replicas", "most"), [(2, 12), (3, 8), (4, 6)])
def test_the_evidence_has_mean_one_at_every_time(replicas: int, most: int) -> None:
    """Summed over all samples of equal chances: what Ville's inequality stands on."""
    for answers in range(most + 1):
        mean = math.fsum(
            multinomial.pmf(counts, answers, [1 / replicas] * replicas)
            * math.exp(chance.log_evidence(counts))
            for counts in all_counts(replicas, answers)
        )

        assert mean == pytest.approx(1.0, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(COUNTS)
def test_one_answer_more_changes_the_evidence_by_nothing_on_average(counts: list[int]) -> None:
    """Whatever was seen so far: so no rule when to stop can make false alarms likelier."""
    now = chance.log_evidence(counts)
    following = [
        math.exp(chance.log_evidence([hits + (at == chosen) for at, hits in enumerate(counts)]) - now)
        for chosen in range(len(counts))
    ]

    assert math.fsum(following) / len(counts) == pytest.approx(1.0, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.lists(st.integers(0, 5), max_size=80))
def test_the_evidence_is_the_same_answer_by_answer(replicas: int, order: list[int]) -> None:
    """And the highest is the highest of all beginnings."""
    names = [str(i % replicas) for i in order]
    odds = chance.Odds([str(i) for i in range(replicas)])
    seen = [0.0]
    for name in names:
        odds.see(name)
        seen.append(chance.log_evidence(list(odds.counts.values())))

    assert odds.log == pytest.approx(seen[-1], abs=1e-9)
    assert odds.highest == pytest.approx(max(seen), abs=1e-9)


@pytest.mark.parametrize("alarm", [1e-1, 1e-2, 1e-3, 1e-6])
def test_false_alarms_at_any_time_are_exactly_bounded(alarm: float) -> None:
    """Two replicas of equal chances, stopped as soon as it suffices: computed, at 1e-6 as well."""
    bound = -math.log(alarm)

    met = ever(lambda hits, trials: chance.log_evidence([hits, trials - hits]) >= bound, 0.5, 120)

    assert 0 < met <= alarm


def test_false_alarms_of_every_order_are_bounded() -> None:
    """Three replicas, every one of the 3^8 orders, counted."""
    alarms = 0
    for order in itertools.product("abc", repeat=8):
        odds = chance.Odds("abc")
        for name in order:
            odds.see(name)
        alarms += odds.highest >= -math.log(0.1)

    assert 0 < alarms <= 0.1 * 3**8


@pytest.mark.parametrize(("replicas", "share"), [(2, 0.5), (6, 1 / 6), (6, 0.2), (20, 0.01)])
@pytest.mark.parametrize("doubt", [1e-2, 1e-6])
def test_intervals_hold_at_all_times_together(replicas: int, share: float, doubt: float) -> None:
    """The chance that the true share, fair or not, is ever outside: computed exactly."""
    bound = -math.log(doubt)

    met = ever(lambda hits, trials: chance.against(hits, trials, replicas, share) >= bound, share, 100)

    assert met <= doubt


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 300), st.integers(1, 300), st.integers(2, 12), st.sampled_from([1e-2, 1e-4]))
def test_an_interval_is_what_the_evidence_does_not_exclude(
    hits: int, trials: int, replicas: int, doubt: float
) -> None:
    """Its ends are where the evidence, by scipy's, reaches 1/doubt; soon it contains Clopper's."""
    hits = min(hits, trials)
    low, high = chance.interval(hits, trials, replicas, doubt)
    exact = binomtest(hits, trials).proportion_ci(1 - doubt, "exact")
    mixed = math.fsum(
        betabinom.pmf(hits, trials, width, (replicas - 1) * width) for width in chance.CONCENTRATIONS
    ) / len(chance.CONCENTRATIONS)

    assert low <= hits / trials <= high
    assert trials < 30 or low <= exact.low <= exact.high <= high
    for end in (low, high):
        evidence = (
            mixed / binom.pmf(hits, trials, end) if 1e-9 < end < 1 - 1e-9 else 1 / doubt
        )  # too fine else
        assert evidence == pytest.approx(1 / doubt, rel=1e-5)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3000), st.integers(1, 3000), st.integers(2, 12), st.sampled_from([0.1, 0.2, 0.5]))
def test_the_margin_is_judged_by_the_interval(hits: int, trials: int, replicas: int, margin: float) -> None:
    """The quick answer is that of the interval, and more hits raise both ends."""
    hits = min(hits, trials)
    low, high = chance.interval(hits, trials, replicas, 1e-3)
    quick = chance.within(hits, trials, replicas, margin=margin, doubt=1e-3)
    more = chance.interval(hits + 1, trials, replicas, 1e-3) if hits < trials else (1.0, 1.0)

    assert quick == ((1 - margin) / replicas <= low and high <= (1 + margin) / replicas)
    assert more[0] >= low - 1e-9
    assert more[1] >= high - 1e-9


def test_a_trial_of_equal_shares_ends_upheld_or_refuted() -> None:
    """Even answers show the margin; a favourite refutes; a proved skew within the margin does not."""
    trials = {
        name: chance.Trial("abc", alarm=1e-4, margin=0.3, doubt=1e-3) for name in ("even", "skew", "bit")
    }
    for turn in range(6000):
        trials["even"].see("abc"[turn % 3])
        trials["skew"].see("aabc"[turn % 4])
        trials["bit"].see("abcabcabcabca"[turn % 13])

    assert (trials["even"].shown, trials["even"].refuted) == (True, False)
    assert (trials["skew"].shown, trials["skew"].refuted) == (False, True)
    assert (trials["bit"].shown, trials["bit"].refuted) == (True, False)
    assert trials["bit"].highest > 0


def test_a_replica_that_was_starved_for_long_is_not_excused_by_what_followed() -> None:
    """The evidence once sufficed, while no margin was shown: equal counts at the end undo nothing."""
    trial = chance.Trial("abc", alarm=1e-4, margin=0.3, doubt=1e-3)
    for turn in range(300):
        trial.see("ab"[turn % 2])
    for turn in range(30_000):
        trial.see("abc"[turn % 3])

    assert trial.shown
    assert trial.refuted


def test_nobody_and_one_alone_are_never_uneven() -> None:
    """One replica gets all; of none nothing is shown."""
    alone, none = (chance.Trial(names, alarm=1e-4, margin=0.2, doubt=1e-3) for names in ("a", ""))
    alone.see("a")

    assert (alone.shown, alone.refuted, alone.log) == (True, False, 0.0)
    assert (none.shown, none.refuted) == (False, False)
    assert chance.bounds([5], 1e-3) == (1.0, 1.0)
