"""Latency of answered requests: percentiles per path and entry node, and how they are spread."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from harness.evidence import Traffic
from harness.journal import Saved
from harness.report.figures import Data, Figure

_STEPS = 12  # bins per factor of ten
_COLOURS = {"ingress": "@a", "vip": "@b", "localhost": "@c"}
_FLOOR = 1e-4  # s; less is noise of the clock


@dataclasses.dataclass(frozen=True)
class Percentiles:
    """Of the answered requests of one entry node, in seconds."""

    path: str
    entry: str
    answered: int
    p50: float
    p95: float
    p99: float
    slowest: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ``ordered`` (ascending, not empty); ``share`` in 0..1."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def answered(saved: Saved) -> dict[tuple[str, str], list[float]]:
    """Latencies (s, ascending) of answered requests on fresh connections by (path, entry node)."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for kept in saved.evidence.values():
        if isinstance(kept, Traffic) and not kept.kept_alive:
            for one in kept.samples:
                if one.ok:
                    found[one.path.value, one.entry].append(one.latency)
    return {key: sorted(values) for key, values in sorted(found.items())}


def percentiles(latencies: dict[tuple[str, str], list[float]]) -> tuple[Percentiles, ...]:
    """Percentiles per path and entry node."""
    return tuple(
        Percentiles(
            path,
            entry,
            len(values),
            percentile(values, 0.5),
            percentile(values, 0.95),
            percentile(values, 0.99),
            values[-1],
        )
        for (path, entry), values in latencies.items()
    )


def histogram(latencies: dict[tuple[str, str], list[float]]) -> Figure | None:
    """Share of requests over latency (logarithmic), one line per path; None without any."""
    by_path: dict[str, Counter[int]] = defaultdict(Counter)
    for (path, _), values in latencies.items():
        by_path[path].update(math.floor(math.log10(max(_FLOOR, value)) * _STEPS) for value in values)
    if not by_path:
        return None
    data: list[Data] = []
    for path, counts in by_path.items():
        places = range(min(counts) - 1, max(counts) + 2)
        total = counts.total()
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": path,
                "line": {"shape": "hvh", "width": 2, "color": _COLOURS.get(path, "@ink")},
                "x": [round(1000 * 10 ** ((place + 0.5) / _STEPS), 4) for place in places],
                "y": [round(100 * counts[place] / total, 3) for place in places],
                "hovertemplate": "%{y:.1f} % at about %{x:.2g} ms<extra>" + path + "</extra>",
            }
        )
    picture: Data = {
        "margin": {"l": 56, "r": 12, "t": 12, "b": 48},
        "xaxis": {
            "type": "log",
            "title": {"text": "latency, ms"},
            "gridcolor": "@grid",
            "tickvals": [step * 10**power for power in range(-2, 6) for step in (1, 2, 5)],
            "tickformat": "~g",
            "zeroline": False,
        },
        "yaxis": {
            "title": {"text": "share of requests"},
            "ticksuffix": " %",
            "rangemode": "tozero",
            "gridcolor": "@grid",
            "zeroline": False,
            "nticks": 5,
        },
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        "showlegend": True,
    }
    return Figure("latency", 250, tuple(data), picture)
