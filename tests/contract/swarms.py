"""Fixtures for unit tests of what stands on an engine: a fake swarm on a clock that jumps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from harness.engine.fake import FakeEngine
from harness.engine.spec import ServiceSpec
from harness.journal import Journal
from harness.model import Port
from harness.swarm import Swarm
from tests.contract.fakes import FakeClock

WEB = ServiceSpec("h-run1-web", "traefik/whoami:v1.10.3", replicas=3, ports=(Port(8080, 80),))


@dataclasses.dataclass
class Bench:
    """A fake swarm, its clock, its journal, and the facade over them."""

    clock: FakeClock
    engine: FakeEngine
    journal: Journal
    swarm: Swarm

    def records(self, kind: str) -> list[dict[str, Any]]:
        """What the journal holds of one kind."""
        lines = (json.loads(line) for line in self.journal.path.read_text().splitlines())
        return [line for line in lines if line["kind"] == kind]


def bench(folder: Path, **options: Any) -> Bench:
    """A swarm of three nodes; close ``swarm`` and ``journal`` after use."""
    clock = FakeClock()
    engine = FakeEngine(clock)
    journal = Journal(folder / "journal.jsonl", clock=clock)
    return Bench(clock, engine, journal, Swarm(engine, journal, "run1", clock, **options))
