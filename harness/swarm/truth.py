"""What the manager says of everything, at one moment: the side of an audit that tables are held against."""

from __future__ import annotations

from harness.engine.protocol import Engine
from harness.evidence import Truth
from harness.journal import Journal


def read(engine: Engine, journal: Journal) -> Truth:
    """Nodes, services, networks and tasks of the whole swarm, ours or not; kept in the journal.

    Raises:
        Unmeasurable: the manager does not answer.
    """
    at, info = journal.clock.now(), engine.info()
    return journal.keep(
        Truth(
            id=journal.new_id("truth"),
            at=at,
            wall=info.time,
            nodes=engine.nodes(),
            networks=engine.networks(),
            services=engine.services(),
            tasks=engine.tasks(),
            data_port=info.data_path_port,
            roots=info.roots,
        )
    )
