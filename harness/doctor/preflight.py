"""All lines of a preflight, and its judge; a check that fails by a fault of ours leaves the others be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.doctor import cluster, kernels, network, room, target
from harness.doctor.ground import Ground
from harness.doctor.lines import CHECKS, OF, Line, State, merged
from harness.errors import Exit
from harness.evidence import KernelLook, Preflight, Truth
from harness.judge.verdict import Finding, Subject, Verdict, judge
from harness.judge.words import GOOD, Part, bad, blind, conclude, count

_JUDGES: dict[str, Callable[[Ground], list[Line]]] = {
    "api": cluster.api,
    "quorum": cluster.quorum,
    "nodes": cluster.nodes,
    "size": cluster.size,
    "versions": cluster.versions,
    "kernel": kernels.support,
    "firewall": kernels.firewall,
    "subnets": network.subnets,
    "mtu": network.mtu,
    "source": network.source,
    "offload": network.offload,
    "clock": cluster.clock,
    "limits": room.limits,
    "addresses": room.addresses,
    "live-restore": target.live_restore,
    "images": target.images,
    "ports": room.ports,
    "outside": target.outside,
    "verifies": target.verifies,
}


def examine(ground: Ground) -> tuple[Line, ...]:
    """All lines, check by check, in each the worst first."""
    return tuple(line for check in CHECKS for line in merged(_lines(check.id, ground)))


def _lines(check: str, ground: Ground) -> Sequence[Line]:
    try:
        return _JUDGES[check](ground)
    except Exception as error:  # noqa: BLE001  any fault of a judge is ours, and must read as unknown
        why = f"the check failed: {type(error).__name__}: {error}"
        return [Line(check, State.UNKNOWN, why, "report it, with the run's folder", ours=True)]


def headline(lines: Sequence[Line]) -> str:
    """What all lines come to, in one sentence."""
    by = {state: dict.fromkeys(one.check for one in lines if one.state is state) for state in State}
    if by[State.STOP]:
        return f"stop: {', '.join(by[State.STOP])}"
    dark = dict.fromkeys(one.check for one in lines if one.exit is Exit.UNKNOWN)
    if dark:
        return f"it cannot be told: {', '.join(dark)}"
    parts = [
        f"{len(by[state])} {word}: {', '.join(by[state])}"
        for state, word in ((State.WARN, "to look at"), (State.UNKNOWN, "not told here"))
        if by[state]
    ]
    return f"nothing stops; {'; '.join(parts)}" if parts else f"all {len(CHECKS)} checks are well"


@judge
def swarm_can_work(asked: Preflight, look: KernelLook, before: Truth, after: Truth) -> Verdict:
    """Nothing stops the swarm from working, nor a run on it; a request that it cannot carry out is *unknown*.

    Args:
        asked: engines, images and ways to the nodes.
        look: the kernels.
        before: what the manager said before they were read.
        after: what it said afterwards.
    """
    lines = examine(Ground(asked, look, before, after))
    parts = [_part(line) for line in lines]
    counts = {state.value: sum(line.state is state for line in lines) for state in State}
    good = f"{count(len(after.nodes), 'node')}: {headline(lines)}"
    return conclude(parts, good, subject=Subject(), witnesses=("inside", "kernel"), numbers=counts)


def _part(line: Line) -> Part:
    text = f"{line.check}: {', '.join(line.nodes)}{': ' if line.nodes else ''}{line.told}"
    if line.exit is Exit.REFUTED:
        node = line.nodes[0] if len(line.nodes) == 1 else ""
        modes = OF[line.check].modes
        return bad(text, Finding(f"doctor-{line.check}", Subject(node=node), text, modes, line.remedy))
    return GOOD if line.exit is Exit.UPHELD else blind(text)
