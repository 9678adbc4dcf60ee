"""What the statistics of the judges promise, against what ten thousand simulated runs of each case give.

    python benchmarks/promised_rates.py [--runs 10000] [--seed 1] [--into docs/statistics.md]

Promises are upper bounds. Exits 1 if a measured rate lies significantly above its promise, or if the arrays
that simulate do not compute what the judges do. Takes about a minute of one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import crowd
import numpy as np
from scipy.stats import binomtest

from harness.judge import budget, stats

SIGNIFICANT = 1e-4  # p-value of one case below which the promise counts as broken
LONG = 2000  # answers within which one may stop whenever one likes
RATES = (1e-2, 1e-3)
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
FAULTS = {
    "none": (1.0,) * 6,
    "weight 0 at one (missing)": (1, 1, 1, 1, 1, 0),
    "weight 2 at one": (1, 1, 1, 1, 1, 2),
    "weight 3 at one": (1, 1, 1, 1, 1, 3),
    "half the share at one": (1, 1, 1, 1, 1, 0.5),
    "20 % more at one": (1, 1, 1, 1, 1, 1.25),
    "10 % more at one": (1, 1, 1, 1, 1, 1.1 * 5 / 4.9),
}


@dataclasses.dataclass(frozen=True)
class Rate:
    """A promise, and how often it was broken in how many runs."""

    what: str
    replicas: int
    stopping: str
    promised: float
    met: int
    runs: int

    @property
    def broken(self) -> bool:
        """Whether that is no luck."""
        return binomtest(self.met, self.runs, self.promised, "greater").pvalue < SIGNIFICANT

    def row(self) -> str:
        """As a line of the table."""
        kept = "BROKEN" if self.broken else "kept"
        return (
            f"| {self.what} | {self.replicas} | {self.stopping} | {self.promised:g} | "
            f"{self.met / self.runs:.4f} | {self.met} of {self.runs} | {kept} |"
        )


def rates(runs: int, dice: np.random.Generator) -> Iterator[Rate]:
    """All promises."""
    for replicas in (2, 6, 20):
        yield from alarms(runs, replicas, dice)
        yield from coverage(runs, replicas, dice)
        yield from plans(runs, replicas, dice)
    for replicas in (2, 6):
        yield from unequal(runs, replicas, dice)
    yield from seen(runs, dice)


def alarms(runs: int, replicas: int, dice: np.random.Generator) -> Iterator[Rate]:
    """Equal chances that are called uneven."""
    last, ever = crowd.highest(runs, crowd.equal(replicas), LONG, dice)
    for alarm in RATES:
        for found, stopping in ((last, f"after {LONG}"), (ever, f"any time to {LONG}")):
            met = int((found >= 1 / alarm).sum())
            yield Rate("false alarm: equal chances called uneven", replicas, stopping, alarm, met, runs)


def coverage(runs: int, replicas: int, dice: np.random.Generator) -> Iterator[Rate]:
    """Intervals of all replicas of which one does not hold the true share, with equal and skewed shares."""
    skewed = crowd.weighted(*[1.0] * (replicas - 1), 1.5)
    for shares, name in ((crowd.equal(replicas), "equal"), (skewed, "skewed")):
        last, ever = crowd.excluded(runs, shares, LONG // 4, dice)
        for wrong in RATES:
            doubt = budget.doubt(1 - wrong, 1, replicas)
            for found, stopping in ((last, f"after {LONG // 4}"), (ever, f"any time to {LONG // 4}")):
                met = int((found >= 1 / doubt).sum())
                yield Rate(f"an interval is wrong, {name} shares", replicas, stopping, wrong, met, runs)


def unequal(runs: int, replicas: int, dice: np.random.Generator) -> Iterator[Rate]:
    """Shares called equal although one of them lies at the end of the margin."""
    margin = 0.5
    for wrong in RATES:
        doubt = budget.doubt(1 - wrong, 1, replicas)
        most = 2 * stats.to_show_equal(replicas, margin=margin, doubt=doubt, miss=1e-3)
        share = (1 + margin) / replicas
        shares = crowd.weighted(*[(1 - share) / (replicas - 1)] * (replicas - 1), share)
        rules = crowd.Rules(alarm=1e-300, margin=margin, doubt=doubt, most=most, every=replicas)
        _, shown, _ = crowd.ended(runs, shares, dice, rules)
        yield Rate(
            "a share at the margin's end called equal", replicas, f"any time to {most}", wrong, shown, runs
        )


def plans(runs: int, replicas: int, dice: np.random.Generator) -> Iterator[Rate]:
    """Equal chances that the planned sample leaves without a verdict: 20 % at 99 %, three entry nodes."""
    doubt = budget.doubt(0.99, 3, replicas)
    for miss in RATES:
        size = stats.to_show_equal(replicas, margin=0.2, doubt=doubt, miss=miss)
        counts = dice.multinomial(size, crowd.equal(replicas), runs)
        met = int((~crowd.within(counts, margin=0.2, doubt=doubt)).sum())
        yield Rate(
            "margin of 20 % not shown by the planned sample", replicas, f"after {size}", miss, met, runs
        )


def seen(runs: int, dice: np.random.Generator) -> Iterator[Rate]:
    """Replicas that are there and unseen; an extra backend that is not met."""
    for replicas in (2, 6, 20):
        for chance in RATES:
            size = stats.to_see_all(replicas, chance)
            counts = dice.multinomial(size, crowd.equal(replicas), runs)
            met = int((counts == 0).any(axis=1).sum())
            yield Rate("a present replica called missing", replicas, f"after {size}", chance, met, runs)
            size = stats.to_hit_extra(replicas, chance)
            counts = dice.multinomial(size, crowd.equal(replicas + 1), runs)
            met = int((counts[:, -1] == 0).sum())
            yield Rate("an extra backend not met", replicas, f"after {size}", chance, met, runs)


def power(runs: int, dice: np.random.Generator) -> Iterator[str]:
    """What is found of planted faults with the budget of a run: no promises, but what the tests are worth."""
    entries, replicas = 3, 6
    rules = crowd.Rules(
        alarm=budget.alarm(1e-6, entries),
        margin=0.2,
        doubt=budget.doubt(0.99, entries, replicas),
        most=stats.sample_size(replicas, entries=entries, margin=0.2),
        every=3 * replicas,
    )
    yield "| planted, 6 replicas | refuted | upheld | unknown | answers: median | 99th percentile |"
    yield "|---|---|---|---|---|---|"
    for name, weights in FAULTS.items():
        refuted, shown, lengths = crowd.ended(runs, crowd.weighted(*weights), dice, rules)
        told = [f"{100 * one / runs:.2f} %" for one in (refuted, shown, runs - refuted - shown)]
        middle, late = np.quantile(lengths, [0.5, 0.99])
        yield f"| {name} | {' | '.join(told)} | {middle:.0f} | {late:.0f} |"
    yield f"\nAt most {rules.most} answers per entry node; ended as soon as the evidence suffices."


def sizes() -> Iterator[str]:
    """Requests per entry node by the number of replicas, with three entry nodes and the default limits."""
    yield "| replicas | requests per entry node, `rr` read | random choice, at most |"
    yield "|---|---|---|"
    for replicas in (2, 3, 6, 10, 20, 50, 100):
        least, most = (stats.sample_size(replicas, entries=3, margin=margin) for margin in (None, 0.2))
        yield f"| {replicas} | {least} | {most} |"


def main() -> int:
    """Simulate; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, help="page whose measured part is written anew")
    asked = parser.parse_args()
    dice, began = np.random.default_rng(asked.seed), time.monotonic()
    same = all(
        crowd.agrees(dice, shares, 300)
        for shares in (crowd.equal(2), crowd.weighted(*FAULTS["weight 3 at one"]))
    )
    lines = [
        "| what | replicas | answers | promised at most | measured | runs | |",
        "|---|---|---|---|---|---|---|",
    ]
    broken = 0
    for rate in rates(asked.runs, dice):
        broken += rate.broken
        lines.append(rate.row())
    lines += ["", *power(asked.runs, dice), "", *sizes()]
    lines += [
        "",
        f"Seed {asked.seed}; promises broken: {broken}; arrays and judges agree: {'yes' if same else 'NO'}.",
    ]
    print("\n".join(lines))
    print(f"{time.monotonic() - began:.0f} s")
    if asked.into is not None:
        before, _, rest = asked.into.read_text().partition(BEGIN)
        asked.into.write_text("\n".join([before + BEGIN, *lines, END + rest.partition(END)[2]]))
    return int(broken > 0 or not same)


if __name__ == "__main__":
    sys.exit(main())
