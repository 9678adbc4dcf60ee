"""Pictures over time: traffic, faults and what the manager saw, on one axis."""

from __future__ import annotations

import dataclasses
import html
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from harness.evidence import Change, Cluster, Fault, History, Traffic
from harness.journal import Claim, Saved
from harness.model import ENDED_STATES, Sample
from harness.report.figures import (
    Data,
    Figure,
    axis,
    counts_axis,
    lanes_axis,
    layout,
    levels,
    mark,
    row_label,
    stack,
)

BIN = 0.2  # s
_BEFORE, _AFTER = 6.0, 4.0  # s shown around what happened
_ROW, LANE = 74, 21  # px
_CHARACTER = 0.0115  # width of a label's character, as a share of the picture when printed
_COLOURS = {"running": "@ok", "down": "@lost", "disconnected": "@lost", "unknown": "@lost"}


@dataclasses.dataclass(frozen=True)
class Story:
    """A traffic with faults in it: the picture and the claims judged on it."""

    figure: Figure
    title: str
    requests: int
    lost: int
    outcomes: tuple[tuple[str, int], ...]
    claims: tuple[Claim, ...]


@dataclasses.dataclass(frozen=True)
class Segment:
    """A span in a lane: a node's or a task's state."""

    lane: str
    start: float
    end: float
    state: str
    text: str
    told: str


def stories(saved: Saved) -> tuple[Story, ...]:
    """One picture per traffic during which a fault was injected, in time order."""
    every = list(saved.evidence.values())
    faults = sorted((one for one in every if isinstance(one, Fault)), key=lambda one: one.began)
    histories = [one for one in every if isinstance(one, History)]
    names = _hostnames(saved)
    found: list[Story] = []
    for traffic in sorted((one for one in every if isinstance(one, Traffic)), key=lambda one: one.began):
        inside = [one for one in faults if traffic.began <= one.began <= traffic.ended]
        if inside and traffic.samples:
            overlapping = [
                one for one in histories if one.began <= traffic.ended and one.ended >= traffic.began
            ]
            found.append(_story(saved, traffic, inside, overlapping, names, len(found)))
    return tuple(found)


def segments(histories: Iterable[History], names: dict[str, str]) -> tuple[Segment, ...]:
    """What the manager saw, as lanes: first nodes, then the slots of the service, sorted.

    In a slot's lane the newest task is drawn; what an older one still goes through is left out.
    """
    changes: dict[tuple[int, str], list[Change]] = defaultdict(list)
    end = max((one.ended for one in histories), default=0.0)
    for change in sorted((one for history in histories for one in history.changes), key=lambda one: one.at):
        node = names.get(change.node, change.node)
        if change.what == "node":
            changes[0, f"node {node or names.get(change.id, change.id)}"].append(change)
        elif change.what == "task":
            changes[1, f"task .{change.slot}" if change.slot else f"task on {node}"].append(change)
    found: list[Segment] = []
    for (kind, lane), mine in sorted(changes.items()):
        current = _newest(mine) if kind else mine
        for change, after in zip(current, [*current[1:], None], strict=True):
            until = end if after is None else after.at
            if until <= change.at or change.state in ENDED_STATES or (change.desired == "shutdown" and kind):
                continue
            node = names.get(change.node, change.node)
            told = " ".join(
                part for part in (change.state, f"on {node}" if kind else "", change.detail) if part
            )
            found.append(Segment(lane, change.at, until, change.state, node if kind else change.state, told))
    return tuple(found)


def _newest(changes: list[Change]) -> list[Change]:
    """The changes of the task that was the newest of its slot at the time."""
    current, seen, kept = "", set(), []
    for change in changes:
        if change.id not in seen:
            seen.add(change.id)
            current = change.id
        if change.id == current:
            kept.append(change)
    return kept


def _story(
    saved: Saved,
    traffic: Traffic,
    faults: Sequence[Fault],
    histories: Sequence[History],
    names: dict[str, str],
    number: int,
) -> Story:
    zero = faults[0].began
    ids = {traffic.id, *(fault.id for fault in faults)}
    claims = tuple(one for one in saved.claims if ids & _evidence_of(one))
    lost = Counter(one.outcome.value for one in traffic.samples if not one.ok)
    title = "; ".join(f"{fault.kind} {names.get(fault.subject, fault.subject)[:24]}" for fault in faults)
    drawn = segments(histories, names)
    span = (traffic.began - zero, traffic.ended - zero)
    lanes = list(dict.fromkeys(one.lane for one in drawn))
    marks = _marks(faults, histories, names, zero, span)
    widths = [len(text) * _CHARACTER * (span[1] - span[0]) for _, text, _ in marks]
    leftward = [at + width > span[1] for (at, _, _), width in zip(marks, widths, strict=True)]
    places = [
        at - width if left else at for (at, _, _), width, left in zip(marks, widths, leftward, strict=True)
    ]
    stacked = levels(places, widths)
    top = 30 + 15 * max(stacked, default=0)
    heights = [_ROW] * len(traffic.entries) + ([max(1, len(lanes)) * LANE] if lanes else [])
    height, domains = stack(heights, top=top)
    names_shown = [*lanes, *(f"via {entry}" for entry in traffic.entries)]
    base = layout(
        f"seconds since the fault, service {html.escape(traffic.service)}", span, names_shown, top=top
    )
    data: list[Data] = []
    for row, entry in enumerate(traffic.entries):
        key, name = axis(row + 1)
        base[key] = counts_axis(domains[row])
        base["annotations"].append(row_label(f"via {html.escape(entry)}", domains[row]))
        data.extend(bars(traffic.at(entry), zero, name))
    if lanes:
        key, name = axis(len(heights))
        base[key] = lanes_axis(lanes, domains[-1])
        data.append(_lanes(drawn, zero, name, span))
    for (at, text, colour), level, left in zip(marks, stacked, leftward, strict=True):
        line, label = mark(at, text, level=level, colour=colour, leftward=left)
        base["shapes"].append(line)
        base["annotations"].append(label)
    for fault in faults:
        if fault.lasting:
            base["shapes"].append(_shade(fault, zero, span))
    figure = Figure(f"story-{number}", height, tuple(data), base)
    return Story(figure, title, len(traffic.samples), sum(lost.values()), tuple(lost.most_common()), claims)


