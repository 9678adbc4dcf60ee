"""What is broken of overlay networks, names and VIPs."""

from __future__ import annotations

from tests.mutants import rows_names
from tests.rows.broken import Broken, answering, begun, deployed

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

ROWS = {
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
    "8: a name that lost a task": Broken("dns.dnsrr", _LOST_NAME, deployed, "name-incomplete", None, _NAME),
    "8: an alias that lost a task": Broken("dns.alias", _LOST_NAME, deployed, "name-incomplete", None, _NAME),
    "8: a balancer that lets answers go past it": Broken(
        "vip.own-task", _NO_SNAT, answering, "own-vip-lost", "swarm-worker1"
    ),
    "8: a balancer that forgets after a minute": Broken(
        "vip.idle", _HASTY, answering, "other-idle-timeout", "swarm-worker1"
    ),
}
