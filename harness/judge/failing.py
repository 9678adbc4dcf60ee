"""Why pairs of node and task fail though packets pass between the nodes: a task, a protocol, or one view."""

from __future__ import annotations

from collections.abc import Iterable

from harness.evidence import OverlayMesh, Pair
from harness.judge.verdict import Finding, Subject
from harness.judge.ways import Cause, Way, explain
from harness.judge.words import Part, bad, count, listed

TABLES = "compare the overlay's FDB and neighbours there with the tasks' nodes (harness audit)"


def ways_of(pair: Pair) -> frozenset[Way]:
    """Both ways that a question and its answer take."""
    return frozenset({(pair.source, pair.target), (pair.target, pair.source)})


def blame(name: str, cause: Cause, mesh: OverlayMesh, told: str, modes: tuple[str, ...], remedy: str) -> Part:
    """A finding of whatever a cause of cut or lossy ways names."""
    subject = Subject(node=cause.node, service=mesh.service, path=cause.words, address=cause.peer)
    return bad(told, Finding(name, subject, told, modes, remedy))


def strangers(mesh: OverlayMesh, rest: list[Pair]) -> list[Part]:
    """Addresses at which somebody else answered: one finding each."""
    parts = []
    for address, pairs in _by_address(pair for pair in rest if pair.state == "foreign").items():
        one = pairs[0]
        told = f"{address} of {who(one)}: {one.proof}, seen from {listed(sorted({p.source for p in pairs}))}"
        subject = Subject(one.target, mesh.service, "overlay", one.replica, address=address)
        remedy = "look for the address twice: in the manager's tasks and in the tasks' own namespaces"
        parts.append(bad(told, Finding("foreign-answer-at-address", subject, told, ("F1", "C6"), remedy)))
    return parts


def failing(mesh: OverlayMesh, asked: list[Pair], lost: list[Pair]) -> list[Part]:
    """What fails though the way is open: a task, a protocol between nodes, or a task seen from one node."""
    parts = []
    gone: set[str] = set()
    for address, pairs in _by_address(lost).items():
        everywhere = [pair for pair in asked if pair.address == address]
        down = {pair.protocol for pair in pairs}
        dead = all(pair.state != "open" for pair in everywhere if pair.protocol in down)
        if dead and pairs[0].replica and _known(asked, everywhere):
            gone.add(address)
            parts.append(_task_down(mesh, pairs, everywhere))
    left = [pair for pair in lost if pair.address not in gone]
    whole = _whole_protocols(asked, [pair for pair in left if pair.source != pair.target])
    for protocol, ways in whole.items():
        judged = {(p.source, p.target) for p in asked if p.protocol == protocol and p.source != p.target}
        parts += [_protocol_lost(mesh, protocol, cause) for cause in explain(ways, judged)]
    named = {(protocol, way) for protocol, ways in whole.items() for way in ways}
    left = [pair for pair in left if (pair.protocol, (pair.source, pair.target)) not in named]
    seen: dict[tuple[str, str], list[Pair]] = {}
    for pair in left:
        seen.setdefault((pair.source, pair.address), []).append(pair)
    return parts + [_hidden(mesh, pairs) for pairs in seen.values()]


def _known(asked: list[Pair], mine: list[Pair]) -> bool:
    """Whether it is known to be the task: its own node asked it too, or all asked others of its node."""
    one = mine[0]
    others = {p.source for p in asked if p.target == one.target and p.address != one.address}
    sources = {pair.source for pair in mine}
    return len(sources) > 1 and (one.target in sources or sources <= others)


def _task_down(mesh: OverlayMesh, pairs: list[Pair], everywhere: list[Pair]) -> Part:
    one = pairs[0]
    alive = sorted({pair.protocol for pair in everywhere if pair.state == "open"})
    lost = sorted({pair.protocol for pair in pairs})
    told = f"{who(one)} at {one.address} answers no {', '.join(lost)} from any of "
    told += count(len({pair.source for pair in pairs}), "node") + (
        f", {', '.join(alive)} well" if alive else ""
    )
    subject = Subject(one.target, mesh.service, "overlay", one.replica, address=one.address)
    name = "task-silent" if alive else "task-unreachable"
    modes = ("H5", "B19") if alive else ("H5", "C7", "C13")
    remedy = f"look at the task's log and what listens in it on {one.target}"
    return bad(told, Finding(name, subject, told, modes, remedy))


def _whole_protocols(asked: list[Pair], lost: list[Pair]) -> dict[str, set[Way]]:
    """Ways on which a protocol reaches no address at all, where it reaches more than one or others do."""
    found: dict[str, set[Way]] = {}
    for pair in lost:
        way = (pair.source, pair.target)
        mine = [p for p in asked if (p.source, p.target) == way and p.protocol == pair.protocol]
        reached = {p.address for p in asked if (p.source, p.target) == way and p.state == "open"}
        if all(p.state != "open" for p in mine) and (len(mine) > 1 or pair.address in reached):
            found.setdefault(pair.protocol, set()).add(way)
    return found


def _protocol_lost(mesh: OverlayMesh, protocol: str, cause: Cause) -> Part:
    told = f"{cause.words}: no {protocol} though other protocols pass"
    tcp = protocol == "tcp"
    remedy = (
        "look at checksum offload (ethtool -K ... tx-checksum-ip-generic off) and at rules on the overlay"
        if tcp
        else f"look for a rule that drops {protocol} on the overlay; {TABLES}"
    )
    return blame(f"overlay-{protocol}-dead", cause, mesh, told, ("C2",) if tcp else ("C2", "A5"), remedy)


def _hidden(mesh: OverlayMesh, pairs: list[Pair]) -> Part:
    one = pairs[0]
    lost = ", ".join(sorted({pair.protocol for pair in pairs}))
    told = f"{one.source}: {who(one)} at {one.address} gives no {lost}, though others there or elsewhere do"
    subject = Subject(one.source, mesh.service, "overlay", one.replica, address=one.address)
    remedy = f"on {one.source}, {TABLES}"
    return bad(told, Finding("task-unreachable-from-node", subject, told, ("C5", "C6", "C7"), remedy))


def who(pair: Pair) -> str:
    """The task that was asked, or our own on that node."""
    return f"task {pair.replica[:12]} on {pair.target}" if pair.replica else f"our own task on {pair.target}"


def _by_address(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.address, []).append(pair)
    return found
