"""What a person would ask for when a test failed, kept at that moment in ``artifacts/<number>-<test>/``.

Kept, never judged: a part that cannot be had is named and left out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from harness.engine.protocol import Engine
from harness.errors import HarnessError, RequestError
from harness.journal import Journal
from harness.lab.protocol import Lab
from harness.stage import keeping
from harness.stage.news import Steps
from harness.swarm import sweeping

MOST: Final = 3  # failures of one run of which this is kept
_APART: Final = 60.0  # seconds between them: what fails soon after another mostly fails of the same
_NOT_OURS: Final = "engine logs: a node of a lab alone is asked; elsewhere journalctl -u docker, on each node"


@dataclasses.dataclass(frozen=True)
class _Source:
    engine: Engine
    run: str
    lab: Lab | None


class Artifacts:
    """Keeps what the swarm says at the first failures of a run.

    Args:
        folder: the run's folder.
        journal: where it is written down what was kept.
        steps: told that it takes a moment.
    """

    def __init__(self, folder: Path, journal: Journal, steps: Steps) -> None:
        self._folder, self._journal, self._steps = folder / "artifacts", journal, steps
        self._source: _Source | None = None
        self._kept = 0
        self._again = 0.0

    @contextlib.contextmanager
    def of(self, engine: Engine, run: str, lab: Lab | None) -> Iterator[None]:
        """For a block: the manager to ask, the run whose services are meant, and the lab it all runs on."""
        self._source = _Source(engine, run, lab)
        try:
            yield
        finally:
            self._source = None

    def keep(self, test: str, error: BaseException, *, judged: bool = True) -> None:
        """Keep what there is to be had now that ``test`` failed with ``error``; never an error of its own.

        At most `MOST` times in a run, a minute apart. A wrong request tells its reason itself, and an
        interrupted run is to end soon: nothing is kept of them, nor of a run that has neither judged anything
        nor deployed anything yet.
        """
        if threading.current_thread() is not threading.main_thread():
            return  # what fails in a job's thread comes to the main one, which tells of it
        source = self._source
        if source is None or isinstance(error, RequestError) or not isinstance(error, Exception):
            return
        if not judged and not _deployed(source):
            return
        if self._kept >= MOST or self._journal.clock.now() < self._again:
            return
        self._kept += 1
        self._again = self._journal.clock.now() + _APART
        words = re.sub(r"[^a-z0-9]+", "-", test.rpartition("::")[2].lower()).strip("-")
        folder = keeping.Folder(self._folder / f"{self._kept}-{words[:60]}")
        try:
            with self._steps("keep what the swarm says"):
                absent = keeping.swarm(folder, source.engine, source.run)
                if source.lab is None:
                    folder.gaps.append(_NOT_OURS)
                else:
                    self._nodes(folder, source.lab, absent)
        except Exception as fault:  # noqa: BLE001  an addition must not end the run it is added to
            folder.gaps.append(f"a fault of the harness: {type(fault).__name__}: {fault}")
        self._journal.write(
            "artifacts",
            folder=f"artifacts/{folder.path.name}",
            test=test,
            files=sorted(folder.files, key=lambda name: ("/" in name, name if "/" in name else "")),
            missing=sorted(folder.gaps),
        )

    @staticmethod
    def _nodes(folder: keeping.Folder, lab: Lab, absent: frozenset[str]) -> None:
        with ThreadPoolExecutor(len(lab.nodes)) as threads:
            names = [node.hostname for node in lab.nodes]
            list(threads.map(lambda name: keeping.node(folder, lab, name, absent=name in absent), names))


def _deployed(source: _Source) -> bool:
    try:
        return bool(sweeping.of_run(source.run)(source.engine.services))
    except HarnessError:
        return False
