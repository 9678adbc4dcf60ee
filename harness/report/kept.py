"""What was kept of the swarm at a run's first failures, as the journal tells it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.journal import Saved


@dataclasses.dataclass(frozen=True)
class Kept:
    """The artifacts of one failure.

    Attributes:
        folder: relative to the run's folder.
        test: the test that failed, without its file.
        files: relative to ``folder``.
        missing: what could not be had, and why.
    """

    folder: str
    test: str
    files: tuple[str, ...]
    missing: tuple[str, ...]


def kept(saved: Saved) -> tuple[Kept, ...]:
    """All that was kept, in order."""
    return tuple(_kept(record) for record in saved.of("artifacts"))


def folders(run: Path, saved: Saved) -> tuple[tuple[Path, str], ...]:
    """Where it lies and which test had failed, for a person who stands before the run's folder ``run``."""
    return tuple((run / one.folder, one.test) for one in kept(saved))


def _kept(record: Mapping[str, Any]) -> Kept:
    return Kept(
        folder=str(record.get("folder", "")),
        test=str(record.get("test", "")).rpartition("::")[2],
        files=tuple(map(str, record.get("files", ()))),
        missing=tuple(map(str, record.get("missing", ()))),
    )
