"""What is broken of the cluster itself, and its ports."""

from __future__ import annotations

from tests.rows.broken import Broken, begun, deployed, killed

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
}
