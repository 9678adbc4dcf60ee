"""Parts of plotly figures as plain data: loading plotly's Python classes would cost more than it gives.

Colours are words such as ``@lost``; the page's script puts the theme's colours in their place, so that one
figure serves light, dark and print.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

Data: TypeAlias = dict[str, Any]
TOP, BOTTOM, GAP = 58, 44, 14  # px


@dataclasses.dataclass(frozen=True)
class Figure:
    """One picture: plotly's ``data`` and ``layout``; ``height`` in px."""

    id: str
    height: int
    data: tuple[Data, ...]
    layout: Data

    def plain(self) -> Data:
        """As JSON data for the page."""
        return {"data": list(self.data), "layout": {**self.layout, "height": self.height}}


def stack(heights: Sequence[int], *, top: int = TOP) -> tuple[int, list[list[float]]]:
    """Rows of a figure under one time axis, from the top.

    Args:
        heights: of the rows, px.
        top: space above the first row, px.

    Returns:
        the figure's height (px) and the rows' domains as plotly counts them, from the bottom.
    """
    inner = sum(heights) + GAP * (len(heights) - 1)
    domains, at = [], float(inner)
    for height in heights:
        domains.append([round((at - height) / inner, 5), round(at / inner, 5)])
        at -= height + GAP
    return inner + top + BOTTOM, domains


def axis(number: int) -> tuple[str, str]:
    """The names of the y axis in row ``number`` (from 1) in the layout and in a trace."""
    return ("yaxis", "y") if number == 1 else (f"yaxis{number}", f"y{number}")


def layout(title: str, span: tuple[float, float], names: Iterable[str], *, top: int = TOP) -> Data:
    """What all figures with one time axis share.

    Args:
        title: of the time axis.
        span: that is shown, seconds.
        names: of rows and lanes, for which there must be room at the left.
        top: space above the first row, px.
    """
    room = round(max(90, 44 + 7.2 * max((len(name) for name in names), default=0)))
    return {
        "margin": {"l": room, "r": 12, "t": top, "b": BOTTOM},
        "xaxis": {
            "title": {"text": title, "standoff": 8},
            "range": list(span),
            "zeroline": False,
            "gridcolor": "@grid",
            "anchor": "free",
            "position": 0,
            "ticksuffix": " s",
        },
        "barmode": "stack",
        "bargap": 0,
        "showlegend": False,
        "hovermode": "closest",
        "shapes": [],
        "annotations": [],
    }


def counts_axis(domain: list[float]) -> Data:
    """The y axis of a row of counts."""
    return {
        "domain": domain,
        "title": {"text": ""},
        "rangemode": "tozero",
        "nticks": 3,
        "gridcolor": "@grid",
        "zeroline": False,
        "fixedrange": True,
        "automargin": False,
    }


def lanes_axis(names: Sequence[str], domain: list[float]) -> Data:
    """The y axis of a row of lanes with these names, from the top."""
    return {
        "domain": domain,
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names)[::-1],
        "range": [-0.5, max(1, len(names)) - 0.5],
        "fixedrange": True,
        "ticks": "",
        "ticklabelstandoff": 6,
        "showgrid": False,
    }


def row_label(name: str, domain: list[float]) -> Data:
    """The name of a row as an annotation at its left."""
    return {
        "text": name,
        "xref": "paper",
        "x": 0,
        "xanchor": "right",
        "xshift": -34,
        "yref": "paper",
        "y": (domain[0] + domain[1]) / 2,
        "yanchor": "middle",
        "showarrow": False,
        "align": "right",
        "font": {"color": "@ink", "size": 12},
    }


def mark(
    at: float, text: str, *, level: int = 0, colour: str = "@ink", leftward: bool = False
) -> tuple[Data, Data]:
    """A vertical line over all rows and its label above them.

    Args:
        at: seconds.
        text: HTML as plotly knows it.
        level: line of text on which the label stands, from 0; for labels that would overlap.
        colour: of both.
        leftward: whether the label ends at the line instead of beginning there.
    """
    line = {
        "type": "line",
        "x0": at,
        "x1": at,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": colour, "width": 1.2, "dash": "dot"},
    }
    label = {
        "text": text,
        "x": at,
        "xanchor": "right" if leftward else "left",
        "xshift": -3 if leftward else 3,
        "yref": "paper",
        "y": 1,
        "yshift": 8 + 15 * level,
        "yanchor": "middle",
        "showarrow": False,
        "font": {"color": colour, "size": 11.5},
    }
    return line, label


def levels(places: Sequence[float], widths: Sequence[float]) -> list[int]:
    """For labels that begin at ``places`` (ascending) with ``widths``: the lowest line on which each fits."""
    ends: list[float] = []
    chosen = []
    for place, width in zip(places, widths, strict=True):
        free = next((line for line, end in enumerate(ends) if end <= place), len(ends))
        if free == len(ends):
            ends.append(0.0)
        ends[free] = place + width
        chosen.append(free)
    return chosen
