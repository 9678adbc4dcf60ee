"""Ten thousand runs at once: :mod:`harness.judge.chance` on arrays, for simulations only.

:func:`agrees` holds it against the judges' own arithmetic on drawn runs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from harness.judge import chance, stats

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_HUGE = 700.0  # logarithm of evidence that suffices for anything, and still is a number


def equal(replicas: int) -> Floats:
    """Equal chances."""
    return np.full(replicas, 1 / replicas)


def weighted(*weights: float) -> Floats:
    """Chances in the proportion of these weights."""
    return np.array(weights) / sum(weights)


class Crowd:
    """Runs that draw replicas with the same chances, side by side.

    Attributes:
        shares: the true chances.
        counts: answers by run and replica.
        answers: how many each run has had.
        evidence: against equal chances, now, by run (``exp`` of :attr:`harness.judge.chance.Odds.log`).
    """

    def __init__(self, runs: int, shares: Floats, dice: np.random.Generator) -> None:
        self.shares, self._dice = shares, dice
        self.replicas = len(shares)
        self.counts: Whole = np.zeros((runs, self.replicas), dtype=np.int64)
        self.answers = 0
        self._parts: Floats = np.ones((len(chance.CONCENTRATIONS), runs))
        self.chosen: Whole = np.zeros(runs, dtype=np.int64)

    def step(self) -> None:
        """One answer more for each run."""
        rows = np.arange(len(self.counts))
        self.chosen = np.searchsorted(np.cumsum(self.shares[:-1]), self._dice.random(len(rows)), side="right")
        hits = self.counts[rows, self.chosen]
        for index, width in enumerate(chance.CONCENTRATIONS):
            self._parts[index] *= self.replicas * (hits + width) / (self.answers + self.replicas * width)
        self.counts[rows, self.chosen] += 1
        self.answers += 1

    @property
    def evidence(self) -> Floats:
        """Mean of the alternatives."""
        unseen = (self.counts == 0).sum(axis=1)
        log = -self.answers * math.log1p(-1 / self.replicas)
        missing = unseen / self.replicas * math.exp(min(log, _HUGE))
        return np.asarray((self._parts.sum(axis=0) + missing) / (len(self._parts) + 1))

    def keep(self, those: Flags) -> None:
        """Go on with these runs only."""
        self.counts, self._parts, self.chosen = self.counts[those], self._parts[:, those], self.chosen[those]


def highest(runs: int, shares: Floats, answers: int, dice: np.random.Generator) -> tuple[Floats, Floats]:
    """Evidence after so many answers, and the highest that it ever was until then."""
    crowd = Crowd(runs, shares, dice)
    most = np.ones(runs)
    for _ in range(answers):
        crowd.step()
        np.maximum(most, crowd.evidence, out=most)
    return crowd.evidence, most


def excluded(runs: int, shares: Floats, answers: int, dice: np.random.Generator) -> tuple[Floats, Floats]:
    """The greatest evidence against any replica's true share: after so many answers, and ever until then."""
    crowd = Crowd(runs, shares, dice)
    replicas, rows = len(shares), np.arange(runs)
    parts = np.ones((len(chance.CONCENTRATIONS), runs, replicas))
    ever, now = np.ones(runs), np.ones(runs)
    for trials in range(answers):
        before = crowd.counts.copy()
        crowd.step()
        for index, width in enumerate(chance.CONCENTRATIONS):
            total = trials + replicas * width
            missed = (trials - before + (replicas - 1) * width) / total / (1 - shares)
            missed[rows, crowd.chosen] = (before[rows, crowd.chosen] + width) / total / shares[crowd.chosen]
            parts[index] *= missed
        now = parts.mean(axis=0).max(axis=1)
        np.maximum(ever, now, out=ever)
    return now, ever


@dataclasses.dataclass(frozen=True)
class Rules:
    """As :class:`harness.judge.chance.Trial` has them, and after how many answers the margin is looked at."""

    alarm: float
    margin: float
    doubt: float
    most: int
    every: int


def ended(runs: int, shares: Floats, dice: np.random.Generator, rules: Rules) -> tuple[int, int, Whole]:
    """Stop each run as soon as it is told, as :class:`harness.judge.fair.Watch` does.

    Returns:
        How many were refuted, how many were shown equal, and after how many answers each run ended.
    """
    crowd, lengths = Crowd(runs, shares, dice), list[Whole]()
    refuted = shown = 0
    while crowd.answers < rules.most and len(crowd.counts):
        crowd.step()
        bad = crowd.evidence >= 1 / rules.alarm
        good = np.zeros(len(bad), dtype=np.bool_)
        if crowd.answers % rules.every == 0:
            good = within(crowd.counts, margin=rules.margin, doubt=rules.doubt)
            bad &= ~good
        refuted, shown = refuted + int(bad.sum()), shown + int(good.sum())
        over = bad | good
        if over.any():
            lengths.append(np.full(int(over.sum()), crowd.answers))
            crowd.keep(~over)
    lengths.append(np.full(len(crowd.counts), crowd.answers))
    return refuted, shown, np.concatenate(lengths)


def within(counts: Whole, *, margin: float, doubt: float) -> Flags:
    """Of each run whether all intervals lie within the margin; all runs have had as many answers."""
    low, high = stats.equal_counts(counts.shape[1], int(counts[0].sum()), margin=margin, doubt=doubt)
    return np.asarray(((counts >= low) & (counts <= high)).all(axis=1))


def agrees(dice: np.random.Generator, shares: Floats, answers: int) -> bool:
    """Whether arrays and judges compute the same, on a few runs."""
    crowd = Crowd(5, shares, dice)
    orders: list[Sequence[int]] = []
    for _ in range(answers):
        crowd.step()
        orders.append(crowd.chosen.tolist())
    same = []
    for run, order in enumerate(zip(*orders, strict=True)):
        odds = chance.Odds([str(i) for i in range(len(shares))])
        for one in order:
            odds.see(str(one))
        same.append(math.isclose(odds.log, math.log(crowd.evidence[run]), abs_tol=1e-6))
        same.extend(_intervals_agree(odds, shares))
    return all(same)


def _intervals_agree(odds: chance.Odds, shares: Floats) -> Iterator[bool]:
    for hits, share in zip(odds.counts.values(), shares, strict=True):
        low, high = chance.interval(hits, odds.total, len(shares), 1e-3)
        against = chance.against(hits, odds.total, len(shares), float(share))
        yield (low < share < high) == (against < math.log(1e3))
