"""What is broken of applications: what they keep, say and stand behind."""

from __future__ import annotations

from harness.stage.ports import Ports
from tests.rows.broken import Broken, begun, deployed, killed, moved, stacked

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
_OTHER_PASSWORD = _PSQL.format(
    "ALTER USER postgres PASSWORD 'another'; "
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
    "AND pid != pg_backend_pid()"
)

ROWS = {
    "9: a password that Redis no longer takes": Broken(
        "redis.counter", _PASSWORD, deployed, "password-refused"
    ),
    "10: an entry node that does not know a stack's port": Broken(
        "stack.answers", _STACK_CLOSED, stacked, "entry-dead", "swarm-worker1"
    ),
    "10: an entry node that does not use one of a stack's replicas": Broken(
        "stack.covered", _STACK_SHORT, stacked, "replica-missing-at-entry", "swarm-worker1"
    ),
    "11: a secret that a log tells": Broken(
        "secret.nowhere-else", _LEAK, begun, "secret-leaked", None, _NO_LEAK
    ),
    "13: a volume that lost its data": Broken("volume.kept", _WIPE, killed, "data-lost"),
    "13: a volume emptied while its task is away": Broken(
        "volume.local", _WIPE, moved, "data-lost", "swarm-worker2"
    ),
    "14: a voter who may have two rows": Broken(
        "voting.one-per-voter", _TWO_ROWS, deployed, "vote-counted-twice"
    ),
    "14: a database with another password": Broken(
        "voting.counted", _OTHER_PASSWORD, deployed, "database-refuses-password"
    ),
    "15: a proxy that forgets its clients": Broken("proxy.sticky", _UNSTICKY, begun, "stickiness-off"),
}
