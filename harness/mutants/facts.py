"""What a mutant's shell knows of the ground it is planted in: variables and helpers.

Facts are read once, from a healthy swarm, and given to planting and healing alike as literals: a heal must
not look things up in tables that are broken.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence

from harness.errors import Unmeasurable
from harness.lab.protocol import Lab
from harness.model import Attachment, Network, Node, Replica, Service

_HELPERS = r"""
NS=/var/run/docker/netns; ING=$NS/ingress_sbox
ns() { p=$1; shift; nsenter --net="$p" "$@"; }
mac() { printf '02:42:%02x:%02x:%02x:%02x' $(echo "$1" | tr . ' '); }
keep() { # keep NAMESPACE|- TABLE: remember a whole table; back puts it back as it was
  if [ "$1" = - ]; then iptables-save -t "$2"; else ns "$1" iptables-save -t "$2"; fi > "/run/mutant.$2"; }
back() {
  test -s "/run/mutant.$2" || return 0
  if [ "$1" = - ]; then iptables-restore < "/run/mutant.$2"
  else ns "$1" iptables-restore < "/run/mutant.$2"; fi
  rm -f "/run/mutant.$2"; }
cut_rules() { # cut_rules NAMESPACE TABLE CHAIN WORDS: delete the rules that hold these words
  ns "$1" iptables -t "$2" -S "$3" | grep -- "$4" | sed 's/^-A/-D/' |
    while read -r rule; do ns "$1" iptables -t "$2" $rule; done; }
tune() { # tune SYSCTL VALUE: remember the old one; untune puts it back
  sysctl -n "$1" > "/run/mutant.$1"; sysctl -qw "$1=$2"; }
untune() { test ! -s "/run/mutant.$1" || sysctl -qw "$1=$(cat "/run/mutant.$1")"; rm -f "/run/mutant.$1"; }
gone() { "$@" 2>/dev/null || true; } # for heals: what is not there need not be removed
"""
# read on a node whose tables are healthy
_LOOK = (
    _HELPERS
    + r"""
say() { printf '%s=%s\n' "$1" "$2"; }
device() { ns "$1" ip -4 -o addr show | awk -v a="$2/" 'index($4, a) == 1 {print $2; exit}'; }
mark() { ns "$1" iptables -t mangle -S INPUT | awk -v v="$2/32" 'index($0, v) {print $NF}' | cut -d/ -f1; }
own() { ns "$1" ip -4 -o addr show | awk -v d="$2" '$2 == d && $4 !~ /\/32$/ {print $4}' | cut -d/ -f1; }
LB=$NS/lb_$(echo "$NET_ID" | cut -c1-9)
say LB "$LB"
say OV "$(ls -d $NS/*-$(echo "$NET_ID" | cut -c1-10))"
say INGOV "$(ls -d $NS/*-$(echo "$ING_ID" | cut -c1-10))"
say GW "$(own $ING eth1)"
say BRIDGE "$(ip -4 -o addr show docker_gwbridge | awk '{sub("/.*", "", $4); print $4}')"
say SBOX "$(own $ING eth0)"
say LBOX "$(own $LB eth0)"
say MARK "$(($(mark $ING $VIP)))"
say LBMARK "$(($(mark $LB $APP_VIP)))"
say APIMARK "$(($(mark $ING $API_VIP)))"
say LBAPIMARK "$(($(mark $LB $API_APP_VIP)))"
for one in $(ls $NS); do
  if ns $NS/$one ip -4 -o addr show 2>/dev/null | grep -q " $LOCAL_ING/"; then
    say TASK $NS/$one
    say TASK_ING_DEV "$(device $NS/$one $LOCAL_ING)"
    say TASK_APP_DEV "$(device $NS/$one $LOCAL_APP)"
  fi
