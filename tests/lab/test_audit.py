"""The audit's second level on a real swarm: quiet when all is well, and exact on what only it can see."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness.lab.uml.lab import UmlLab
from harness.report.audit import AuditDocument
from tests.lab.processes import Box, eventually

WORKER, OTHER = "swarm-worker1", "swarm-worker2"
SERVICE, PORT = "audited", 8342
# a container as a manager's death may leave it, and a process that had the port before the engine
ORPHAN = """
docker run -d --name ghost --label com.docker.swarm.task.id=deaddeaddeaddeaddeaddeadd \
  --label com.docker.swarm.service.name=audited traefik/whoami
"""
FOREIGN = f"""
setsid perl -MIO::Socket::INET -e '
  $s = IO::Socket::INET->new(LocalPort => {PORT}, Listen => 5, ReuseAddr => 1) or die $!; sleep 300
' >/dev/null 2>&1 </dev/null &
echo $! >/run/foreign.pid
until ss -ltn | grep -q :{PORT}; do sleep 0.1; done
"""


@pytest.fixture
def planted(the_lab: UmlLab) -> Iterator[None]:
    """Both of them, then a service that publishes the port, and settled."""
    manager = next(node.hostname for node in the_lab.nodes if node.hostname not in {WORKER, OTHER})
    create = ["docker", "service", "create", "-q", "--mode", "global", "--name", SERVICE, "-p", f"{PORT}:80"]
    try:
        assert the_lab.exec(WORKER, ["sh", "-ec", ORPHAN]).ok
        assert the_lab.exec(OTHER, ["sh", "-ec", FOREIGN]).ok
        assert the_lab.exec(manager, [*create, "traefik/whoami"]).ok
        yield
    finally:
        the_lab.exec(WORKER, ["docker", "rm", "-f", "ghost"])
        the_lab.exec(OTHER, ["sh", "-c", "kill $(cat /run/foreign.pid)"])
        the_lab.exec(manager, ["docker", "service", "rm", SERVICE])
        empty = [
            "sh",
            "-c",
            f'test -z "$(docker ps -q --filter label=com.docker.swarm.service.name={SERVICE})"',
        ]
        assert eventually(lambda: all(the_lab.exec(one.hostname, empty).ok for one in the_lab.nodes), 30.0)


def test_a_healthy_lab_is_quiet_at_both_levels(the_lab: UmlLab, box: Box) -> None:
    """Nothing found or unknown; every node's engine and processes were asked, and nothing is left."""
    done = box.run("audit", "--json")

    assert (done.code, done.err) == (0, "")
    found = AuditDocument.model_validate(json.loads(done.out))
    assert (found.findings, found.unknowns) == ((), ())
    assert found.numbers["certificates"] == len(the_lab.nodes)
    assert box.left(the_lab, runs=1) == []


@pytest.mark.usefixtures("the_lab", "planted")
def test_an_orphan_and_a_foreign_listener_are_named_and_nothing_else(box: Box) -> None:
    """No kernel table shows either of them."""
    settled: list[AuditDocument] = []

    def told() -> bool:
        settled.append(AuditDocument.model_validate(json.loads(box.run("audit", "--json").out)))
        return len(settled[-1].findings) > 1

    assert eventually(told, 60.0), settled[-1]
    assert [(one.name, one.node, one.service, one.address) for one in settled[-1].findings] == [
        ("orphan-container", WORKER, SERVICE, ""),
        ("foreign-listener", OTHER, SERVICE, f"0.0.0.0:{PORT}"),
    ]
    assert "perl listens" in settled[-1].findings[1].seen
