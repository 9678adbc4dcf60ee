"""The page: one file that opens offline, the verdict and the broken promises first."""

from __future__ import annotations

import datetime as dt
import importlib.resources
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from harness import checks
from harness.config import Limits
from harness.evidence import Load
from harness.journal import Claim, Saved
from harness.judge.verdict import State
from harness.report import latency, overview, pairs, timeline
from harness.report.kept import kept
from harness.report.matrix import matrices
from harness.report.summary import MARK, headline
from harness.report.terminal import duration
from harness.report.verdicts import Checked, Document

_LATE = re.compile(r"the generator itself was late: (\d+) of (\d+) requests (began over [^,]*)")
_SEVERAL = 2
_MEANS = {
    State.UPHELD: "Every promise that was checked held.",
    State.REFUTED: "The swarm broke a promise. What is broken comes first.",
    State.UNKNOWN: "It could not be told whether the swarm keeps its promises. No evidence is never green.",
}


def page(saved: Saved, found: Document) -> str:
    """The report of a run as one self-contained HTML document; everything observed is escaped.

    Args:
        saved: the journal, for the pictures.
        found: the verdicts, for everything that is said.
    """
    counts = headline(found).removeprefix(found.verdict).lstrip(" :")  # the banner says the verdict
    stories = timeline.stories(saved)
    latencies = latency.answered(saved)
    pictures = [overview.overview(saved), *(one.figure for one in stories), latency.histogram(latencies)]
    figures = {one.id: one.plain() for one in pictures if one is not None}
    environment = saved.run.get("environment", {})
    loads = [one for one in saved.evidence.values() if isinstance(one, Load)]
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            found=found,
            headline=counts,
            means=_MEANS[found.verdict],
            began=_when(saved),
            took=_took(saved),
            refuted=found.grouped(State.REFUTED),
            unknown=found.grouped(State.UNKNOWN),
            environment=environment,
            matrices=matrices(saved),
            kept=kept(saved),
            chapters=_chapters(found),
            grids=pairs.grids(saved),
            stories=[(one, _judged(one.claims, saved, found)) for one in stories],
            figures=figures,
            percentiles=latency.percentiles(latencies),
            loads=loads,
            limits=_limits(environment.get("limits", {})),
            troubles=_folded(
                str(one.get("text", "")) for kind in ("trouble", "note") for one in saved.of(kind)
            ),
            torn=saved.torn,
            plotly=_plotly() if figures else "",
        )
    )


def _folded(texts: Iterable[str]) -> list[str]:
    """What went wrong beside the swarm; what the generator says of each of its traffics is one line."""
    every = list(texts)
    late = [found for found in map(_LATE.match, every) if found]
    if len(late) < _SEVERAL:
        return every
    behind, planned = (sum(int(found[part]) for found in late) for part in (1, 2))
    told = (
        f"the generator itself was late in {len(late)} traffics: {behind} of {planned} requests {late[0][3]}"
    )
    return [told, *(text for text in every if not _LATE.match(text))]


def _chapters(found: Document) -> dict[str, list[Checked]]:
    """Every check under its chapter, both in the order of the run."""
    chapters: dict[str, list[Checked]] = {}
    for one in found.checks:
        chapters.setdefault(checks.chapter_of(one.id), []).append(one)
    return chapters


def _judged(claims: Sequence[Claim], saved: Saved, found: Document) -> list[Checked]:
    """What the document says now of recorded claims: the n-th of an id is the document's n-th of that id."""
    now = []
    for claim in claims:
        same = [one for one in saved.claims if one.check == claim.check]
        told = [one for one in found.checks if one.id == claim.check]
        place = next(number for number, one in enumerate(same) if one is claim)
        now.extend(told[place : place + 1])
    return now


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ms"] = _ms
    environment.filters["duration"] = duration
    environment.filters["pretty"] = _pretty
    environment.globals["mark"] = {state.value: mark for state, mark in MARK.items()}
    return environment


def _plotly() -> markupsafe.Markup:
    """plotly.js as the plotly package ships it, made safe to stand inside a script element."""
    text = (importlib.resources.files("plotly") / "package_data" / "plotly.min.js").read_text("utf-8")
    return markupsafe.Markup(text.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704  not from a node


def _ms(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f}" if milliseconds < 100 else f"{milliseconds:,.0f}".replace(",", "\u202f")  # noqa: PLR2004  three digits are enough


def _pretty(value: Any) -> str:
    """A number, a word, or JSON for whatever is nested."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004  four digits are enough
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "not seen" if value is None else str(value)


def _limits(values: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(name, value, meaning) of the limits in force, in the order of the configuration."""
    fields = Limits.model_fields
    known = [name for name in fields if name in values]
    others = sorted(set(values) - set(known))
    return [
        (name, "computed" if values[name] is None else _pretty(values[name]), _meaning(name))
        for name in (*known, *others)
    ]


def _meaning(name: str) -> str:
    field = Limits.model_fields.get(name)
    return (field.description or "") if field else ""


def _when(saved: Saved) -> str:
    wall = saved.run.get("wall")
    if not isinstance(wall, int | float):
        return ""
    return dt.datetime.fromtimestamp(wall, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _took(saved: Saved) -> str:
    times = [float(one["t"]) for one in saved.records if isinstance(one.get("t"), int | float)]
    return duration(max(times) - min(times)) if times else ""