done
"""
)


@dataclasses.dataclass(frozen=True)
class Placed:
    """A service of the ground and where its replicas run."""

    service: Service
    replicas: tuple[Replica, ...]


def of_swarm(
    node: str, nodes: Sequence[Node], networks: Sequence[Network], app: Network, web: Placed, api: Placed
) -> dict[str, str]:
    """Everything that the manager tells.

    Args:
        node: hostname of the one that is hurt.
        nodes: all of them.
        networks: all of the swarm.
        app: the overlay network that the services share.
        web: the service that is asked; it has a replica on every node.
        api: another one.

    Raises:
        Unmeasurable: something of it is not there.
    """
    ingress = next((one for one in networks if one.ingress), None)
    others = sorted((one for one in nodes if one.hostname != node), key=lambda one: one.hostname)[::-1]
    here = next((one for one in nodes if one.hostname == node), None)
    if ingress is None or here is None or len(others) < 2:  # noqa: PLR2004  a peer and a third
        raise Unmeasurable("mutants need an ingress network and three nodes")
    found = {
        "NODE": node,
        "NODE_IP": here.address,
        "PEER_NODE": others[0].hostname,
        "PEER": others[0].address,
        "THIRD_NODE": others[1].hostname,
        "THIRD": others[1].address,
        "PORT": str(web.service.ports[0].published),
        "TARGET": str(web.service.ports[0].target),
        "API_PORT": str(api.service.ports[0].published),
        "ING_ID": ingress.id,
        "NET_ID": app.id,
        "VNI": str(app.vnis[0]),
        "WEB_ID": web.service.id,
        "WEB": web.service.name,
        "API": api.service.name,
        "FREE_ING": _free(ingress),
        "FREE_APP": _free(app),
        "VIP": _on(web.service.vips, ingress),
        "APP_VIP": _on(web.service.vips, app),
        "API_VIP": _on(api.service.vips, ingress),
        "API_APP_VIP": _on(api.service.vips, app),
    }
    where = {"LOCAL": node, "REMOTE": others[0].hostname, "OTHER": others[1].hostname}
    for name, host in where.items():
        found |= dict(_addresses(name, web, host, ingress, app))
    return found | dict(_addresses("API", api, "", ingress, app))


def of_node(lab: Lab, node: str, known: Mapping[str, str]) -> dict[str, str]:
    """What only the node itself tells: marks, namespaces, addresses of its own balancers.

    Raises:
        Unmeasurable: the node does not answer, or its tables are not healthy.
    """
    done = lab.exec(node, ["sh", "-ec", assigned(known) + _LOOK])
    found = dict(line.split("=", 1) for line in done.out.splitlines() if "=" in line)
    lacking = [
        name for name in ("LB", "OV", "GW", "MARK", "LBMARK", "TASK") if found.get(name) in {None, "", "0"}
    ]
    if not done.ok or lacking:
        told = done.err.strip() or f"nothing of {', '.join(lacking)}"
        raise Unmeasurable(f"{node} does not tell what a mutant must know: {' '.join(told.split())}")
    return found


def script(known: Mapping[str, str], text: str) -> list[str]:
    """A command line that runs a mutant's shell with the facts and helpers."""
    return ["sh", "-ec", f"{assigned(known)}{_HELPERS}{text}"]


def assigned(known: Mapping[str, str]) -> str:
    """The facts as shell assignments."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in known.items())


def _addresses(
    name: str, placed: Placed, host: str, ingress: Network, app: Network
) -> Iterator[tuple[str, str]]:
    one = next((one for one in placed.replicas if host in {"", one.node}), None)
    if one is None:
        raise Unmeasurable(f"no replica of {placed.service.name} runs on {host or 'any node'}")
    yield f"{name}_ING", _on(one.addresses, ingress)
    yield f"{name}_APP", _on(one.addresses, app)


def _on(places: Sequence[Attachment], network: Network) -> str:
    found = next((one.address for one in places if one.network in {network.id, network.name}), "")
    if not found:
        raise Unmeasurable(f"an address on {network.name} is not known")
    return found


def _free(network: Network) -> str:
    """An address near the end of the network's first 256: the allocator begins at the other end."""
    return ".".join([*network.subnets[0].partition("/")[0].split(".")[:3], "250"])