def bars(samples: Iterable[Sample], zero: float, yaxis: str, *, width: float = BIN) -> tuple[Data, Data]:
    """Answered and lost requests per bin of ``width`` s by when they were due, as two stacked traces."""
    good: Counter[int] = Counter()
    bad: dict[int, Counter[str]] = defaultdict(Counter)
    for one in samples:
        place = math.floor(round((one.planned - zero) / width, 4))  # a due time on the edge belongs after it
        if one.ok:
            good[place] += 1
        else:
            bad[place][one.outcome.value] += 1
    common = {"type": "bar", "width": width, "yaxis": yaxis, "marker": {"line": {"width": 0}}}
    lost = sorted(bad)
    kept = sorted(good)

    def middle(places: Sequence[int]) -> list[float]:
        return [round((place + 0.5) * width, 3) for place in places]

    return (
        {
            **common,
            "x": middle(kept),
            "y": [good[place] for place in kept],
            "marker": {"color": "@ok", "line": {"width": 0}},
            "hovertemplate": "%{x:.1f} s: %{y} answered<extra></extra>",
        },
        {
            **common,
            "x": middle(lost),
            "y": [bad[place].total() for place in lost],
            "marker": {"color": "@lost", "line": {"width": 0}},
            "hovertext": [
                ", ".join(f"{count} {outcome}" for outcome, count in bad[place].most_common())
                for place in lost
            ],
            "hovertemplate": "%{x:.1f} s: lost: %{hovertext}<extra></extra>",
        },
    )


def _lanes(drawn: Sequence[Segment], zero: float, yaxis: str, span: tuple[float, float]) -> Data:
    wide = (span[1] - span[0]) * 0.1
    shown = [
        dataclasses.replace(one, start=max(one.start - zero, span[0]), end=min(one.end - zero, span[1]))
        for one in drawn
    ]
    shown = [one for one in shown if one.end > one.start]
    return {
        "type": "bar",
        "orientation": "h",
        "yaxis": yaxis,
        "base": [round(one.start, 3) for one in shown],
        "x": [round(one.end - one.start, 3) for one in shown],
        "y": [one.lane for one in shown],
        "width": 0.72,
        "marker": {
            "color": [_colour(one) for one in shown],
            "line": {"width": 1, "color": "@paper"},
        },
        "text": [html.escape(one.text) if one.end - one.start > wide else "" for one in shown],
        "textposition": "inside",
        "insidetextanchor": "start",
        "textangle": 0,
        "constraintext": "none",
        "textfont": {"color": "@paper", "size": 11},
        "hovertext": [html.escape(one.told) for one in shown],
        "customdata": [[round(one.start, 2), round(one.end, 2)] for one in shown],
        "hovertemplate": "%{y}: %{hovertext}<br>%{customdata[0]} s to %{customdata[1]} s<extra></extra>",
    }


def _colour(segment: Segment) -> str:
    """A task that is ready waits, as during its restart delay; a node that is ready is well."""
    if segment.state == "ready" and segment.lane.startswith("node "):
        return "@ok"
    return _COLOURS.get(segment.state, "@starting")


def _marks(
    faults: Sequence[Fault],
    histories: Sequence[History],
    names: dict[str, str],
    zero: float,
    span: tuple[float, float],
) -> list[tuple[float, str, str]]:
    found: dict[tuple[str, float], tuple[float, str, str]] = {}
    for fault in faults:
        what = html.escape(f"{fault.kind} {names.get(fault.subject, fault.subject)[:24]}")
        found[what, fault.began] = (fault.began - zero, f"<b>{what}</b>", "@lost")
        if fault.lasting and fault.ended is not None and fault.ended - fault.began > 1:
            found[what, fault.ended] = (fault.ended - zero, f"{html.escape(fault.kind)} undone", "@ink")
    for change in (one for history in histories for one in history.changes):
        if change.what == "node" and change.at - zero > 0:
            node = html.escape(names.get(change.node or change.id, change.node or change.id))
            text = f"{node} {change.state} (+{change.at - zero:.1f} s)"
            found[text, 0] = (change.at - zero, text, "@ink")
    return sorted(one for one in found.values() if span[0] <= one[0] <= span[1])


def _shade(fault: Fault, zero: float, span: tuple[float, float]) -> Data:
    end = span[1] if fault.ended is None else min(span[1], fault.ended - zero)
    return {
        "type": "rect",
        "layer": "below",
        "x0": fault.began - zero,
        "x1": end,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "fillcolor": "@shade",
        "line": {"width": 0},
    }


def _hostnames(saved: Saved) -> dict[str, str]:
    clusters = [one for one in saved.evidence.values() if isinstance(one, Cluster)]
    return {node.id: node.hostname for cluster in clusters for node in cluster.nodes}


def _evidence_of(claim: Claim) -> set[str]:
    basis = claim.verdict.basis
    values = basis.args.values() if basis else ()
    return {str(value["$evidence"]) for value in values if isinstance(value, dict) and "$evidence" in value}
