"""Framed lines of service logs, put together again: which nodes have told all, and what the others lack."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from harness.inside.scripts.wire import MARK

_MOST = 100_000  # records of one task; a number beyond it is garbage
_LATEST = 1e9  # seconds from a script's begin; one beyond it is garbage too, and so is what is no number


@dataclasses.dataclass(frozen=True)
class NodeAnswer:
    """What one node's task told.

    Attributes:
        records: in the order in which they were sent, without the closing one.
        complete: whether the closing record came and its count fits.
        lasted: seconds from the script's begin to its last record.
        lacking: why it is incomplete, for a person; empty if it is not.
    """

    node: str
    task: str
    records: tuple[Mapping[str, Any], ...]
    complete: bool
    lasted: float
    lacking: str = ""

    def of(self, kind: str) -> tuple[Mapping[str, Any], ...]:
        """The records of one kind."""
        return tuple(record for record in self.records if record["kind"] == kind)


def frame(line: str) -> Mapping[str, Any] | None:
    """The record in a log line, or None if the line is no whole frame; never raises."""
    at = line.find(MARK)
    if at < 0:
        return None
    try:
        record = json.loads(line[at + len(MARK) :])
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and _sound(record) else None


def _sound(record: Mapping[str, Any]) -> bool:
    number, at = record.get("n"), record.get("at")
    return (
        type(number) is int
        and 0 <= number < _MOST
        and isinstance(at, int | float)
        and not isinstance(at, bool)
        and abs(at) < _LATEST
        and all(isinstance(record.get(key), str) for key in ("node", "task", "kind"))
    )


def assemble(lines: Iterable[str]) -> dict[str, NodeAnswer]:
    """The answer of every node that told something, by hostname.

    Lines may come twice, torn or in any order: the log is read more than once. Of several tasks of a node the
    one that told most counts.
    """
    tasks: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {}
    for line in lines:
        record = frame(line)
        if record is not None:
            tasks.setdefault((record["node"], record["task"]), {}).setdefault(record["n"], record)
    found: dict[str, NodeAnswer] = {}
    for (node, task), numbered in tasks.items():
        answer = _answer(node, task, numbered)
        best = found.get(node)
        if best is None or (answer.complete, len(answer.records)) > (best.complete, len(best.records)):
            found[node] = answer
    return found


def _answer(node: str, task: str, numbered: Mapping[int, Mapping[str, Any]]) -> NodeAnswer:
    ends = [record for record in numbered.values() if record["kind"] == "end"]
    records = tuple(numbered[number] for number in sorted(numbered) if numbered[number]["kind"] != "end")
    lasted = max(0.0, *(float(record["at"]) for record in numbered.values()))
    if not ends:
        lacking = f"no closing record after {len(records)} records"
    elif ends[0].get("count") != len(records) or ends[0]["n"] != len(records):
        lacking = f"{len(records)} of {ends[0].get('count')} records arrived"
    else:
        lacking = ""
    return NodeAnswer(node, task, records, not lacking, lasted, lacking)
