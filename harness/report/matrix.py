"""Entry node x replica: who answered whom, counted from the samples that the spread was judged on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.evidence import Roster, Traffic
from harness.journal import Saved
from harness.judge.verdict import Verdict

_JUDGES = ("covered", "even", "even_again", "pinned")  # those who look at shares


@dataclasses.dataclass(frozen=True)
class Cell:
    """Answers of one replica through one entry node; ``share`` is relative to the row's fair share (1.0)."""

    count: int
    share: float

    @property
    def shade(self) -> int:
        """Strength of its colour in percent: fair share 45, double 90."""
        return max(8, min(90, round(45 * self.share)))


@dataclasses.dataclass(frozen=True)
class Row:
    """One entry node: its cells in the columns' order, requests without an answer, answers of strangers."""

    entry: str
    cells: tuple[Cell, ...]
    lost: int
    foreign: int
    requests: int
    outcomes: tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class Matrix:
    """The heat map of one traffic.

    Attributes:
        checks: ids of the checks that were judged on it.
        columns: (replica's label, node, task id), in slot order.
    """

    id: str
    service: str
    path: str
    checks: tuple[str, ...]
    kept_alive: bool
    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[Row, ...]

    @property
    def broken(self) -> bool:
        """Whether anything but answers of the service's own replicas came, or a cell is empty."""
        return any(row.lost or row.foreign or any(not cell.count for cell in row.cells) for row in self.rows)


def matrices(saved: Saved) -> tuple[Matrix, ...]:
    """One per traffic and roster that a spread was judged on, in the order of the claims."""
    wanted: dict[tuple[str, str, str], list[str]] = {}
    parts: dict[tuple[str, str, str], tuple[Traffic, Roster]] = {}
    for claim in saved.claims:
        basis = claim.verdict.basis
        if basis is None or basis.judge not in _JUDGES:
            continue
        traffic, roster = _traffic(basis.args, saved), _roster(basis.args, saved)
        if traffic is None or roster is None:
            continue
        since = basis.args.get("since")
        if isinstance(
            since, int | float
        ):  # from when it was even again, at the latest from when it had to be
            settled = _settled(claim.verdict, float(basis.args.get("within", 0.0)))
            traffic = traffic.between(since + settled, traffic.ended)
        key = (traffic.id, roster.id, f"{traffic.began:.3f}")
        wanted.setdefault(key, []).append(claim.check)
        parts[key] = (traffic, roster)
    return tuple(matrix(*parts[key], tuple(dict.fromkeys(checks))) for key, checks in wanted.items())


def _settled(verdict: Verdict, within: float) -> float:
    """Seconds until every entry node was even again, at most ``within``, which stands where nobody knows."""
    took = verdict.numbers.get("took")
    known = list(took.values()) if isinstance(took, dict) else []
    if not known or any(not isinstance(one, int | float) for one in known):
        return within
    return float(min(max(known), within))


def matrix(traffic: Traffic, roster: Roster, checks: tuple[str, ...] = ()) -> Matrix:
    """Count the answers of ``traffic`` by entry node and replica of ``roster``."""
    replicas = sorted(roster.replicas, key=lambda one: (one.slot, one.node, one.task))
    rows = []
    for entry in traffic.entries:
        samples = traffic.at(entry)
        answers = Counter(one.replica for one in samples if one.ok)
        counts = [answers.pop(one.task, 0) for one in replicas]
        fair = sum(counts) / len(counts) if counts else 0.0
        outcomes = Counter(one.outcome.value for one in samples if not one.ok)
        rows.append(
            Row(
                entry,
                tuple(Cell(count, count / fair if fair else 0.0) for count in counts),
                sum(outcomes.values()) - outcomes.get("wrong-body", 0),
                sum(answers.values()) + outcomes.get("wrong-body", 0),
                len(samples),
                tuple(outcomes.most_common()),
            )
        )
    columns = tuple((f".{one.slot}", one.node, one.task) for one in replicas)
    return Matrix(
        traffic.id, traffic.service, traffic.path.value, checks, traffic.kept_alive, columns, tuple(rows)
    )


def _traffic(args: Mapping[str, Any], saved: Saved) -> Traffic | None:
    value = args.get("traffic")
    if not isinstance(value, dict):
        return None
    found = saved.evidence.get(str(value.get("$evidence")))
    span = value.get("span")
    if not isinstance(found, Traffic):
        return None
    return found.between(*span) if span and (found.began, found.ended) != tuple(span) else found


def _roster(args: Mapping[str, Any], saved: Saved) -> Roster | None:
    value = args.get("roster")
    found = saved.evidence.get(str(value.get("$evidence"))) if isinstance(value, dict) else None
    return found if isinstance(found, Roster) else None
