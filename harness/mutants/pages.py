"""The pages that tell what came of trials: the README in short, docs/mutants.md in full."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.errors import RequestError
from harness.mutants.result import Result, Results, Score

_BEGIN, _END = "<!-- mutants: written by harness mutants --write -->", "<!-- end of mutants -->"
_DETAILS = "docs/mutants.md"
_GROUPS = {
    "A": "host entry",
    "B": "IPVS, ingress sandbox, load balancers",
    "C": "overlay, vxlan",
    "D": "gossip",
    "E": "names",
    "F": "addresses",
}


def summary(results: Results, untried: Mapping[str, str]) -> str:
    """The README's part: a line per group, the score in one, and a clause for each that is missing."""
    rows = [
        "| group | mutants | by traffic | by the audit | by both | caught | named |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for group, title in _GROUPS.items():
        some = [one for one in results.results if one.mode.startswith(group)]
        if some:
            rows.append(_line(f"{group}: {title}", Score.of(some)))
    score = Score.of(results.results)
    rows.append(_line("all", score))
    head = f"Engine {results.engine}, kernel {results.kernel}, {results.date}."
    told = f"Caught {score.caught} of {score.mutants}, named {score.named}"
    design = ", ".join(one.id for one in results.results if one.by_design)
    told += f", by design {score.by_design} ({design})" if design else ""
    parts = [head, "\n".join(rows), f"{told}: [why, in full]({_DETAILS})."]
    missed = [f"- {one.id}, {one.title}: {_clause(one)}" for one in results.results if not one.passed]
    left = [f"- {mode}: {_first(why)}" for mode, why in untried.items()]
    parts += _listed("Not caught, or not named:", missed) + _listed("Not tried:", left)
    return "\n\n".join(parts)


def drawn(text: str, name: str, results: Results, untried: Mapping[str, str]) -> str:
    """A page as it must be: its part drawn from the results."""
    draw = summary if name == "README.md" else details
    return written_into(text, draw(results, untried))


def details(results: Results, untried: Mapping[str, str]) -> str:
    """The part of the page in docs/: every mutant in a line, then all there is to say of those missing."""
    rows = ["| id | what is broken | seen by | finding | |", "|---|---|---|---|---|"]
    for one in results.results:
        names = ", ".join(dict.fromkeys(f"`{told.partition(' ')[0]}`" for told in one.findings)) or "-"
        seen = ", ".join(one.caught_by) or "-"
        verdict = (
            "by design" if one.by_design else "named" if one.passed else "caught" if one.caught else "missed"
        )
        rows.append(f"| {one.id} | {one.title} | {seen} | {names} | {verdict} |")
    design = [f"- {one.id}, {one.title}: {one.by_design}" for one in results.results if one.by_design]
    missed = [f"- {one.id}, {one.title}: {lacking(one)}" for one in results.results if not one.passed]
    left = [f"- {mode}: {why}" for mode, why in untried.items()]
    parts = ["\n".join(rows), *_listed("By design, measured instead of judged:", design)]
    parts += _listed("Not caught, or not named:", missed) + _listed("Not tried:", left)
    return "\n\n".join(parts)


def lacking(one: Result) -> str:
    """What a result lacks, in all its words."""
    return one.why or _clause(one)


def written_into(text: str, table: str) -> str:
    """A page with the part between its marks replaced.

    Raises:
        RequestError: the page has no marks.
    """
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise RequestError(f"the page has no line {_BEGIN} with {_END} after it")
    return f"{head}{begin}\n\n{table}\n\n{end}{tail}"


def _clause(one: Result) -> str:
    """What a result lacks, in a few words."""
    silent = [witness for witness in one.witnesses if witness not in one.caught_by]
    if silent:
        return f"{' and '.join(silent)} did not refute"
    return _first(one.why) if one.troubled else "not named exactly"


def _first(why: str) -> str:
    """The first clause of a reason."""
    return re.split("[;,] ", why, maxsplit=1)[0]


def _listed(title: str, lines: list[str]) -> list[str]:
    return [title + "\n\n" + "\n".join(lines)] if lines else []


def _line(title: str, score: Score) -> str:
    counts = (score.mutants, score.black_box, score.audited, score.both, score.caught)
    return f"| {title} | {' | '.join(map(str, counts))} | {_named(score)} |"


def _named(score: Score) -> str:
    return f"{score.named}, {score.by_design} by design" if score.by_design else str(score.named)
