"""Do the embedded DNS servers of all nodes say what the manager says?"""

from __future__ import annotations

from harness.evidence import NameAnswer, Names, Roster
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, replaced

_REMEDY = (
    "compare the node's endpoint table (docker network inspect -v) with the running tasks; update --force"
)


@judge
def vip_resolves(names: Names) -> Verdict:
    """On every node the service's name resolves to exactly one address: its VIP.

    Args:
        names: answers from all nodes that could be asked, and the service's VIPs as the manager has them.
    """
    vips = {place.address for place in names.vips}
    if not vips:
        return unknown(f"the manager gave no VIP of {names.service}: nothing to compare with")
    mine = _answers(names, names.service)

    def look(answer: NameAnswer) -> Part:
        if answer.error or not answer.addresses:
            return _wrong(names, answer, "name-missing", ("E2", "D2"), "does not resolve")
        if len(answer.addresses) > 1:
            told = f"resolves to {len(answer.addresses)} addresses ({listed(answer.addresses)}), 1 expected"
            return _wrong(names, answer, "several-vips", ("E3", "E1"), told)
        if answer.addresses[0] not in vips:
            told = f"resolves to {answer.addresses[0]}, the VIP is {listed(sorted(vips))}"
            return _wrong(names, answer, "wrong-vip", ("E1", "E3"), told)
        return GOOD

    parts = [look(answer) for answer in mine]
    seen = sorted({address for answer in mine for address in answer.addresses})
    if len(seen) > 1 and all(part is GOOD for part in parts):
        parts.append(bad(f"the nodes disagree about the VIP: {listed(seen)}"))
    return _conclude(
        names, parts, mine, f"{names.service} resolves to exactly its VIP {listed(seen)} on all {{nodes}}"
    )


@judge
def tasks_resolve(names: Names, roster: Roster, *, network: str = "") -> Verdict:
    """On every node ``tasks.<service>`` resolves to exactly the addresses of the running tasks.

    Args:
        names: answers from all nodes that could be asked.
        roster: the running replicas with their addresses.
        network: id or name of the network that the asking tasks share with the service; empty: the one on
            which the service's VIP was resolved, else the one whose addresses fit the answers best.
    """
    if told := replaced(roster):
        return unknown(f"{told}: the names may hold either")
    mine = _answers(names, f"tasks.{names.service}")
    chosen = network or _network(names, roster, mine)
    want = {p.address for one in roster.replicas for p in one.addresses if p.network == chosen}
    if len(want) < len(roster.replicas) or not want:
        return unknown(
            f"{len(want)} of {count(len(roster.replicas), 'replica')} have a known address on "
            f"{chosen or 'a shared network'}: nothing to compare with"
        )

    def look(answer: NameAnswer) -> Part:
        if answer.error or not answer.addresses:
            return _wrong(names, answer, "name-missing", ("E2", "D2"), "does not resolve")
        extra, gone = set(answer.addresses) - want, want - set(answer.addresses)
        if extra:
            told = f"names {listed(sorted(extra))}, which no running task has"
            told += f", and lacks {listed(sorted(gone))}" if gone else ""
            return _wrong(names, answer, "stale-name", ("E1",), told)
        if gone:
            told = f"lacks {len(gone)} of {len(want)} running tasks: {listed(sorted(gone))}"
            return _wrong(names, answer, "name-incomplete", ("E2", "D2"), told)
        return GOOD

    good = f"tasks.{names.service} resolves to exactly {count(len(want), 'running task')} on all {{nodes}}"
    return _conclude(names, [look(answer) for answer in mine], mine, good)


def _answers(names: Names, name: str) -> tuple[NameAnswer, ...]:
    return tuple(answer for answer in names.answers if answer.name.rstrip(".") == name)


def _network(names: Names, roster: Roster, mine: tuple[NameAnswer, ...]) -> str:
    resolved = {address for answer in _answers(names, names.service) for address in answer.addresses}
    for vip in names.vips:
        if vip.address in resolved:
            return vip.network
    told = {address for answer in mine for address in answer.addresses}
    fits: dict[str, int] = {}
    for place in (place for replica in roster.replicas for place in replica.addresses):
        fits[place.network] = fits.get(place.network, 0) + (place.address in told)
    return max(fits, key=lambda one: (fits[one], one), default="")


def _wrong(names: Names, answer: NameAnswer, name: str, modes: tuple[str, ...], told: str) -> Part:
    sentence = f"{answer.node}: {answer.name} {told}" + (f" ({answer.error})" if answer.error else "")
    subject = Subject(node=answer.node, service=names.service, path="vip")
    return bad(sentence, Finding(name, subject, sentence, modes, f"on {answer.node}, {_REMEDY}"))


def _conclude(names: Names, parts: list[Part], mine: tuple[NameAnswer, ...], good: str) -> Verdict:
    missing = [blind(f"{node}: not asked ({why})") for node, why in names.missing]
    return conclude(
        [*parts, *missing],
        good.format(nodes=count(len({answer.node for answer in mine}), "node")),
        subject=Subject(service=names.service, path="vip"),
        witnesses=("inside",),
        numbers={
            "answers": {answer.node: list(answer.addresses) for answer in mine},
            "missing": dict(names.missing),
        },
    )


__all__ = ["tasks_resolve", "vip_resolves"]
