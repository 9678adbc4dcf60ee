"""Every row of the tutorial with one thing broken on purpose: its suite must catch it, and name it.

Beside the mutants of the mesh: what is broken here, tables and packets do not show. Not part of every test
run; ``tox -e rows`` runs them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box

_WIPE = "rm -rf /var/lib/docker/volumes/h-*-data/_data/*"
# as an application would that logs its settings: as soon as a task has its secret
_LEAK = """
nohup sh -c '
    while sleep 0.05; do
        ls /var/lib/docker/containers/*/mounts/secrets/* || continue
        cat /var/lib/docker/containers/*/mounts/secrets/* > /var/log/app.log && exit
    done
' >/dev/null 2>&1 &
echo $! > /run/leaks
"""
_NO_LEAK = 'kill "$(cat /run/leaks)" 2>/dev/null; rm -f /run/leaks /var/log/app.log'
_CLOSED = """
[ "$(hostname)" = swarm-worker1 ] || exit 0
rule=$(iptables -t nat -S DOCKER-INGRESS | grep -- '--dport 8086 ' | sed 's/^-A/-D/')
test -n "$rule"
iptables -t nat $rule
"""
_RULE = "POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE"
_NO_NAT = f'[ "$(hostname)" != swarm-worker1 ] || iptables -t nat -D {_RULE}'
_NAT = f'[ "$(hostname)" != swarm-worker1 ] || iptables -t nat -A {_RULE}'

# in the proxy's own copy of its config, whose mount keeps it from the container alone
_UNSTICKY = """
[ "$(hostname)" = swarm-manager ] || exit 0
nohup sh -c '
    until proxy=$(docker ps -q --no-trunc --filter name=nginx-inside) && test -n "$proxy"; do sleep 0.1; done
    files=/var/lib/docker/containers/$proxy/mounts/secrets
    mount -o remount,rw $files
    for file in $files/*; do
        sed "/hash .client;/d" $file > /run/unsticky
        cat /run/unsticky > $file
    done
    until docker top $proxy | grep "nginx: worker"; do sleep 0.2; done
    docker kill -s HUP $proxy
' >/dev/null 2>&1 &
"""

_PSQL = """
db=$(docker ps -q --filter name=voting-db)
test -n "$db" || exit 0
until docker exec $db psql -U postgres -c "{}"; do sleep 0.2; done
"""
_TWO_ROWS = _PSQL.format("ALTER TABLE votes DROP CONSTRAINT votes_id_key")
_PASSWORD = _PSQL.format(
    "ALTER USER postgres PASSWORD 'another'; "
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
    "AND pid != pg_backend_pid()"
)


@dataclasses.dataclass(frozen=True)
class Broken:
    """What is broken, and how it is to be named.

    Attributes:
        check: the promise that must be refuted.
        plant: shell, on every node; ``heal``: after the run.
        moment: when, by what the journal of the run holds.
        name: of the finding; ``node``: where it must be placed, empty for a whole service, None for any node.
    """

    check: str
    plant: str
    moment: Callable[[Box], bool]
    name: str
    node: str | None = ""
    heal: str = "true"


def begun(box: Box) -> bool:
    """Nothing is deployed yet."""
    return bool(box.records("run"))


def deployed(box: Box) -> bool:
    """The service answers, and is not updated yet."""
    return any(phase["name"].startswith("deploy ") for phase in box.records("phase"))


def killed(box: Box) -> bool:
    """A task dies at this moment; its successor begins five seconds later."""
    return bool(box.records("fault-begins"))


def moved(box: Box) -> bool:
    """Redis runs on another node."""
    return any(phase["name"].startswith("move ") for phase in box.records("phase"))


ROWS = {
    "5: a node that does not translate what leaves": Broken(
        "overlay.way-out", _NO_NAT, begun, "outside-unreached", "swarm-worker1", _NAT
    ),
    "12: an entry node that loses what is sent during an update": Broken(
        "update.pauses", _CLOSED, deployed, "lost-in-change", "swarm-worker1"
    ),
    "11: a secret that a log tells": Broken(
        "secret.nowhere-else", _LEAK, begun, "secret-leaked", None, _NO_LEAK
    ),
    "14: a voter who may have two rows": Broken(
        "voting.one-per-voter", _TWO_ROWS, deployed, "vote-counted-twice"
    ),
    "14: a database with another password": Broken(
        "voting.counted", _PASSWORD, deployed, "database-refuses-password"
    ),
    "15: a proxy that forgets its clients": Broken("proxy.sticky", _UNSTICKY, begun, "stickiness-off"),
    "13: a volume that lost its data": Broken("volume.kept", _WIPE, killed, "data-lost"),
    "13: a volume emptied while its task is away": Broken(
        "volume.local", _WIPE, moved, "data-lost", "swarm-worker2"
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_broken_is_named(the_lab: UmlLab, box: Box, row: str) -> None:
    """Exit 1, one finding, exact; the workloads are gone."""
    broken = ROWS[row]

    try:
        with box.started("gate", "--profile", "full", "--only", broken.check) as gate:
            gate.reaches(lambda: broken.moment(box), within=300)
            for node in the_lab.nodes:
                assert the_lab.exec(node.hostname, ["sh", "-c", broken.plant]).ok
            done = gate.ended(within=240)
    finally:
        for node in the_lab.nodes:
            the_lab.exec(node.hostname, ["sh", "-c", broken.heal])

    assert (done.code, done.err) == (1, "")
    (check,) = (one for one in box.verdicts()["checks"] if one["verdict"] == "refuted")
    found = check["numbers"].get("findings") or [{"name": check["finding"], "subject": check["subject"]}]
    assert (check["id"], {one["name"] for one in found}) == (broken.check, {broken.name})
    nodes = {node.hostname for node in the_lab.nodes} if broken.node is None else {broken.node}
    assert {one["subject"]["node"] for one in found} <= nodes
    assert box.left(the_lab, runs=1) == []
    for node in the_lab.nodes:
        assert the_lab.exec(node.hostname, ["docker", "volume", "ls", "-q"]).out == ""
