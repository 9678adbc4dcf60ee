"""Names on overlay networks: `dnsrr` and its order, aliases, and that no network tells another's names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from harness.evidence import Around, NameDraw, Refusal, Roster
from harness.judge.chance import bounds, log_evidence, within
from harness.judge.fair import Terms, percent, span
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, replaced, tally

_LOST = 0.01  # share of questions without an answer in time that says nothing of the names
_TIMEOUT = "timeout"
_REMEDY = "compare the node's endpoint table (docker network inspect -v) with the running tasks"


@judge
def drawn_at_random(
    look: Around,
    roster: Roster,
    *,
    name: str,
    false_alarm: float = 1e-6,
    miss: float = 1e-3,
    margin: float = 0.2,
    confidence: float = 0.99,
) -> Verdict:
    """A name under ``dnsrr`` is exactly its running tasks, each of which stands first about equally often.

    The resolver shuffles what it answers (moby, libnetwork/resolver.go, ``shuffleAddr``): clients take the
    first address, so its choice is what balances.

    Args:
        look: answers from all nodes that could be asked.
        roster: the tasks.
        name: of the service.
        false_alarm: chance that equal chances are called unequal, in the whole run.
        miss: chance that the planned questions do not show the margin.
        margin: relative: shares this much off the fair one count as equal.
        confidence: that all intervals of the sentence hold.
    """
    if told := replaced(roster):
        return unknown(f"{told}: the name may hold either")
    want = _addresses(look, roster)
    if not want or len(want) < len(roster.replicas):
        return unknown(f"{len(want)} of {count(len(roster.replicas), 'task')} have a known address")
    draws = look.of(name)
    terms = Terms.of(
        len(want),
        max(1, len(look.nodes)),
        false_alarm=false_alarm,
        miss=miss,
        margin=margin,
        confidence=confidence,
    )
    parts = [_exact(draw, want) for draw in draws]
    parts += [_order(draw, want, terms) for draw, part in zip(draws, parts, strict=True) if part is GOOD]
    ranges = [bounds(_firsts(draw, want).values(), terms.doubt) for draw in draws if draw.firsts]
    low, high = (min((one[0] for one in ranges), default=0.0), max((one[1] for one in ranges), default=1.0))
    return _conclude(
        [look],
        parts,
        f"{name} is exactly {count(len(want), 'running task')} on all {count(len(draws), 'node')}, and each "
        f"stands first in {span(low, high)} of at least {_least(draws)} answers with {percent(confidence)} "
        f"confidence (fair {percent(1 / len(want))}, margin {percent(margin)})",
        Subject(service=roster.service),
        {"firsts": {draw.node: dict(draw.firsts) for draw in draws}},
    )


@judge
def refused(refusal: Refusal, *, because: str) -> Verdict:
    """The engine refuses what cannot work, and says why.

    Args:
        refusal: what it said.
        because: a word of the reason; another reason would be another refusal.
    """
    if not refusal.said:
        told = f"the engine accepted {refusal.asked}"
        return conclude(
            [bad(told, Finding("not-refused", Subject(), told, (), "docker service rm it: nothing answers"))],
            "",
            subject=Subject(),
            witnesses=(),
            numbers={},
        )
    if because.lower() not in refusal.said.lower():
        return unknown(f"{refusal.asked} was refused for another reason: {refusal.said}")
    return conclude(
        [GOOD],
        f"{refusal.asked}: {refusal.said}",
        subject=Subject(),
        witnesses=(),
        numbers={},
    )


@judge
def aliases_resolve(looks: Sequence[Around], *, aliases: Sequence[Sequence[object]]) -> Verdict:
    """On every node an alias resolves to what its service's own name does.

    Args:
        looks: on the networks of the services.
        aliases: rows of alias, service, name of the network, addresses that the manager says.
    """
    parts: list[Part] = []
    told: dict[str, dict[str, list[str]]] = {}
    for alias, service, network, addresses in aliases:
        want = frozenset(map(str, _rows(addresses)))
        if not want:
            return unknown(f"the manager tells no address of {service}: nothing to compare with")
        draws = [draw for look in looks if look.network == network for draw in look.of(str(alias))]
        parts += [_exact(draw, want, str(service)) for draw in draws] or [blind(f"{alias} was not asked for")]
        told[str(alias)] = {draw.node: [one for one, _ in draw.answers] for draw in draws}
    return _conclude(
        looks,
        parts,
        f"{count(len(aliases), 'alias')} on {count(len(looks), 'network')} resolve on every node to what "
        f"their services' names do: {listed([f'{row[0]} of {row[1]}' for row in aliases])}",
        Subject(),
        {"answers": told},
    )


@judge
def names_stay(looks: Sequence[Around], *, names: Sequence[Sequence[str]]) -> Verdict:
    """No task is told a name of a network that it is not on; tasks on that network are.

    Args:
        looks: of tasks, each on one network.
        names: rows of name and the name of the network that knows it.
    """
    parts: list[Part] = []
    asked = 0
    for name, home in names:
        told = [draw for look in looks if look.network == home for draw in look.of(name) if draw.answers]
        known = {draw.node for draw in told}
        mine = {one for draw in told for answer, _ in draw.answers for one in answer.split()}
        for look in looks:
            if look.network == home:
                continue
            for draw in look.of(name):
                asked += draw.asked
                parts.append(_told(look, draw, home, mine, control=draw.node in known))
    return _conclude(
        looks,
        parts,
        f"{count(len(names), 'name')} known on one of {count(len(looks), 'network')} are told to no task on "
        f"another, on any of {count(len({node for look in looks for node in look.nodes}), 'node')} "
        f"({count(asked, 'question')}); tasks on their own network are told them",
        Subject(),
        {"names": [list(one) for one in names]},
    )


def _told(look: Around, draw: NameDraw, home: str, mine: set[str], *, control: bool) -> Part:
    """A name server outside may know anything: only addresses of the other network have leaked."""
    leaked = sorted({one for answer, _ in draw.answers for one in answer.split()} & mine)
    if leaked:
        told = f"{draw.node}: a task on {look.network} is told {draw.name} of {home}: {listed(leaked)}"
        remedy = f"on {draw.node}, is the task on both networks? Else restart that node's engine"
        return bad(told, Finding("name-leaked", Subject(node=draw.node), told, ("E1",), remedy))
    if not control:
        return blind(f"{draw.node}: {draw.name} does not resolve on {home} either")
    if not draw.answers and all(why == _TIMEOUT for why, _ in draw.errors):
        return blind(f"{draw.node}: nobody answered for {draw.name} on {look.network}")
    return GOOD


def _exact(draw: NameDraw, want: frozenset[str], service: str = "") -> Part:
    """Every answer holds exactly these addresses."""
    wrong: dict[str, int] = {}
    for addresses, times in draw.answers:
        extra, lacking = set(addresses.split()) - want, want - set(addresses.split())
        if extra:
            wrong["stale-name"] = wrong.get("stale-name", 0) + times
        elif lacking:
            wrong["name-incomplete"] = wrong.get("name-incomplete", 0) + times
    missing = {why: times for why, times in draw.errors if why != _TIMEOUT}
    if missing:
        wrong["name-missing"] = sum(missing.values())
    if wrong:
        name = max(wrong, key=lambda one: (wrong[one], one))
        seen = sorted({one for addresses, _ in draw.answers for one in addresses.split()} ^ want)
        told = (
            f"{draw.node}: {draw.name}: {wrong[name]} of {count(draw.asked, 'answer')} "
            + ("without an address" if name == "name-missing" else f"wrong by {listed(seen)}")
            + (f" ({tally(missing)})" if missing else "")
        )
        subject = Subject(node=draw.node, service=service or draw.name)
        return bad(told, Finding(name, subject, told, ("E1", "E2"), f"on {draw.node}, {_REMEDY}"))
    lost = sum(times for why, times in draw.errors if why == _TIMEOUT)
    if not draw.answers or lost > _LOST * draw.asked:
        return blind(f"{draw.node}: {lost} of {count(draw.asked, 'question')} for {draw.name} got no answer")
    return GOOD


def _firsts(draw: NameDraw, want: frozenset[str]) -> dict[str, int]:
    return {**dict.fromkeys(sorted(want), 0), **dict(draw.firsts)}


def _order(draw: NameDraw, want: frozenset[str], terms: Terms) -> Part:
    """Which address stands first is chosen at random."""
    firsts = _firsts(draw, want)
    total, most = sum(firsts.values()), max(firsts, key=lambda one: (firsts[one], one))
    shown = all(
        within(hits, total, len(firsts), margin=terms.margin, doubt=terms.doubt) for hits in firsts.values()
    )
    if shown:
        return GOOD
    if log_evidence(list(firsts.values())) >= -math.log(terms.alarm):
        told = (
            f"{draw.node}: {most} stands first in {firsts[most]} of {count(total, 'answer')} for {draw.name}"
        )
        name = "name-order-fixed" if firsts[most] == total else "name-order-uneven"
        remedy = (
            f"on {draw.node}, what answers at 127.0.0.11 port 53 of a task, and is there a cache before it?"
        )
        subject = Subject(node=draw.node, service=draw.name, address=most)
        return bad(told, Finding(name, subject, told, (), remedy))
    low, high = bounds(firsts.values(), terms.doubt)
    return blind(
        f"{draw.node}: {count(total, 'answer')} only show that each stands first in {span(low, high)}: "
        f"{terms.most} suffice"
    )


def _addresses(look: Around, roster: Roster) -> frozenset[str]:
    places = {look.network, look.network_id}
    return frozenset(p.address for one in roster.replicas for p in one.addresses if p.network in places)


def _least(draws: Sequence[NameDraw]) -> int:
    return min((sum(times for _, times in draw.firsts) for draw in draws), default=0)


def _rows(value: object) -> Iterable[object]:
    return value if isinstance(value, (list, tuple)) else ()


def _conclude(
    looks: Sequence[Around], parts: list[Part], good: str, subject: Subject, numbers: Mapping[str, object]
) -> Verdict:
    missing = [blind(f"{node}: not asked ({why})") for look in looks for node, why in look.missing]
    skipped = {node: why for look in looks for node, why in look.skipped}
    return conclude(
        [*parts, *missing],
        good,
        subject=subject,
        witnesses=("inside",),
        numbers={**numbers, "skipped": skipped},
    )


__all__ = ["aliases_resolve", "drawn_at_random", "names_stay", "refused"]
