"""The whole run in one picture: requests per second, faults, steps and what the engine told, on one axis."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from harness.evidence import Fault, Load, Traffic
from harness.journal import Saved
from harness.report.figures import Data, Figure, counts_axis, lanes_axis, layout, row_label, stack
from harness.report.timeline import LANE, bars

EVENTS = "engine events"


def overview(saved: Saved) -> Figure | None:
    """The whole run: requests per second, faults, and the steps; None if nothing carries a time."""
    times = [float(one["t"]) for one in saved.records if isinstance(one.get("t"), int | float)]
    steps = [
        (str(one["name"]), float(one["t"]) - float(one["seconds"]), float(one["t"]), "@step")
        for one in saved.of("phase")
        if one["name"] not in {"all", "report"}
    ]
    if not times:
        return None
    faults = [one for one in saved.evidence.values() if isinstance(one, Fault)]
    zero = min([*times, *(start for _, start, _, _ in steps)])
    end = max(times)
    loads = [
        (f"load {'kept' if one.kept_alive else 'fresh'}", at - one.seconds, at, "@step")
        for one, at in _loads(saved)
    ]
    broken = [
        (one.kind, one.began, (one.ended or end) if one.lasting else one.proved or one.began, "@lost")
        for one in faults
    ]
    spans = sorted([*steps, *loads, *broken], key=lambda one: one[1])
    told = [one for one in saved.of("event") if isinstance(one.get("t"), int | float)]
    lanes = [*dict.fromkeys(name for name, _, _, _ in spans), *([EVENTS] if told else [])]
    height, domains = stack([90, max(1, len(lanes)) * LANE], top=16)
    base = layout("seconds since the run began", (0.0, round(end - zero, 1)), [*lanes, "requests/s"], top=16)
    base["yaxis"] = counts_axis(domains[0])
    base["annotations"].append(row_label("requests/s", domains[0]))
    base["yaxis2"] = lanes_axis(lanes, domains[1])
    samples = [one for kept in saved.evidence.values() if isinstance(kept, Traffic) for one in kept.samples]
    lane: Data = {
        "type": "bar",
        "orientation": "h",
        "yaxis": "y2",
        "base": [round(start - zero, 2) for _, start, _, _ in spans],
        "x": [round(max(0.15, until - start), 2) for _, start, until, _ in spans],
        "y": [name for name, _, _, _ in spans],
        "width": 0.72,
        "marker": {"color": [colour for _, _, _, colour in spans], "line": {"width": 0}},
        "customdata": [round(until - start, 2) for _, start, until, _ in spans],
        "hovertemplate": "%{y}: %{customdata} s<extra></extra>",
    }
    events: Data = {
        "type": "scatter",
        "mode": "markers",
        "yaxis": "y2",
        "x": [round(float(one["t"]) - zero, 2) for one in told],
        "y": [EVENTS] * len(told),
        "marker": {"symbol": "line-ns-open", "size": 11, "color": "@ink"},
        "hovertext": [html.escape(_event(one)) for one in told],
        "hovertemplate": "%{x:.1f} s: %{hovertext}<extra></extra>",
    }
    return Figure("overview", height, (*bars(samples, zero, "y", width=1.0), lane, events), base)


def _event(record: Mapping[str, Any]) -> str:
    """``service create h-1f2e3d-whoami``, ``node update swarm-worker1 ready -> down``."""
    words = [str(record.get(key, "")) for key in ("type", "action", "name")]
    attributes = record.get("attributes") or {}
    states = [str(attributes[key]) for key in ("state.old", "state.new") if key in attributes]
    return " ".join([*filter(None, words), " -> ".join(states)]).strip()


def _loads(saved: Saved) -> list[tuple[Load, float]]:
    found = []
    for record in saved.of("evidence"):
        kept = saved.evidence.get(str(record.get("id")))
        if isinstance(kept, Load):
            found.append((kept, float(record["t"])))
    return found
