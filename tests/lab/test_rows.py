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
_ONE_NODE = '[ "$(hostname)" = swarm-worker1 ] || exit 0'
_CLOSED = f"""
{_ONE_NODE}
rule=$(iptables -t nat -S DOCKER-INGRESS | grep -- '-p %s .*--dport %d ' | sed 's/^-A/-D/')
test -n "$rule"
iptables -t nat $rule
"""
# on the node that has no task of it
_SQUATS = """
iptables -t nat -S DOCKER | grep -q -- '--dport 8090 ' ||
    docker run -d --name squatter -p 8090:80 traefik/whoami:v1.10.3
"""
_DIVERTED = _ONE_NODE + "; iptables -t nat -%s PREROUTING -p tcp --dport 8092 -j %s"
_BYPASS = "ACCEPT"  # past docker's chain
_OTHER = "REDIRECT --to-port 2376"  # to who listens always
_FORMER = "DNAT --to-destination 172.18.0.2:8091"  # to the ingress sandbox, at the port of another service
# clients of a port in host mode are hidden; the target port of the mesh is another
_HIDES = "iptables -t nat -%s POSTROUTING -s 192.168.200.1 -p tcp --dport 80 -j MASQUERADE"
# from its tasks, through its own published port, back to itself
_NO_TURN = (
    _ONE_NODE + "; iptables -%s DOCKER-USER -i docker_gwbridge -o docker_gwbridge -p tcp --dport 8088 -j DROP"
)
_LEAVES = "docker rm -f squatter >/dev/null 2>&1 || true"
_RULE = "POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE"
_NO_NAT = f'[ "$(hostname)" != swarm-worker1 ] || iptables -t nat -D {_RULE}'
_NAT = f'[ "$(hostname)" != swarm-worker1 ] || iptables -t nat -A {_RULE}'


@dataclasses.dataclass(frozen=True)
class Broken:
    """What is broken, and how it is to be named.

    Attributes:
        check: the promise that must be refuted.
        plant: shell, on every node; ``heal``: after the run.
        moment: when, by what the journal of the run holds.
        name: of the finding; ``node``: where it must be placed, empty for a whole service, None for any node.
        paused: whether the run waits, once its services are deployed, for what is planted.
    """

    check: str
    plant: str
    moment: Callable[[Box], bool]
    name: str
    node: str | None = ""
    heal: str = "true"
    paused: bool = False


def begun(box: Box) -> bool:
    """Nothing is deployed yet."""
    return bool(box.records("run"))


def deployed(box: Box) -> bool:
    """The service answers, and is not updated yet."""
    return any(phase["name"].startswith("deploy ") for phase in box.records("phase"))


def paused(box: Box) -> bool:
    """The services answer, and the run waits."""
    return bool(box.records("paused"))


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
    "6: a node that does not translate datagrams": Broken(
        "reach.udp", _CLOSED % ("udp", 8088), paused, "entry-dead", "swarm-worker1", paused=True
    ),
    "6: a stranger on a port in host mode": Broken(
        "reach.host-mode", _SQUATS, paused, "port-open-without-task", None, _LEAVES, paused=True
    ),
    "6: a node that does not translate the second port": Broken(
        "reach.two-ports", _CLOSED % ("tcp", 8089), paused, "entry-dead", "swarm-worker1", paused=True
    ),
    "6: clients that are hidden in host mode": Broken(
        "reach.source", _HIDES % "I", paused, "source-hidden", None, _HIDES % "D", paused=True
    ),
    "6: a node that lets no task turn back": Broken(
        "reach.hairpin", _NO_TURN % "I", paused, "hairpin-lost", "swarm-worker1", _NO_TURN % "D", paused=True
    ),
    "6: a node that does not translate an added port": Broken(
        "reach.port-added",
        _DIVERTED % ("I", _BYPASS),
        paused,
        "entry-dead",
        "swarm-worker1",
        _DIVERTED % ("D", _BYPASS),
        paused=True,
    ),
    "6: a port that somebody keeps open": Broken(
        "reach.port-removed",
        _DIVERTED % ("I", _OTHER),
        paused,
        "port-open-after-remove",
        "swarm-worker1",
        _DIVERTED % ("D", _OTHER),
        paused=True,
    ),
    "6: a port that leads to the service that had it": Broken(
        "reach.port-moved",
        _DIVERTED % ("I", _FORMER),
        paused,
        "foreign-answer-at-entry",
        "swarm-worker1",
        _DIVERTED % ("D", _FORMER),
        paused=True,
    ),
    "12: an entry node that loses what is sent during an update": Broken(
        "update.pauses", _CLOSED % ("tcp", 8086), deployed, "lost-in-change", "swarm-worker1"
    ),
    "11: a secret that a log tells": Broken(
        "secret.nowhere-else", _LEAK, begun, "secret-leaked", None, _NO_LEAK
    ),
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
        waits = ("--pause-after", "deploy") if broken.paused else ()
        with box.started("gate", "--profile", "full", "--only", broken.check, *waits) as gate:
            gate.reaches(lambda: broken.moment(box))
            for node in the_lab.nodes:
                assert the_lab.exec(node.hostname, ["sh", "-c", broken.plant]).ok
            (box.runs()[-1] / "continue").touch()
            done = gate.ended()
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
