"""Each step of the packet's way as a claim of its own: what ``audit --explain`` prints, judged."""

from __future__ import annotations

from harness.evidence.mesh import KernelLook, Truth
from harness.judge.verdict import Finding, Subject, Verdict, judge
from harness.judge.words import GOOD, Part, bad, blind, conclude, count
from harness.mesh import explain
from harness.mesh.verdict import WITNESSES, held


@judge
def step_holds(look: KernelLook, before: Truth, after: Truth, *, service: str, step: str) -> Verdict:
    """On every node this step of the way to the service is as it must be.

    Args:
        look: read between the truths.
        before: what the manager said before.
        after: what it said afterwards.
        service: its name.
        step: its title, as ``harness audit --explain`` prints it, or how that begins.
    """
    found = held(look, before, after)
    parts: list[Part] = []
    places: set[str] = set()
    for node in sorted(found.scene.kernels):
        steps = explain.walk(service, node, found.scene, found.audit)
        mine = [one for one in steps if one.title.startswith(step)]
        if not mine:
            parts.append(blind(f"{node}: no such step was found"))
        for one in mine:
            places.add(f"{node} {one.place}")
            parts.append(_part(node, service, one))
    return conclude(
        [*parts, *(blind(f"{node}: {why}") for node, why in look.missing)],
        f"as it must be in {count(len(places), 'place')} of {count(len(found.scene.kernels), 'node')}",
        subject=Subject(service=service, path=step),
        witnesses=WITNESSES,
        numbers={"steps": len(parts), "places": sorted(places)},
    )


def _part(node: str, service: str, one: explain.Step) -> Part:
    if one.ok:
        return GOOD
    told = f"{node}, {one.way}: {one.trouble or 'nothing was read'}"
    if one.ok is None:
        return blind(told)
    subject = Subject(node=node, service=service, path=one.way, namespace=one.place)
    return bad(
        told,
        Finding(
            "step-broken",
            subject,
            told,
            remedy="harness audit tells the finding",
            seen=one.seen,
            command=one.command,
        ),
    )


__all__ = ["step_holds"]
