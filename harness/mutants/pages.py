"""The pages that tell what came of trials: the README's table, and every mutant in a line."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import RequestError
from harness.mutants.result import Result, Results, Score

_BEGIN, _END = "<!-- mutants: written by harness mutants --write -->", "<!-- end of mutants -->"
_GROUPS = {
    "A": "host entry",
    "B": "IPVS, ingress sandbox, load balancers",
    "C": "overlay, vxlan",
    "D": "gossip",
    "E": "names",
    "F": "addresses",
}


def summary(results: Results, untried: Mapping[str, str]) -> str:
    """The README's table: a line per group, the score, and all that is missing."""
    rows = [
        "| group | mutants | by traffic | by the audit | by both | caught | named |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for group, title in _GROUPS.items():
        some = [one for one in results.results if one.mode.startswith(group)]
        if some:
            rows.append(_line(f"{group}: {title}", Score.of(some)))
    rows.append(_line("all", Score.of(results.results)))
    told = [f"- {one.id}, {one.title}: {lacking(one)}" for one in results.results if not one.passed]
    design = [f"- {one.id}, {one.title}: {one.by_design}" for one in results.results if one.by_design]
    head = f"Engine {results.engine}, kernel {results.kernel}, {results.date}."
    parts = [head, "\n".join(rows)]
    parts += ["By design, measured instead of judged:\n\n" + "\n".join(design)] if design else []
    parts += ["Not caught, or not named:\n\n" + "\n".join(told)] if told else []
    left = [f"- {mode}: {why}" for mode, why in untried.items()]
    parts += ["Not tried:\n\n" + "\n".join(left)] if left else []
    return "\n\n".join(parts)


def drawn(text: str, name: str, results: Results, untried: Mapping[str, str]) -> str:
    """A page as it must be: its table drawn from the results."""
    return written_into(text, summary(results, untried) if name == "README.md" else details(results))


def details(results: Results) -> str:
    """Every mutant in a line, for the page in docs/."""
    rows = ["| id | what is broken | seen by | finding | |", "|---|---|---|---|---|"]
    for one in results.results:
        names = ", ".join(dict.fromkeys(f"`{told.partition(' ')[0]}`" for told in one.findings)) or "-"
        seen = ", ".join(one.caught_by) or "-"
        verdict = (
            "by design" if one.by_design else "named" if one.passed else "caught" if one.caught else "missed"
        )
        rows.append(f"| {one.id} | {one.title} | {seen} | {names} | {verdict} |")
    return "\n".join(rows)


def lacking(one: Result) -> str:
    """What a result lacks, in words."""
    silent = sorted(set(one.witnesses) - set(one.caught_by))
    return one.why or (f"{', '.join(silent)} did not refute" if silent else "not named exactly")


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


def _line(title: str, score: Score) -> str:
    counts = (score.mutants, score.black_box, score.audited, score.both, score.caught)
    return f"| {title} | {' | '.join(map(str, counts))} | {_named(score)} |"


def _named(score: Score) -> str:
    return f"{score.named}, {score.by_design} by design" if score.by_design else str(score.named)
