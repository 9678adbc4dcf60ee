"""When the lab's machine was busy with other things, what took too long is not the swarm's fault."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.evidence import Span
from harness.judge.verdict import Basis, State, Verdict

STARVED = 0.3  # share of the processors' time that others may take before bounds in time say nothing
EXCUSABLE = frozenset(
    {
        "backend-left-out",
        "data-path-port-blocked",
        "dead-node-costs-requests",
        "gossip-port-blocked",
        "load-failures",
        "load-rate-low",
        "load-slow",
        "lost-in-change",
        "management-port-blocked",
        "node-not-back",
        "node-not-detected",
        "not-even-again",
        "outage-too-long",
        "port-open-after-remove",
        "proxy-fails",
        "proxy-uneven",
        "replacement-too-early",
        "replica-replaced",
        "requests-lost-at-entry",
        "scale-missed",
        "task-not-replaced",
        "update-not-over",
        "vote-not-counted",
        "vote-refused",
    }
)  # findings that a slow machine alone can bring about


@dataclasses.dataclass(frozen=True)
class Use:
    """The share of the machine's processor time that others took from ``began`` to ``ended`` (seconds)."""

    began: float
    ended: float
    others: float


def uses(records: Iterable[Mapping[str, Any]]) -> tuple[Use, ...]:
    """The ``machine`` records of a journal; those that do not fit are left out."""
    found = []
    for record in records:
        values = [
            one for name in ("began", "t", "others") if isinstance(one := record.get(name), int | float)
        ]
        if len(values) == len(dataclasses.fields(Use)):
            began, ended, others = map(float, values)
            found.append(Use(began, ended, others))
    return tuple(found)


def excused(verdict: Verdict, seen: Sequence[Use], spans: Mapping[str, Span]) -> Verdict:
    """``verdict``, or *unknown* if others took the processors while its evidence was gathered.

    Only a refutation of which every finding is one that a slow machine alone can bring about is excused; the
    sentence keeps what was seen.

    Args:
        verdict: as it was judged.
        seen: how the machine was used during the run; without any nothing is excused.
        spans: from when to when each piece of evidence was gathered, by its id.
    """
    names = {finding.name for finding in verdict.findings}
    if verdict.state is not State.REFUTED or not names or not names <= EXCUSABLE:
        return verdict
    share = _share(seen, _span(verdict.basis, spans))
    if share <= STARVED:
        return verdict
    told = (
        f"the machine that runs the lab spent {share:.0%} of its processors' time on other work meanwhile, "
        f"so this may not be the swarm's: {verdict.sentence}"
    )
    numbers = {**verdict.numbers, "machine": {"others": round(share, 3), "bound": STARVED}}
    return dataclasses.replace(verdict, state=State.UNKNOWN, sentence=told, numbers=numbers, findings=())


def _span(basis: Basis | None, spans: Mapping[str, Span]) -> Span | None:
    """From the beginning of the first to the end of the last piece of evidence that a verdict stands on."""
    values = basis.args.values() if basis else ()
    named = [str(value.get("$evidence")) for value in values if isinstance(value, Mapping)]
    found = [spans[name] for name in named if name in spans]
    return (min(begin for begin, _ in found), max(end for _, end in found)) if found else None


def _share(seen: Sequence[Use], span: Span | None) -> float:
    """The share of others within the span, each reading weighed by how much of it lies there."""
    if span is None:
        return 0.0
    weights = [max(0.0, min(one.ended, span[1]) - max(one.began, span[0])) for one in seen]
    whole = sum(weights)
    if not whole:
        return 0.0
    return sum(one.others * weight for one, weight in zip(seen, weights, strict=True)) / whole
