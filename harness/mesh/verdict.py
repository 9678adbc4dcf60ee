"""The judge of the third witness: do the kernels hold what the manager says?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from harness.evidence.mesh import KernelLook, Truth
from harness.inside.allowed import NODE_INSPECT
from harness.judge.verdict import Subject, Verdict, judge
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed
from harness.mesh.audit import audit, scene_of
from harness.mesh.expected import expect
from harness.mesh.findings import Audit, Cell
from harness.mesh.natives import native_tables
from harness.mesh.observed import kernels
from harness.mesh.places import Scene

WITNESSES = ("kernel",)
_TOLD = (
    ("rules", "rule"),
    ("marks", "mark"),
    ("backends", "real server"),
    ("fdb entries", "forwarding entry"),
    ("neighbours", "neighbour"),
)
_DEEPER = (
    ("gossip rows", "gossip row"),
    ("gossip peers", "gossip peer"),
    ("containers", "container"),
    ("listeners", "listener"),
    ("certificates", "certificate"),
)
_NOT_ASKED = (
    "without --allow node-inspect nobody looked at gossip's own tables, orphan containers, owners of "
    "listeners, certificates and dockerd's logs"
)


@dataclasses.dataclass(frozen=True)
class Held:
    """The kernels held against the manager's word: the scene, and what came of it."""

    scene: Scene
    audit: Audit


def held(look: KernelLook, before: Truth, after: Truth) -> Held:
    """Compare what was read with what the manager said before and after."""
    expected, read = expect(before, after, look.clocks, look.read), kernels(look)
    result = audit(read, expected, missing=look.missing, skipped=look.skipped, tables=native_tables(look))
    if NODE_INSPECT not in look.allowed:
        result = dataclasses.replace(result, remarks=(("", "", _NOT_ASKED), *result.remarks))
    return Held(scene_of(read, expected, look.missing), result)


@judge
def tables_agree(
    look: KernelLook,
    before: Truth,
    after: Truth,
    *,
    services: Sequence[str] = (),
    settled: Sequence[str] = (),
) -> Verdict:
    """The tables of every node that takes tasks hold what the manager says, and nothing else of the mesh's.

    What is in transit gives no finding; the rule stands in :mod:`harness.mesh.settling`.

    Args:
        look: read between the truths.
        before: what the manager said before.
        after: what it said afterwards.
        services: names; findings of other services are left out, those of nodes are not.
        settled: names of services of which something must have been compared.
    """
    result = held(look, before, after).audit
    parts = [*_parts(result, frozenset(services))]
    known = {service.name for truth in (before, after) for service in truth.services}
    parts += [blind(f"the manager knows no service {name}") for name in services if name not in known]
    parts += [
        blind(f"{name} is in transit, nothing of it was compared")
        for name in _unsettled(result, [*services, *settled])
    ]
    if not before.at <= look.began <= look.at <= after.at:
        parts.append(blind("the manager was not asked right before and right after the kernels were read"))
    verdict = conclude(
        parts,
        _good(result, len(services) or len(known)),
        subject=Subject(service=services[0] if len(services) == 1 else ""),
        witnesses=WITNESSES,
        numbers={
            **{name.replace(" ", "_"): number for name, number in sorted(result.counted.items())},
            "found": sum(len(part.findings) for part in parts),
            "unknown": len(result.unknowns),
            "skipped": [list(one) for one in result.skipped],
            "remarks": [list(one) for one in result.remarks],
        },
    )
    return dataclasses.replace(verdict, sentence=verdict.sentence + _remarks(result))


def _unsettled(result: Audit, wanted: Sequence[str]) -> Iterable[str]:
    """Services of which nothing was compared because all was in transit: those wanted, or if it is all."""
    states: dict[str, set[Cell]] = {}
    for service, _, state in result.cells:
        states.setdefault(service, set()).add(state)
    idle = {Cell.SETTLING, Cell.SKIPPED, Cell.ABSENT}
    moving = [name for name, seen in states.items() if Cell.SETTLING in seen and seen <= idle]
    told = [name for name, seen in states.items() if not seen <= idle]
    return [name for name in moving if name in wanted or not told]


def _parts(result: Audit, services: frozenset[str]) -> Iterable[Part]:
    for finding in result.findings:
        if not services or finding.subject.service in services or not finding.subject.service:
            yield bad(finding.sentence, finding)
    for node, place, why in result.unknowns:
        yield blind(": ".join(word for word in (", ".join(one for one in (node, place) if one), why) if word))
    if result.counted["nodes"]:
        yield GOOD


def _remarks(result: Audit) -> str:
    """What is worth to know, whatever the verdict: each remark once, with the nodes that it is of."""
    nodes: dict[str, list[str]] = {}
    for node, _, what in result.remarks:
        if node:  # the others are about the audit itself
            nodes.setdefault(what, []).append(node)
    told = [f"{what} ({listed(where)})" for what, where in nodes.items()]
    return f"; remark: {listed(told, '; ')}" if told else ""


def _good(result: Audit, services: int) -> str:
    told = [count(result.counted.get(name, 0), noun) for name, noun in _TOLD]
    told += [count(result.counted[name], noun) for name, noun in _DEEPER if result.counted.get(name)]
    skipped = (
        f"; {listed([f'{node} skipped: {why}' for node, why in result.skipped])}" if result.skipped else ""
    )
    return (
        f"the kernel tables of {count(result.counted['nodes'], 'node')} hold what the manager says of "
        f"{count(services, 'service')}: {', '.join(told[:-1])} and {told[-1]} compared{skipped}"
    )
