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
from harness.stage.workloads import Ports
from tests.lab.processes import Box
from tests.mutants import rows_names

_PORTS = Ports(8080)
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
_SQUATS = f"""
iptables -t nat -S DOCKER | grep -q -- '--dport {_PORTS["hosted"]} ' ||
    docker run -d --name squatter -p {_PORTS["hosted"]}:80 traefik/whoami:v1.10.3
"""
_DIVERTED = f"{_ONE_NODE}; iptables -t nat -%s PREROUTING -p tcp --dport {_PORTS['moving']} -j %s"
_BYPASS = "ACCEPT"  # past docker's chain
_OTHER = "REDIRECT --to-port 2376"  # to who listens always
# to the ingress sandbox, at the port of another service
_FORMER = f"DNAT --to-destination 172.18.0.2:{_PORTS['ported']}"
# clients of a port in host mode are hidden; the target port of the mesh is another
_HIDES = "iptables -t nat -%s POSTROUTING -s 192.168.200.1 -p tcp --dport 80 -j MASQUERADE"
# from its tasks, through its own published port, back to itself
_TURN = "DOCKER-USER -i docker_gwbridge -o docker_gwbridge -p tcp"
_NO_TURN = f"{_ONE_NODE}; iptables -%s {_TURN} --dport {_PORTS['speaking']} -j DROP"
_LEAVES = "docker rm -f squatter >/dev/null 2>&1 || true"
_RULE = "POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE"
_NO_NAT = f'[ "$(hostname)" != swarm-worker1 ] || iptables -t nat -D {_RULE}'
_NAT = f'[ "$(hostname)" != swarm-worker1 ] || iptables -t nat -A {_RULE}'
# straight to a task on docker_gwbridge, past ingress_sbox: it answers all the same
_SHORT_CUT = """
[ "$(hostname)" = swarm-worker1 ] || exit 0
cd /var/run/docker/netns
for space in *; do
    case $space in default | ingress_sbox | lb_* | 1-*) continue ;; esac
    task=$(nsenter --net=$space ip -4 -o addr show to 172.18.0.0/16 | grep -o '172[0-9.]*' | head -n 1)
    [ -z "$task" ] || break
done
rule=$(iptables -t nat -S DOCKER-INGRESS | grep -- '--dport 8080 ')
iptables -t nat -D ${rule#-A }
iptables -t nat -I DOCKER-INGRESS -p tcp --dport 8080 -j DNAT --to-destination "$task:80"
"""
_NO_SHORT_CUT = """
iptables -t nat -S DOCKER-INGRESS | grep -- '--dport 8080 .*:80$' | sed 's/^-A/-D/' |
    while read -r rule; do iptables -t nat $rule; done
"""
# another password than the web tier was given; connections that were let in before are ended
_PASSWORD = """
for redis in $(docker ps -q --filter name=-redis); do
    old=$(docker inspect -f '{{index .Args 2}}' "$redis")
    docker exec "$redis" redis-cli -a "$old" config set requirepass another
    docker exec "$redis" redis-cli -a another client kill type normal
done
"""
_WEB = _PORTS["stack-web"]  # whoami's, in the stack of ours
_STACK_CLOSED = _CLOSED % ("tcp", _WEB)
_STACK_SHORT = f"""
[ "$(hostname)" = swarm-worker1 ] || exit 0
cd /var/run/docker/netns
mark=$(nsenter --net=ingress_sbox iptables -t mangle -S PREROUTING |
    grep -- '--dport {_WEB} ' | grep -o '0x[0-9a-f]*' | head -n 1)
mark=$((mark))
server=$(nsenter --net=ingress_sbox ipvsadm -Ln | grep -A 1 "^FWM  $mark " | tail -n 1 | awk '{{print $2}}')
nsenter --net=ingress_sbox ipvsadm -d -f "$mark" -r "$server"
"""
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
    return any(phase["name"].startswith("deploy") for phase in box.records("phase"))


def stacked(box: Box) -> bool:
    """The stack runs, and is not asked yet."""
    return any(phase["name"] == "deploy stack.yml" for phase in box.records("phase"))


def paused(box: Box) -> bool:
    """The services answer, and the run waits."""
    return bool(box.records("paused"))


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
    "6: a node that does not translate datagrams": Broken(
        "reach.udp", _CLOSED % ("udp", _PORTS["speaking"]), paused, "entry-dead", "swarm-worker1", paused=True
    ),
    "6: a stranger on a port in host mode": Broken(
        "reach.host-mode", _SQUATS, paused, "port-open-without-task", None, _LEAVES, paused=True
    ),
    "6: a node that does not translate the second port": Broken(
        "reach.two-ports",
        _CLOSED % ("tcp", _PORTS["speaking-too"]),
        paused,
        "entry-dead",
        "swarm-worker1",
        paused=True,
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
        "update.pauses", _CLOSED % ("tcp", _PORTS["rolled"]), deployed, "lost-in-change", "swarm-worker1"
    ),
    "11: a secret that a log tells": Broken(
        "secret.nowhere-else", _LEAK, begun, "secret-leaked", None, _NO_LEAK
    ),
    "7: an entry node that goes past its balancer": Broken(
        "packet.captured", _SHORT_CUT, deployed, "another-way", "swarm-worker1", _NO_SHORT_CUT
    ),
    "9: a password that Redis no longer takes": Broken(
        "redis.counter", _PASSWORD, deployed, "password-refused"
    ),
    "10: an entry node that does not know a stack's port": Broken(
        "stack.answers", _STACK_CLOSED, stacked, "entry-dead", "swarm-worker1"
    ),
    "10: an entry node that does not use one of a stack's replicas": Broken(
        "stack.covered", _STACK_SHORT, stacked, "replica-missing-at-entry", "swarm-worker1"
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
