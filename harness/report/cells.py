"""Fields of the tables that show what was asked pair by pair: one field of each kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from harness.evidence import Pair, SizeTry, Vantage

V6 = "::1"
_PROTOCOLS = ("icmp", "tcp", "udp")
_V6_FINE = frozenset({"ok", "refused", "unreachable"})  # as the judge of vantage points has it


@dataclasses.dataclass(frozen=True)
class Cell:
    """One field: what it says, how it went, and what a pointer over it tells.

    Attributes:
        state: ``ok``, ``late`` (in the end, or as is known of it), ``lost``, ``untold`` (asked, nobody told)
            or ``none`` (nothing to ask).
    """

    text: str
    state: str
    told: str = ""


def of_pairs(pairs: Sequence[Pair], arrived: bool | None, *, same: bool, first: bool) -> Cell:
    """The protocols that passed, or those that did not: the worst of them gives the colour."""
    if not pairs:
        return Cell("", "none", "a node does not ask itself" if same else "not asked")
    ordered = sorted(pairs, key=lambda pair: _PROTOCOLS.index(pair.protocol))
    told = [
        f"{pair.protocol.upper()} {pair.state}, {_tries(pair)}: {pair.proof}".rstrip(": ") for pair in ordered
    ]
    if arrived is not None:
        told.append("its datagrams arrived there" if arrived else "none of its datagrams arrived there")
    lost = [pair for pair in ordered if pair.state not in {"open", "skipped"}]
    late = [pair for pair in ordered if pair.state == "open" and pair.tries > 1]
    silent = [pair for pair in ordered if pair.state == "skipped"]
    if lost:
        foreign = all(pair.state == "foreign" for pair in lost)
        text = f"{'another' if foreign else 'no'} {_protocols(lost)}"
        return Cell(text, "lost", "; ".join(told))
    if silent:
        return Cell("not told", "untold", "; ".join(told))
    if late:
        return Cell(
            f"{late[0].protocol.upper()} at try {late[0].tries}", "lost" if first else "late", "; ".join(told)
        )
    return Cell(_protocols(ordered), "ok", "; ".join(told))


def of_sizes(tries: Sequence[SizeTry]) -> Cell:
    """Whether payloads of one size arrived; how many, where it was tried more than once."""
    if not tries:
        return Cell("", "none", "not tried")
    lost = [one for one in tries if not one.passed]
    again = sum(one.passed and one.tries > 1 for one in tries)
    slowest = max(one.seconds for one in tries)
    told = f"{len(tries) - len(lost)} of {len(tries)} passed, {again} after another try"
    told += f", slowest {slowest * 1000:.0f} ms"
    if lost:
        reasons = ", ".join(dict.fromkeys(one.detail for one in lost if one.detail))
        text = f"{len(lost)} of {len(tries)} lost" if len(tries) > 1 else "lost"
        return Cell(text, "lost", f"{told} {reasons}".strip())
    return Cell(f"{len(tries)} ✓" if len(tries) > 1 else "✓", "late" if again else "ok", told)


def of_vantages(found: Sequence[Vantage], *, refuted: bool) -> Cell:
    """Answered of asked; of ``::1`` the outcome itself, which is lost only where a judge says so."""
    if not found:
        return Cell("", "none", "not asked")
    outcomes: dict[str, int] = {}
    for one in found:
        for name, number in one.outcomes:
            outcomes[name] = outcomes.get(name, 0) + number
    asked, good = sum(outcomes.values()), outcomes.get("ok", 0)
    told = ", ".join(f"{number} {name}" for name, number in outcomes.items())
    details = " ".join(dict.fromkeys(one.detail for one in found if one.detail))
    told = f"{told}: {details}" if details else told
    if found[0].kind == V6:
        fine = set(outcomes) <= _V6_FINE
        return Cell(", ".join(outcomes), "ok" if fine else "lost" if refuted else "late", told)
    return Cell(f"{good}/{asked}", "ok" if good == asked else "lost", told)


def _protocols(pairs: Iterable[Pair]) -> str:
    return " ".join(dict.fromkeys(pair.protocol.upper() for pair in pairs))


def _tries(pair: Pair) -> str:
    return f"{pair.tries} {'try' if pair.tries == 1 else 'tries'}"
