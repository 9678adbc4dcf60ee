"""Mutants of what gossip tells: rows of a dead owner, names that lie; told by the engine's diagnostics.

The record is what the engine's agent announces (moby, libnetwork/agent.proto): 1 name, 2 and 3 the service's
name and id, 4 its VIP, 5 the task's address. A node does not follow what it announces itself: its peers do.
"""

from harness.mutants.mutant import INSIDE, KERNEL, OUTSIDE, Mutant, Wanted

_ON = r"""
sed -i 's/^{$/{ "network-diagnostic-port": 2000,/' /etc/docker/daemon.json
kill -HUP $(engine pid)
for _ in $(seq 50); do curl -sf localhost:2000/ready > /dev/null && break; sleep 0.1; done
# a key of its own for each planting: once withdrawn, no node takes a row of it again for half an hour
test -s /run/mutant.key || printf '%032d%032d' $$ "$(date +%s)" > /run/mutant.key
KEY=$(cat /run/mutant.key)
field() { printf "\\$(printf %03o $(($1 * 8 + 2)))\\$(printf %03o ${#2})%s" "$2"; }
table() { # table VERB NETWORK [ARGUMENT ...]
  verb=$1; net=$2; shift 2
  curl -sfG "localhost:2000/$verb" -d nid=$net -d tname=endpoint_table "$@"; }
announce() { # announce NETWORK SERVICE-ID VIP ADDRESS
  table createentry $1 -d key=$KEY --data-urlencode "value=$(
    { field 1 ghost; field 2 $WEB; field 3 $2; field 4 $3; field 5 $4; } | base64 -w0)"; }
withdraw() { table deleteentry $1 -d key=$KEY; }
row() { # row NETWORK ADDRESS: key and value of the endpoint with this address
  table gettable $1 | sed -n 's/.*k:`\(.*\)` -> v:`\(.*\)` owner.*/\1 \2/p' | while read -r key value; do
    printf %s "$value" | base64 -d | WANT=$2 perl -0777 -ne '
      exit(index($_, "\x2a" . chr(length $ENV{WANT}) . $ENV{WANT}) < 0)' && echo "$key $value"
  done | head -1; }
pick() { # pick NETWORK ADDRESS: its row into the variables key and value, and into a file for the heal
  row $1 $2 > /run/mutant.row; test -s /run/mutant.row
  read -r key value < /run/mutant.row; }
ghost() { # ghost NETWORK ADDRESS NEW: announce the endpoint with this address once more, with a new one
  pick $1 $2
  table createentry $1 -d key=$KEY --data-urlencode "value=$(printf %s "$value" | base64 -d |
    OLD=$2 NEW=$3 perl -0777 -pe 's/\x2a.\Q$ENV{OLD}\E/"\x2a" . chr(length $ENV{NEW}) . $ENV{NEW}/se' |
    base64 -w0)"; }
"""
_OFF = r"""
sed -i 's/^{ "network-diagnostic-port": 2000,/{/' /etc/docker/daemon.json
kill -HUP $(engine pid)
"""
_PEERS = ("PEER_NODE", "THIRD_NODE")
_SETTLE = 3.0  # seconds for gossip to tell it


def _everywhere(finding: str, space: str, service: str, address: str) -> tuple[Wanted, ...]:
    return tuple(Wanted(finding, space, service, address, at) for at in _PEERS)


def _false_row(
    ident: str, title: str, network: str, announce: str, wanted: tuple[Wanted, ...], witness: str, ask: str
) -> Mutant:
    """A mutant whose row the node announces, and withdraws again; its peers follow it."""
    inject, heal = f"{_ON} {announce}", f"{_ON} gone withdraw {network}; rm -f /run/mutant.key; {_OFF}"
    return Mutant(ident, ident, title, inject, heal, wanted, frozenset({witness, KERNEL}), ask, _SETTLE)


MUTANTS = (
    _false_row(
        "D5",
        "the ingress row of a dead owner",
        "$ING_ID",
        "ghost $ING_ID $LOCAL_ING $FREE_ING",
        _everywhere("stale-ipvs-backend", "ingress_sbox", "web", "FREE_ING"),
        OUTSIDE,
        "plain",
    ),
    _false_row(
        "E1",
        "a service's name names a task that is gone",
        "$NET_ID",
        "ghost $NET_ID $LOCAL_APP $FREE_APP",
        _everywhere("stale-ipvs-backend", "LB", "web", "FREE_APP"),
        INSIDE,
        "vip",
    ),
    Mutant(
        "E2",
        "E2",
        "a service's name lacks a running task",
        f"{_ON} pick $NET_ID $LOCAL_APP; table deleteentry $NET_ID -d key=$key",
        # the engine takes no row of that key again for half an hour: another task brings another one
        f"""{_OFF} test ! -s /run/mutant.row ||
            docker kill $(docker ps -q --filter label=com.docker.swarm.service.name=$WEB)
        rm -f /run/mutant.row; sleep 2""",
        _everywhere("missing-ipvs-backend", "LB", "web", "LOCAL_APP"),
        frozenset({INSIDE, KERNEL}),
        "vip",
        _SETTLE,
        renews=True,
    ),
    _false_row(
        "E3",
        "a service's name has two VIPs",
        "$NET_ID",
        "announce $NET_ID 0000000000000000000000000 $FREE_APP $LOCAL_APP",
        _everywhere("stale-ipvs-service", "LB", "", "FREE_APP"),
        INSIDE,
        "vip",
    ),
)
