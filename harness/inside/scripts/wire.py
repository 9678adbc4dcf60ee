"""Framed, numbered JSON lines on standard output: how a job's answer comes back through the service log.

A line is ``@h1 {"n":0,"node":...,"task":...,"kind":...,"at":...}``; ``at`` is seconds since the script began.
The closing record has the kind ``end`` and the count of records before it.
"""

from __future__ import annotations

import json
import os
import threading
import time

MARK = "@h1 "
LONGEST = 15_000  # bytes of a line; Docker's log drivers cut at 16 kB
BEGAN = time.monotonic()  # when the script began, as near as Python can tell


def now() -> float:
    """Seconds since the script began."""
    return time.monotonic() - BEGAN


def arguments() -> dict[str, object]:
    """The job's arguments: JSON in the environment.

    Raises:
        ValueError: they are not there, or are not a JSON object.
    """
    found = json.loads(os.environ.get("HARNESS_ARGS", ""))
    if not isinstance(found, dict):
        raise ValueError("HARNESS_ARGS holds no JSON object")  # noqa: TRY004  one kind of error for the caller
    return found


class Wire:
    """Writes records; safe to use from several threads."""

    def __init__(self, node: str, task: str, *, out: int = 1) -> None:
        self.node = node
        self.task = task
        self._out = out
        self._count = 0
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> Wire:
        """The wire of this task: node and task id come from the service's template variables."""
        return cls(os.environ.get("HARNESS_NODE", ""), os.environ.get("HARNESS_TASK", ""))

    def send(self, kind: str, **fields: object) -> None:
        """Write one record of ``kind``; one that is too long for a log line is named instead of cut."""
        with self._lock:
            self._write(kind, fields)

    def rows(self, kind: str, rows: list[list[object]], **fields: object) -> None:
        """Write ``rows`` in as many records as their length takes; at least one, also without rows."""
        part: list[list[object]] = []
        size = 0
        for row in rows:
            length = len(json.dumps(row)) + 1
            if part and size + length > LONGEST - 1000:
                self.send(kind, rows=part, **fields)
                part, size = [], 0
            part.append(row)
            size += length
        self.send(kind, rows=part, **fields)

    def close(self) -> None:
        """Write the closing record."""
        with self._lock:
            self._write("end", {"count": self._count})

    def _write(self, kind: str, fields: dict[str, object]) -> None:
        record = {"n": self._count, "node": self.node, "task": self.task, "kind": kind, "at": round(now(), 6)}
        line = MARK + json.dumps({**fields, **record}, separators=(",", ":")) + "\n"
        if len(line) > LONGEST:
            told = {**record, "kind": "trouble", "text": f"a record of kind {kind} has {len(line)} bytes"}
            line = MARK + json.dumps(told, separators=(",", ":")) + "\n"
        self._count += 1
        data = line.encode()
        while data:
            data = data[os.write(self._out, data) :]
