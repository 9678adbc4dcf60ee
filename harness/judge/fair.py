"""Equal shares where replicas are chosen at random: the rule, for judges and for whoever asks meanwhile."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.evidence import Balancers, Roster, Traffic
from harness.judge import budget, stats
from harness.judge.chance import Trial, bounds
from harness.judge.symptoms import Entry
from harness.judge.tables import table_of
from harness.judge.verdict import Finding
from harness.judge.words import GOOD, Part, bad, blind, count
from harness.model import Path, Sample

_EVERY = 16  # answers after which a watch looks whether the margin is shown


@dataclasses.dataclass(frozen=True)
class Terms:
    """What is asked of equal shares at one entry node.

    Attributes:
        alarm: chance of a false alarm there.
        margin: relative: shares from ``1 - margin`` to ``1 + margin`` of the fair one count as equal.
        confidence: that all intervals of the sentence hold.
        doubt: chance that one replica's interval is wrong.
        miss: chance that ``most`` answers do not show the margin.
    """

    replicas: int
    alarm: float
    margin: float
    confidence: float
    doubt: float
    miss: float

    @classmethod
    def of(
        cls,
        replicas: int,
        nodes: int,
        *,
        false_alarm: float = 1e-6,
        miss: float = 1e-3,
        margin: float = 0.2,
        confidence: float = 0.99,
    ) -> Terms:
        """The run's chances, split over its claims and over the entry nodes and replicas of this one."""
        doubt = budget.doubt(confidence, nodes, replicas)
        return cls(replicas, budget.alarm(false_alarm, nodes), margin, confidence, doubt, miss)

    @property
    def most(self) -> int:
        """Answers that suffice to show the margin."""
        return stats.to_show_equal(self.replicas, margin=self.margin, doubt=self.doubt, miss=self.miss)

    def trial(self, names: Sequence[str]) -> Trial:
        """Equal chances of these, on trial."""
        return Trial(names, alarm=self.alarm, margin=self.margin, doubt=self.doubt)


def try_all(entry: Entry, terms: Terms) -> Trial:
    """The trial after all answers of ``entry``, in their order."""
    trial = terms.trial(list(entry.counts))
    for one in entry.answered:
        trial.see(one.replica)
    return trial


def judged(entry: Entry, terms: Terms) -> Part:
    """Equal shares of ``entry``, at which nothing was lost and every replica answered.

    Upheld where the answers came in strict turns, which random choice does not do, or where every replica's
    interval lies within the margin; refuted where the evidence against equal chances suffices.
    """
    if in_turns(entry, terms):
        return GOOD
    trial = try_all(entry, terms)
    if trial.refuted:
        return skewed(entry, trial)
    if trial.shown:
        return GOOD
    low, high = bounds(trial.counts.values(), terms.doubt)
    return blind(
        f"{entry.node}: {count(trial.total, 'answer')} of random choice only show that shares are "
        f"{span(low, high)} (fair {percent(1 / len(trial.counts))}, margin {percent(terms.margin)}): "
        f"{terms.most} suffice"
    )


def suspicious(entry: Entry, terms: Terms) -> Part:
    """Refuted where the evidence against equal chances suffices; the margin need not be shown."""
    trial = try_all(entry, terms)
    return skewed(entry, trial) if trial.refuted else GOOD


def in_turns(entry: Entry, terms: Terms) -> bool:
    """Whether the answers themselves show a round robin, though none was read."""
    replicas, order = len(entry.counts), [one.replica for one in entry.answered]
    return (
        len(set(order[:replicas])) == replicas
        and stats.periodic(order, replicas)
        and stats.turns_by_chance(replicas, len(order)) <= terms.alarm
    )


def skewed(entry: Entry, trial: Trial) -> Part:
    """The refuted part, which names the replica that is furthest from its share."""
    counts, share = trial.counts, trial.total / len(trial.counts)
    replica = max(counts, key=lambda name: (abs(counts[name] - share), name))
    told = f"{counts[replica]} of {trial.total} answers for one of {len(counts)} replicas"
    why = f"with equal chances so with at most {pvalue(trial):.1g}, budget {trial.alarm:.1g}"
    return bad(f"{entry.node}: {told}", uneven(entry, why, replica))


def uneven(entry: Entry, why: str, replica: str = "") -> Finding:
    """The finding for shares that differ."""
    return Finding(
        "uneven-at-entry",
        entry.subject(replica),
        f"{entry.node}: {extremes(entry.counts)} of {len(entry.answered)} answers; {why}",
        ("B4",),
        f"on {entry.node}, look at the weights in /proc/net/ip_vs, and who else connects to the port",
    )


