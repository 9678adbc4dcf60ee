"""What was asked pair by pair as tables of cells: node x task, payload size x way, vantage point x entry."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from harness.evidence import OverlayMesh, Pair, PayloadSizes, Roster, SizeTry, Vantage, Vantages
from harness.journal import Saved
from harness.judge.verdict import State
from harness.report import cells
from harness.report.cells import V6, Cell

_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)
_MANY = 4  # nodes beyond which ways are drawn by their sender alone
_POINTS = {"outside": "from outside", "own": "the node itself, own address"}
_ORDER = ("outside", "127.0.0.1", V6, "own", "peer", "task")


@dataclasses.dataclass(frozen=True)
class Row:
    """A labelled row; ``group`` stands before the first of its group."""

    label: str
    cells: tuple[Cell, ...]
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Grid:
    """One table.

    Attributes:
        kind: ``mesh``, ``sizes`` or ``vantages``; it decides what stands around the table.
        columns: (label, second line, what a pointer over it tells).
        checks: ids of the checks that were judged on it.
    """

    id: str
    kind: str
    service: str
    title: str
    corner: str
    columns: tuple[tuple[str, str, str], ...]
    rows: tuple[Row, ...]
    checks: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Cells in which something was lost."""
        return sum(cell.state == "lost" for row in self.rows for cell in row.cells)


def grids(saved: Saved) -> tuple[Grid, ...]:
    """One per evidence that holds something, in the order in which it was taken."""
    slots = {
        replica.task: replica.slot
        for one in saved.evidence.values()
        if isinstance(one, Roster)
        for replica in one.replicas
    }
    found = []
    for one in saved.evidence.values():
        checks, refuted = _judged(saved, one.id)
        if isinstance(one, OverlayMesh) and one.pairs:
            found.append(dataclasses.replace(mesh(one, slots), checks=checks))
        elif isinstance(one, PayloadSizes) and one.tries:
            found.append(dataclasses.replace(sizes(one), checks=checks))
        elif isinstance(one, Vantages) and one.vantages:
            found.append(dataclasses.replace(vantages(one, refuted=refuted), checks=checks))
    return tuple(found)


def mesh(seen: OverlayMesh, slots: dict[str, int]) -> Grid:
    """Source node x destination: the service's tasks in slot order, then the job's own task on each node.

    Args:
        seen: the pairs.
        slots: a task's slot by its id.
    """
    columns: dict[tuple[str, str], Pair] = {}
    for pair in seen.pairs:
        columns.setdefault((pair.replica, pair.address), pair)
    order = sorted(columns.values(), key=lambda pair: _place(pair, slots))
    arrived = {(way.source, way.target): way.arrived for way in seen.ways}
    asked = _by(seen.pairs, lambda pair: (pair.source, pair.replica, pair.address))
    sources = dict.fromkeys((*seen.nodes, *(pair.source for pair in seen.pairs)))
    first = seen.silence > 0  # then the first packet's fate is what was asked for
    rows = []
    for source in sources:
        fields = []
        for one in order:
            own = None if one.replica else arrived.get((source, one.target))
            pairs = asked.get((source, one.replica, one.address), [])
            fields.append(cells.of_pairs(pairs, own, same=source == one.target, first=first))
        rows.append(Row(source, tuple(fields)))
    return Grid(
        seen.id,
        "mesh",
        seen.service,
        f"overlay {seen.network}" + (f", after {seen.silence:g} s of silence" if first else ""),
        "from node",
        tuple((_name(one, slots), one.target, f"{one.address} {one.replica}".strip()) for one in order),
        tuple(rows),
    )


def sizes(seen: PayloadSizes) -> Grid:
    """Direction and size x way over the overlay, then x entry node; many ways are drawn by their sender."""
    apart = len(seen.nodes) <= _MANY

    def column(one: SizeTry) -> tuple[str, str, str]:
        if one.path != "overlay":
            return one.source, "its port", "through the published port, behind the balancer"
        if apart:
            return one.source, f"→ {one.target}", "from a node's task to a task's own address"
        return one.source, "→ every task", "from a node's task to tasks' own addresses, the worst of them"

    found = _by(seen.tries, lambda one: (one.direction, one.size, column(one)))
    ordered = sorted(seen.tries, key=lambda one: (one.path != "overlay", one.source, one.target))
    columns = dict.fromkeys(column(one) for one in ordered)
    steps = sorted({one.size for one in seen.tries})
    rows = [
        Row(_bytes(size), tuple(cells.of_sizes(found.get((way, size, one), [])) for one in columns), way)
        for way in ("up", "down")
        for size in steps
    ]
    return Grid(seen.id, "sizes", seen.service, "payload sizes", "payload", tuple(columns), tuple(rows))


def vantages(seen: Vantages, *, refuted: bool = False) -> Grid:
    """Vantage point x entry node.

    Args:
        seen: what each was told.
        refuted: whether a judge found them broken; until then a ``::1`` that hangs is as old engines do.
    """
    found = _by(seen.vantages, lambda one: (_point(one), one.entry))
    points = dict.fromkeys(_point(one) for one in sorted(seen.vantages, key=_rank))
    rows = [
        Row(
            point,
            tuple(
                cells.of_vantages(found.get((point, entry), []), refuted=refuted) for entry in seen.entries
            ),
        )
        for point in points
    ]
    columns = tuple((entry, "", f"port {seen.port} of {entry}") for entry in seen.entries)
    return Grid(
        seen.id,
        "vantages",
        seen.service,
        f"port {seen.port} by vantage point",
        "asked from",
        columns,
        tuple(rows),
    )


def _judged(saved: Saved, ident: str) -> tuple[tuple[str, ...], bool]:
    """The checks whose verdict was reached on this evidence first of all, and whether one was refuted."""
    mine = [
        claim
        for claim in saved.claims
        if claim.verdict.basis is not None
        and any(
            isinstance(arg, dict) and arg.get("$evidence") == ident
            for arg in _first(claim.verdict.basis.args)
        )
    ]
    checks = tuple(dict.fromkeys(claim.check for claim in mine))
    return checks, any(claim.verdict.state is State.REFUTED for claim in mine)


def _first(args: object) -> Iterator[object]:
    """A judge's first argument is what it judges; others tell it more."""
    if isinstance(args, dict):
        yield from list(args.values())[:1]


def _place(pair: Pair, slots: dict[str, int]) -> tuple[bool, int, str, str]:
    return not pair.replica, slots.get(pair.replica, 0), pair.target, pair.address


def _name(pair: Pair, slots: dict[str, int]) -> str:
    if not pair.replica:
        return "probe"
    return f".{slots[pair.replica]}" if slots.get(pair.replica) else pair.replica[:6]


def _point(one: Vantage) -> str:
    if one.kind in {"peer", "task"}:
        return f"{'a task on' if one.kind == 'task' else 'host'} {one.source}"
    return _POINTS.get(one.kind, f"the node itself, {one.kind}")


def _rank(one: Vantage) -> tuple[int, str]:
    return (_ORDER.index(one.kind) if one.kind in _ORDER else len(_ORDER)), one.source


def _by(every: Iterable[_T], key: Callable[[_T], _K]) -> dict[_K, list[_T]]:
    found: dict[_K, list[_T]] = {}
    for one in every:
        found.setdefault(key(one), []).append(one)
    return found


def _bytes(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} B"
