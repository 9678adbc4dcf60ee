"""Every row of the tutorial with one thing broken on purpose: its suite must catch it, and name it.

Beside the mutants of the mesh: what is broken here, tables and packets do not show. Not part of every test
run; ``tox -e rows`` runs them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.errors import Exit
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
# a config that goes while the manager starts: as if its raft store were older than what it had
_FORGET = """
[ "$(hostname)" = swarm-manager ] || exit 0
echo x | docker config create doomed - && old=$(engine pid) || exit 1
nohup sh -c '
    while [ "$(engine pid)" = '"$old"' ] || [ -z "$(engine pid)" ]; do sleep 0.05; done
    for _ in $(seq 600); do
        curl -sf -X DELETE --unix-socket /var/run/docker.sock http://docker/configs/doomed && exit
        sleep 0.05
    done
' >/dev/null 2>&1 &
"""
_FORGOTTEN = '[ "$(hostname)" != swarm-manager ] || docker config rm doomed'
_NODE = "/var/lib/docker/swarm/certificates/swarm-node.crt"
# one of another root, with the very same names
_FOREIGN = rf"""
[ "$(hostname)" = swarm-worker1 ] || exit 0
cp {_NODE} /run/own.crt
names=$(openssl x509 -noout -subject -in {_NODE} | sed 's/^subject=/\//; s/, */\//g; s/ *= */=/g')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /run/foreign.key \
    -days 90 -subj "$names" -out {_NODE}
"""
_OWN = f"[ ! -e /run/own.crt ] || mv /run/own.crt {_NODE}; rm -f /run/foreign.key"
# a node that goes on with the certificate that it had
_STALE = f"""
[ "$(hostname)" = swarm-worker1 ] || exit 0
cp {_NODE} /run/old.crt && cp {_NODE} /run/new.crt
nohup sh -c 'while sleep 0.05; do
    cmp -s {_NODE} /run/old.crt || {{ cp {_NODE} /run/new.crt; cp /run/old.crt {_NODE}; }}
done' >/dev/null 2>&1 &
echo $! > /run/stale
"""
_FRESH = f"""
[ -e /run/stale ] || exit 0
kill "$(cat /run/stale)"
cmp -s {_NODE} /run/old.crt && cp /run/new.crt {_NODE}
rm -f /run/stale /run/old.crt /run/new.crt
"""
_GOSSIP = "INPUT -p udp --dport 7946 -j DROP"
_NO_NEWS = f'[ "$(hostname)" != swarm-worker1 ] || iptables -I {_GOSSIP}'
_NEWS = f'[ "$(hostname)" != swarm-worker1 ] || iptables -D {_GOSSIP}'
# an iptables that does not write what the chain of a cut is for: to drop
_BLUNT = """
cat > /usr/local/sbin/iptables <<'END'
#!/bin/sh
case "$*" in *"-A HARNESS-CUT"*) exit 0 ;; esac
exec /usr/sbin/iptables "$@"
END
chmod +x /usr/local/sbin/iptables
"""
_SHARP = "rm -f /usr/local/sbin/iptables"


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
    "1: a manager that forgets a config in its restart": Broken(
        "cluster.manager-restart", _FORGET, begun, "object-lost", "swarm-manager", _FORGOTTEN
    ),
    "1: a node with a certificate of another root": Broken(
        "cluster.certificates", _FOREIGN, begun, "wrong-certificate", "swarm-worker1", _OWN
    ),
    "1: a node that keeps its certificate when the root is rotated": Broken(
        "cluster.ca-rotates", _STALE, deployed, "certificate-not-renewed", "swarm-worker1", _FRESH
    ),
    "2: another port shut while one is cut": Broken(
        "ports.4789", _NO_NEWS, killed, "another-port-blocked", "swarm-worker1", _NEWS
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


def test_a_cut_that_does_not_bite_is_unknown(the_lab: UmlLab, box: Box) -> None:
    """A fault counts only with proof: nothing was dropped, so nothing is upheld and nothing refuted."""
    try:
        with box.started("gate", "--profile", "full", "--only", "ports.4789") as gate:
            gate.reaches(lambda: begun(box))
            for node in the_lab.nodes:
                assert the_lab.exec(node.hostname, ["sh", "-c", _BLUNT]).ok
            done = gate.ended()
    finally:
        for node in the_lab.nodes:
            the_lab.exec(node.hostname, ["sh", "-c", _SHARP])

    assert done.code == Exit.UNKNOWN
    told = [one for one in box.verdicts()["checks"] if "no proof that cut-4789" in one["sentence"]]
    assert [one["verdict"] for one in told] == ["unknown"] * 3
    for node in the_lab.nodes:
        assert "HARNESS-CUT" not in the_lab.exec(node.hostname, ["iptables", "-S"]).out