def numbers(entry: Entry, terms: Terms) -> dict[str, Any]:
    """Bounds of all shares at random choice, and the chance of such answers; nothing for round robin."""
    if not entry.answered or (entry.table and entry.table.exact):
        return {"share": []}
    low, high = bounds(entry.counts.values(), terms.doubt)
    return {"share": [round(low, 4), round(high, 4)], "chance": pvalue(try_all(entry, terms))}


def told(every: Sequence[Entry], terms: Terms) -> str:
    """What an upheld sentence says of entries where no ``rr`` was read."""
    chosen = [entry for entry in every if entry.answered and not (entry.table and entry.table.exact)]
    rest = [entry for entry in chosen if not in_turns(entry, terms)]
    by_chance = [bounds(one.counts.values(), terms.doubt) for one in rest]
    pieces = [f"answers in strict turns at {len(chosen) - len(rest)}"] if len(rest) < len(chosen) else []
    if by_chance:
        low, high = min(low for low, _ in by_chance), max(high for _, high in by_chance)
        pieces.append(
            f"every share {span(low, high)} with {percent(terms.confidence)} confidence, margin "
            f"{percent(terms.margin)} of the fair {percent(1 / len(chosen[0].counts))}"
        )
    return "; ".join(pieces)


class Watch:
    """Told each request of one entry node, says when that node need be asked no more.

    Attributes:
        exact: whether ``rr`` was read there.
        least: requests that are asked for in any case; nodes where ``rr`` was read need no more, nor do those
            that lost a request or had a foreign answer, or answered in strict turns.
        most: of requests, where random choice decides; from ``least`` on it ends as soon as it is told.
    """

    def __init__(self, names: Sequence[str], terms: Terms, *, exact: bool, least: int, most: int) -> None:
        self.least, self.most = least, most
        self.exact = exact
        self._names, self._terms = frozenset(names), terms
        self._trial, self._order = terms.trial(names), list[str]()
        self._asked, self._broken, self._turns = 0, False, True

    def __call__(self, sample: Sample) -> bool:
        """Whether this was enough."""
        self._asked += 1
        if not sample.ok or sample.replica not in self._names:
            self._broken = True
        elif not self.exact:
            self._take(sample.replica)
        if self._asked < self.least:
            return False
        return self.exact or self._broken or self._asked >= self.most or self._decided()

    def _take(self, replica: str) -> None:
        turn = len(self._names)
        if len(self._order) >= turn:
            self._turns = self._turns and self._order[-turn] == replica
        self._order.append(replica)
        self._trial.see(replica)

    def _decided(self) -> bool:
        counts = self._trial.counts.values()
        if not all(counts):  # a missing replica has a rule of its own
            return stats.unseen_chance(len(counts), self._trial.total) <= self._terms.alarm
        unlikely = stats.turns_by_chance(len(counts), self._trial.total) <= self._terms.alarm
        in_turns = self._turns and max(counts) - min(counts) <= 1 and unlikely
        look = self._asked == self.least or self._asked % _EVERY == 0
        return in_turns or self._trial.refuted or (look and self._trial.shown)


def watches(
    nodes: Sequence[str], path: Path, roster: Roster, balancers: Balancers, terms: Terms, *, least: int
) -> dict[str, Watch]:
    """A watch by entry node, for a sampler to end as soon as the evidence suffices.

    Args:
        nodes: hostnames of the entry nodes.
        path: on which the service is asked.
        roster: its replicas.
        balancers: the IPVS tables read in this run.
        terms: of the judge that will judge it.
        least: requests for each in any case.
    """
    tables = {node: table_of(balancers, node, path, roster) for node in nodes}
    names = [replica.task for replica in roster.replicas]
    return {
        node: Watch(
            names, terms, exact=table is not None and table.exact, least=least, most=max(least, terms.most)
        )
        for node, table in tables.items()
    }


def undecided(traffic: Traffic, roster: Roster, balancers: Balancers, terms: Terms) -> tuple[str, ...]:
    """Entry nodes of ``traffic`` of which more requests would tell more."""
    found = []
    for node in traffic.entries:
        samples = traffic.at(node)
        watch = watches([node], traffic.path, roster, balancers, terms, least=len(samples))[node]
        if samples and not [watch(one) for one in sorted(samples, key=lambda one: (one.began, one.seq))][-1]:
            found.append(node)
    return tuple(found)


def percent(share: float) -> str:
    """``16.7 %``, without useless zeros."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def span(low: float, high: float) -> str:
    """``14.1-19.2 %``."""
    return f"{100 * low:.1f}-{100 * high:.1f} %"


def extremes(counts: Mapping[str, int]) -> str:
    """``between 3 and 5 per replica``."""
    return f"between {min(counts.values())} and {max(counts.values())} per replica"


def pvalue(trial: Trial) -> float:
    """The chance, at most, that equal chances ever give such evidence."""
    return float(f"{math.exp(-min(trial.highest, 700.0)):.2g}")
