"""The little statistics that judges need, exact and in the standard library.

Sample sizes answer: how many requests until a fault would have been missed with at most this chance.
Tests answer: how unlikely is what was seen if every replica is chosen with the same chance.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence

CLAIMS = 8  # claims of a run that share its budget of false alarms
_STEPS = 40  # halvings of [0, 1]: to one in 10^12


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
    replicas: int, *, entries: int, periods: int = 4, miss: float = 1e-3, false_alarm: float = 1e-6
) -> int:
    """Requests per entry that suffice for every judge of spread, whatever the scheduler turns out to be.

    Args:
        replicas: running replicas of the service.
        entries: entry nodes that share the budget of false alarms.
        periods: full periods that the exact round robin rule wants.
        miss: chance to miss a fault at one entry node.
        false_alarm: chance of a false alarm per run, over its claims and their entries.

    Returns:
        A multiple of ``replicas``, so that round robin gives equal counts.
    """
    enough = max(
        periods * replicas,
        to_see_all(replicas, min(miss, false_alarm / CLAIMS / max(1, entries))),
        to_hit_extra(replicas, miss),
    )
    return math.ceil(enough / replicas) * replicas


def unseen_chance(replicas: int, requests: int) -> float:
    """Bound on the chance that some replica is unseen after ``requests``, at random choice."""
    return min(1.0, replicas * (1 - 1 / replicas) ** requests) if replicas > 1 else float(requests < 1)


def at_most(hits: int, trials: int, share: float) -> float:
    """P(X <= hits) of a binomial(trials, share)."""
    return min(1.0, math.fsum(_term(k, trials, share) for k in range(hits + 1)))


def at_least(hits: int, trials: int, share: float) -> float:
    """P(X >= hits) of a binomial(trials, share)."""
    return min(1.0, math.fsum(_term(k, trials, share) for k in range(hits, trials + 1)))


def _term(hits: int, trials: int, share: float) -> float:
    if share <= 0 or share >= 1:
        return float(hits == (0 if share <= 0 else trials))
    log = math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
    return math.exp(log + hits * math.log(share) + (trials - hits) * math.log1p(-share))


def uneven(counts: Mapping[str, int]) -> tuple[str, float]:
    """The replica furthest from its share, and a p-value of equal chances for all.

    Exact: each count is binomial, both tails, corrected for looking at all replicas (Bonferroni), so the
    chance that the p-value falls below ``a`` is at most ``a`` for random choice and less for round robin.
    """
    total, replicas = sum(counts.values()), len(counts)
    if replicas <= 1 or not total:
        return "", 1.0
    share = 1 / replicas
    tails = {
        name: min(at_most(hits, total, share), at_least(hits, total, share)) for name, hits in counts.items()
    }
    worst = min(tails, key=lambda name: (tails[name], name))
    return worst, min(1.0, 2 * tails[worst] * replicas)


def share_between(hits: int, trials: int, chance: float) -> tuple[float, float]:
    """Clopper and Pearson's interval: the true share lies outside with at most ``chance``."""
    low = _solve(lambda share: at_least(hits, trials, share) < chance / 2) if hits else 0.0
    high = _solve(lambda share: at_most(hits, trials, share) >= chance / 2) if hits < trials else 1.0
    return low, high


def _solve(below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return low


def periodic(sequence: Sequence[Hashable], period: int) -> bool:
    """Whether each item equals the one ``period`` before it."""
    return all(sequence[i] == sequence[i - period] for i in range(period, len(sequence)))


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
