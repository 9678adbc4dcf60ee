"""Random choice on trial, answer by answer: statistics that hold whenever one stops to look.

**Against equal chances.** Let each of ``K`` replicas be chosen with chance ``1/K``, whatever was chosen
before. The evidence after ``n`` answers is ``e(n)`` = likelihood of the answers under a mixture of
alternatives / their likelihood ``K^-n``. A mixture of likelihoods is a probability measure, so given all
before, the mean of ``e(n+1)`` is ``e(n)``: a martingale that starts at 1. By Ville's inequality (Ville 1939,
*Etude critique de la notion de collectif*; Ramdas et al. 2023, "Game-theoretic statistics and safe anytime-
valid inference", Statistical Science 38) the chance that ``e`` *ever* reaches ``1/a`` is at most ``a``. No
sample size enters, nothing is asymptotic: it holds for ``a`` = 1e-6 as for 0.1, and for whoever stops as soon
as he has seen enough. ``1 / max e`` is a p-value at any time.

The alternatives, of equal weight: shares drawn from a symmetric Dirichlet distribution of each concentration
of :data:`CONCENTRATIONS` (wide for gross faults, narrow for slight skews), and one replica missing.

**Bounds of a share.** In the same way ``p`` is tried as one replica's share: the evidence against it is its
count's likelihood under the mixture of Beta distributions that the Dirichlet ones imply / under ``p``. All
``p`` whose evidence is below ``1/c`` form a confidence sequence: the true share lies within it at *all* times
together with chance at least ``1 - c`` (Robbins 1970, "Statistical methods related to the law of the
iterated logarithm"; Howard et al. 2021, Annals of Statistics 49). Clopper and Pearson's interval is a fifth
or so narrower, and wrong here: it holds for a number of answers fixed beforehand, and traffic is stopped on
evidence. The sums depend on counts alone, so both hold as well when answers are taken last first.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Sequence

CONCENTRATIONS = (1.0, 10.0, 100.0)  # need up to 3 % more answers for 20 % than the best single one
_STEPS = 50  # halvings of [0, 1]


def log_evidence(counts: Sequence[int]) -> float:
    """Natural logarithm of the evidence against equal chances, of answers per replica, zeros included."""
    replicas, total = len(counts), sum(counts)
    if replicas <= 1:
        return 0.0
    fair = total * math.log(replicas)
    parts = [
        math.lgamma(replicas * width)
        - math.lgamma(total + replicas * width)
        + math.fsum(math.lgamma(hits + width) - math.lgamma(width) for hits in counts)
        + fair
        for width in CONCENTRATIONS
    ]
    return _mean([*parts, _one_missing(counts.count(0), replicas, total)])


class Odds:
    """The evidence against equal chances while answers come in.

    Attributes:
        counts: answers per replica.
        total: their sum.
        log: natural logarithm of the evidence now.
        highest: the highest that it ever was; ``exp(-highest)`` is a p-value.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.counts = dict.fromkeys(names, 0)
        self.total = 0
        self.log = self.highest = 0.0
        self._unseen = len(self.counts)
        self._parts = [0.0] * len(CONCENTRATIONS)

    def see(self, name: str) -> None:
        """One more answer.

        Raises:
            KeyError: of nobody known.
        """
        hits, replicas = self.counts[name], len(self.counts)
        for index, width in enumerate(CONCENTRATIONS):
            self._parts[index] += math.log(replicas * (hits + width) / (self.total + replicas * width))
        self.counts[name] = hits + 1
        self.total += 1
        self._unseen -= not hits
        if replicas > 1:
            self.log = _mean([*self._parts, _one_missing(self._unseen, replicas, self.total)])
            self.highest = max(self.highest, self.log)


