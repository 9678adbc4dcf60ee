"""The little statistics that judges need, exact and in the standard library.

Sample sizes answer: how many requests until a fault would have been missed with at most this chance, or until
shares can be called equal. What is judged at random choice stands in :mod:`harness.judge.chance`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from harness.judge import budget
from harness.judge.chance import within

_NEGLIGIBLE = 1e-18  # of a sum: terms that only fall from here on add nothing


def to_see_all(replicas: int, chance: float) -> int:
    """Requests after which, at random choice, a replica is still unseen with at most ``chance``.

    The union bound ``replicas x (1 - 1/replicas)^n``; with one replica a single request does.
    """
    if replicas <= 1:
        return 1
    return math.ceil(math.log(chance / replicas) / math.log1p(-1 / replicas))


def to_hit_extra(replicas: int, chance: float) -> int:
    """Requests after which, at random choice, a stale backend is unhit with at most ``chance``."""
    return math.ceil(math.log(chance) / math.log(replicas / (replicas + 1)))


def sample_size(
    replicas: int,
    *,
    entries: int,
    periods: int = 4,
    miss: float = 1e-3,
    false_alarm: float = 1e-6,
    margin: float | None = None,
    confidence: float = 0.99,
) -> int:
    """Requests per entry that suffice for every judge of spread.

    Without ``margin``: for round robin, and for coverage whatever the scheduler turns out to be. With it:
    also for equal shares at random choice, where this is the most that is needed; traffic that is judged as
    it comes ends after about half of it.

    Args:
        replicas: running replicas of the service.
        entries: entry nodes that share the budget of false alarms.
        periods: full periods that the exact round robin rule wants.
        miss: chance to miss a fault at one entry node, or to be left without a verdict there.
        false_alarm: chance of a false alarm per run, over its claims and their entries.
        margin: relative margin of equal shares.
        confidence: that all shares through all entries lie within it.

    Returns:
        A multiple of ``replicas``, so that round robin gives equal counts.
    """
    enough = max(
        periods * replicas,
        to_see_all(replicas, min(miss, budget.alarm(false_alarm, entries))),
        to_hit_extra(replicas, miss),
    )
    if margin is not None:
        doubt = budget.doubt(confidence, entries, replicas)
        enough = max(enough, to_show_equal(replicas, margin=margin, doubt=doubt, miss=miss))
    return math.ceil(enough / replicas) * replicas


@functools.cache
def to_show_equal(replicas: int, *, margin: float, doubt: float, miss: float) -> int:
    """Answers of random choice after which all intervals lie within the margin, but for a chance ``miss``.

    Exact but for the union over replicas: for each number of answers, the counts whose interval
    (:func:`harness.judge.chance.interval`) lies within the margin, and the binomial chance of all others.

    Args:
        replicas: with one, a single answer does.
        margin: relative, such as 0.2.
        doubt: chance that one replica's interval is wrong.
        miss: chance that the intervals do not lie within the margin then.
    """
    if replicas <= 1:
        return 1

    def suffices(periods: int) -> bool:
        trials = periods * replicas
        low, high = equal_counts(replicas, trials, margin=margin, doubt=doubt)
        outside = at_most(low - 1, trials, 1 / replicas) + at_least(high + 1, trials, 1 / replicas)
        return low <= high and replicas * outside <= miss

    most = 1
    while not suffices(most):
        most *= 2
    return replicas * _first(suffices, most // 2, most)


def equal_counts(replicas: int, trials: int, *, margin: float, doubt: float) -> tuple[int, int]:
    """The least and the greatest count of one replica whose interval lies within the margin.

    ``trials``: a multiple of ``replicas``. If there is none, the least is greater than the greatest.
    """
    fair = trials // replicas

    def fits(hits: int) -> bool:
        return within(hits, trials, replicas, margin=margin, doubt=doubt)

    if not fits(fair):
        return 1, 0
    low = _first(fits, -1, fair)
    return low, _first(lambda hits: not fits(hits), fair, trials + 1) - 1


def _first(holds: Callable[[int], bool], below: int, at: int) -> int:
    """The first number in ``(below, at]`` for which it holds, if it holds from some number on to ``at``."""
    while at - below > 1:
        middle = (below + at) // 2
        below, at = (below, middle) if holds(middle) else (middle, at)
    return at


def unseen_chance(replicas: int, requests: int) -> float:
    """Bound on the chance that some replica is unseen after ``requests``, at random choice."""
    return min(1.0, replicas * (1 - 1 / replicas) ** requests) if replicas > 1 else float(requests < 1)


def at_most(hits: int, trials: int, share: float) -> float:
    """P(X <= hits) of a binomial(trials, share)."""
    if hits > trials * share:
        return max(0.0, 1 - at_least(hits + 1, trials, share))
    return _tail(range(hits, -1, -1), trials, share)


def at_least(hits: int, trials: int, share: float) -> float:
    """P(X >= hits) of a binomial(trials, share)."""
    if hits <= trials * share:
        return max(0.0, 1 - at_most(hits - 1, trials, share))
    return _tail(range(hits, trials + 1), trials, share)


def _tail(outwards: range, trials: int, share: float) -> float:
    """The sum of terms that fall from the first on."""
    total = 0.0
    for hits in outwards:
        term = _term(hits, trials, share)
        total += term
        if term <= _NEGLIGIBLE * total:
            break
    return min(1.0, total)


def _term(hits: int, trials: int, share: float) -> float:
    if share <= 0 or share >= 1:
        return float(hits == (0 if share <= 0 else trials))
    log = math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
    return math.exp(log + hits * math.log(share) + (trials - hits) * math.log1p(-share))


def periodic(sequence: Sequence[Hashable], period: int) -> bool:
    """Whether each item equals the one ``period`` before it."""
    return all(sequence[i] == sequence[i - period] for i in range(period, len(sequence)))


def turns_by_chance(replicas: int, answers: int) -> float:
    """Bound on the chance that answers of random choice come in turns, each replica once in every period.

    ``K! K^-n``: one order of ``K`` fixes all, and no choice of shares makes it likelier than equal ones do.
    """
    return min(1.0, math.exp(math.lgamma(replicas + 1) - answers * math.log(replicas)))


def lost_rows(lost: Sequence[bool], replicas: int, most: int = 8) -> int:
    """How many dead rows a round robin table of ``replicas`` live ones must have to give this sequence.

    Args:
        lost: of each request in order, whether it was lost.
        replicas: live rows, each seen to answer.
        most: more dead rows than this are not looked for.

    Returns:
        0 if no number of dead rows explains the sequence, or fewer than two full periods were seen.
    """
    for rows in range(1, most + 1):
        period = replicas + rows
        if len(lost) >= 2 * period and sum(lost[:period]) == rows and periodic(lost, period):
            return rows
    return 0


def skipped(sequence: Sequence[str], replicas: int) -> int | None:
    """Connections of others that explain why a round robin sequence is not periodic.

    Between two of ours at most one foreign connection may lie, and at most one in four of ours may have one;
    a sequence that needs more is not round robin.

    Returns:
        How many; None if the sequence cannot be round robin over ``replicas`` rows.
    """
    following: dict[str, Counter[str]] = {}
    for first, second in itertools.pairwise(sequence):
        following.setdefault(first, Counter())[second] += 1
    after = {name: found.most_common(1)[0][0] for name, found in following.items()}
    if len(after) != replicas or len(set(after.values())) != replicas:
        return None
    gaps = 0
    for first, second in itertools.pairwise(sequence):
        if after[first] == second:
            continue
        if after[after[first]] != second:
            return None
        gaps += 1
    return gaps if 4 * gaps <= len(sequence) else None
