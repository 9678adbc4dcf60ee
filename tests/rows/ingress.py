"""What is broken of published ports, the packet's way, updates."""

from __future__ import annotations

from harness.stage.ports import Ports
from tests.rows.broken import Broken, deployed, paused

_PORTS = Ports(8080)
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

ROWS = {
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
    "7: an entry node that goes past its balancer": Broken(
        "packet.captured", _SHORT_CUT, deployed, "another-way", "swarm-worker1", _NO_SHORT_CUT
    ),
    "12: an entry node that loses what is sent during an update": Broken(
        "update.pauses", _CLOSED % ("tcp", _PORTS["rolled"]), deployed, "lost-in-change", "swarm-worker1"
    ),
}