class Trial(Odds):
    """Equal chances on trial, with a margin within which shares count as equal.

    Refuted when the evidence suffices and the margin is not shown: when it first suffices, or now. With equal
    chances that happens with chance at most ``alarm``, ever. A skew that is proved, and proved to lie within
    the margin, refutes nothing.

    Attributes:
        alarm: chance of a false alarm.
        margin: relative, such as 0.2: shares from 0.8 to 1.2 of the fair one count as equal.
        doubt: chance that one replica's interval is wrong.
    """

    def __init__(self, names: Collection[str], *, alarm: float, margin: float, doubt: float) -> None:
        super().__init__(names)
        self.alarm, self.margin, self.doubt = alarm, margin, doubt
        self._crossed = self._refuted_then = False

    def see(self, name: str) -> None:
        """One more answer."""
        super().see(name)
        if not self._crossed and self._suffices:
            self._crossed, self._refuted_then = True, not self.shown

    @property
    def _suffices(self) -> bool:
        return self.log >= -math.log(self.alarm)

    @property
    def refuted(self) -> bool:
        """Whether chances are not equal, and not by the margin."""
        return self._refuted_then or (self._suffices and not self.shown)

    @property
    def shown(self) -> bool:
        """Whether every share lies within the margin, as far as the intervals reach."""
        replicas = len(self.counts)
        ends = (min(self.counts.values()), max(self.counts.values())) if self.counts else ()
        return bool(self.total) and all(
            within(hits, self.total, replicas, margin=self.margin, doubt=self.doubt) for hits in ends
        )


def against(hits: int, trials: int, replicas: int, share: float) -> float:
    """Natural logarithm of the evidence against ``share`` as the true share of one of ``replicas``."""
    likelihood = _times_log(hits, share) + _times_log(trials - hits, 1 - share)
    return math.inf if likelihood == -math.inf else _marginal(hits, trials, replicas) - likelihood


def within(hits: int, trials: int, replicas: int, *, margin: float, doubt: float) -> bool:
    """Whether one replica's interval lies within ``margin`` of the fair share: quicker than the interval."""
    if replicas <= 1:
        return True
    low, high = (1 - margin) / replicas, min(1.0, (1 + margin) / replicas)
    if not low <= hits / trials <= high:
        return False
    return all(
        end in {0.0, 1.0} or against(hits, trials, replicas, end) >= -math.log(doubt) for end in (low, high)
    )


def interval(hits: int, trials: int, replicas: int, doubt: float) -> tuple[float, float]:
    """Between which ends the true share of one of ``replicas`` lies, at all times together.

    Args:
        hits: answers of this replica.
        trials: answers of all, at least one.
        replicas: how many there are: the prior has its mean at the fair share.
        doubt: chance that it lies outside, at any time.
    """
    if replicas <= 1:
        return 1.0, 1.0
    seen, bound = hits / trials, -math.log(doubt)

    def inside(share: float) -> bool:
        return against(hits, trials, replicas, share) < bound

    def end(outer: float) -> float:
        if inside(outer):
            return outer
        inner = seen
        for _ in range(_STEPS):
            middle = (inner + outer) / 2
            inner, outer = (middle, outer) if inside(middle) else (inner, middle)
        return outer

    return end(0.0), end(1.0)


def bounds(counts: Collection[int], doubt: float) -> tuple[float, float]:
    """Ends between which all true shares lie; wrong with chance at most ``doubt`` for each replica."""
    total, replicas = sum(counts), len(counts)
    return (
        interval(min(counts), total, replicas, doubt)[0],
        interval(max(counts), total, replicas, doubt)[1],
    )


@functools.cache
def _beta(one: float, other: float) -> float:
    return math.lgamma(one) + math.lgamma(other) - math.lgamma(one + other)


def _marginal(hits: int, trials: int, replicas: int) -> float:
    return _mean(
        [
            math.lgamma(hits + width)
            + math.lgamma(trials - hits + (replicas - 1) * width)
            - math.lgamma(trials + replicas * width)
            - _beta(width, (replicas - 1) * width)
            for width in CONCENTRATIONS
        ]
    )


def _one_missing(unseen: int, replicas: int, total: int) -> float:
    """Each replica as likely the missing one; only those not seen can be."""
    return math.log(unseen / replicas) - total * math.log1p(-1 / replicas) if unseen else -math.inf


def _mean(logs: Sequence[float]) -> float:
    """Logarithm of the mean of what has these logarithms."""
    most = max(logs)
    return most + math.log(math.fsum(math.exp(one - most) for one in logs) / len(logs))


def _times_log(factor: int, value: float) -> float:
    if not factor:
        return 0.0
    return factor * math.log(value) if value > 0 else -math.inf
