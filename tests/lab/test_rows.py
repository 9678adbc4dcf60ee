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
from tests.mutants import rows_names

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
# gossip of one task is taken back where it came from: every other node forgets the name
_LOST_NAME = f"""
[ "$(hostname)" = swarm-worker1 ] || exit 0
{rows_names._ON}
net=$(docker network ls -q --no-trunc -f name=-net$ -f driver=overlay)
task=$(docker ps -q -f name=whoami-drawn)
pick $net $(docker inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' $task)
table deleteentry $net -d key=$key
"""
_NAME = f'[ "$(hostname)" != swarm-worker1 ] || {{ {rows_names._OFF} }}'
# as somebody would who "quickly" needs the database: every task of the near network joins the far one too
_JOINED = """
[ "$(hostname)" = swarm-worker1 ] || exit 0
nohup sh -c '
    while sleep 0.1; do
        far=$(docker network ls -q -f name=-far$)
        for task in $(docker ps -q -f name=around); do docker network connect $far $task; done
    done
' >/dev/null 2>&1 &
echo $! > /run/joins
"""
_NOT_JOINED = 'test ! -s /run/joins || kill "$(cat /run/joins)"; rm -f /run/joins'
_NO_VXLAN = '[ "$(hostname)" != swarm-worker1 ] || iptables -I INPUT -p udp --dport 4789 -j DROP'
_VXLAN = '[ "$(hostname)" != swarm-worker1 ] || iptables -D INPUT -p udp --dport 4789 -j DROP'
# the first capture must find it gone: the engine sets it when the node's first encrypted network comes up
_IN_CLEAR = """
[ "$(hostname)" = swarm-worker1 ] || exit 0
rule=$(iptables -t mangle -S OUTPUT | grep -- '--dport 4789 .*MARK' | sed 's/^-A/-D/')
test -n "$rule"
eval iptables -t mangle $rule
"""
_BALANCER = """
[ "$(hostname)" = swarm-worker1 ] || exit 0
net=$(docker network ls -q --no-trunc -f name=-net$ -f driver=overlay | cut -c 1-9)
inside() { nsenter --net=/var/run/docker/netns/lb_$net "$@"; }
"""
# what a task asks of its VIP is answered past the balancer then, from an address that it never asked
_NO_SNAT = f"""{_BALANCER}
rule=$(inside iptables -t nat -S POSTROUTING | grep -- '--ipvs.*SNAT' | sed 's/^-A/-D/')
test -n "$rule"
inside iptables -t nat $rule
"""
_HASTY = f"{_BALANCER} inside ipvsadm --set 60 0 0"


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


def answering(box: Box) -> bool:
    """whoami answers everywhere."""
    return any(phase["name"] == "deploy" for phase in box.records("phase"))


def killed(box: Box) -> bool:
    """A task dies at this moment; its successor begins five seconds later."""
    return bool(box.records("fault-begins"))


def moved(box: Box) -> bool:
    """Redis runs on another node."""
    return any(phase["name"].startswith("move ") for phase in box.records("phase"))


ROWS = {
    "8: a name that lost a task": Broken("dns.dnsrr", _LOST_NAME, deployed, "name-incomplete", None, _NAME),
    "8: an alias that lost a task": Broken("dns.alias", _LOST_NAME, deployed, "name-incomplete", None, _NAME),
    "8: a balancer that lets answers go past it": Broken(
        "vip.own-task", _NO_SNAT, answering, "own-vip-lost", "swarm-worker1"
    ),
    "8: a balancer that forgets after a minute": Broken(
        "vip.idle", _HASTY, answering, "other-idle-timeout", "swarm-worker1"
    ),
    "4: a task that somebody put on two networks": Broken(
        "overlay.isolated", _JOINED, deployed, "networks-joined", "swarm-worker1", _NOT_JOINED
    ),
    "4: such a task is told the other network's names": Broken(
        "dns.no-leak", _JOINED, deployed, "name-leaked", "swarm-worker1", _NOT_JOINED
    ),
    "4: such a task has an interface too many": Broken(
        "overlay.interfaces", _JOINED, deployed, "wrong-interfaces", "swarm-worker1", _NOT_JOINED
    ),
    "4: a node that does not mark what is to be encrypted": Broken(
        "overlay.encrypted", _IN_CLEAR, deployed, "clear-text-on-the-wire", "swarm-worker1"
    ),
    "4: a plain container on a node that no VXLAN reaches": Broken(
        "overlay.attachable", _NO_VXLAN, deployed, "task-unreached", None, _VXLAN
    ),
    "5: a node that does not translate what leaves": Broken(
        "overlay.way-out", _NO_NAT, begun, "outside-unreached", "swarm-worker1", _NAT
    ),
    "12: an entry node that loses what is sent during an update": Broken(
        "update.pauses", _CLOSED, deployed, "lost-in-change", "swarm-worker1"
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
        with box.started("gate", "--profile", "full", "--only", broken.check) as gate:
            gate.reaches(lambda: broken.moment(box))
            for node in the_lab.nodes:
                assert the_lab.exec(node.hostname, ["sh", "-c", broken.plant]).ok
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
