"""What the manager says of everything, as evidence."""

from __future__ import annotations

from pathlib import Path

from harness import journal
from harness.swarm import truth
from tests.contract.swarms import WEB, bench


def test_everything_at_one_moment_is_kept(tmp_path: Path) -> None:
    """Nodes, networks, services and tasks, in the journal as they were returned."""
    made = bench(tmp_path)
    with made.swarm.deploy(WEB) as web:
        made.swarm.wait(web.running(), within=10)
        seen = truth.read(made.swarm.engine, made.journal)
    made.swarm.close()
    made.journal.close()

    assert {node.hostname for node in seen.nodes} == {"swarm-manager", "swarm-worker1", "swarm-worker2"}
    assert [service.name for service in seen.services] == [WEB.name]
    assert sum(task.running for task in seen.tasks) == 3
    assert any(network.ingress for network in seen.networks)
    assert journal.load(made.journal.path).evidence[seen.id] == seen
