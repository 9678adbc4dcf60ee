"""IPsec of the encrypted overlay networks: a policy and keys towards each node that shares one with this.

An engine makes both when it learns of the first endpoint there: a policy for what leaves, an association for
it, and up to three for what comes, since keys rotate. Each side has one key at least at all times.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.mesh.findings import Notes, listed
from harness.mesh.kernel import Kernel, Kind, Namespace
from harness.mesh.places import Scene
from harness.model import Network

_OUT, _STATE = "out", "state"


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold the policies and associations of a node against the peers of its encrypted networks."""
    host = kernel.the(Kind.HOST)
    shared = _shared(kernel.node, scene)
    if host is None or not shared or not notes.readable(host, "xfrm"):
        return
    for peer, networks in shared.items():
        end = scene.data[peer]
        notes.count("ipsec peers")
        lacking = list(_lacking(host, {end, *scene.hosts.get(peer, ())}))
        if lacking:
            services = _services(peer, networks, scene)
            notes.find(
                "missing-ipsec",
                host,
                service=services[0] if len(services) == 1 else "",
                address=end,
                expected=f"a policy and keys to {end} and keys from it for {listed(_names(networks))}",
                seen=f"no {' and no '.join(lacking)}",
                command="ip xfrm policy; ip xfrm state | grep ^src",  # keys stand in other lines
            )


def _shared(node: str, scene: Scene) -> dict[str, list[Network]]:
    """The encrypted networks that reach both a node and its peer, by peer; only what is settled counts."""
    expected = scene.expected
    mine = [one for one in expected.networks if one.encrypted and expected.extended(node, one)]
    found = {
        peer: [one for one in mine if expected.extended(peer, one)] for peer in scene.peers(node) if mine
    }
    return {peer: networks for peer, networks in found.items() if networks}


def _lacking(host: Namespace, ends: set[str]) -> Iterator[str]:
    """What a node has not of a peer with these addresses."""
    if not any(row.what == _OUT and row.destination in ends for row in host.xfrm):
        yield "policy to it"
    if not any(row.what == _STATE and row.destination in ends for row in host.xfrm):
        yield "key to it"
    if not any(row.what == _STATE and row.source in ends for row in host.xfrm):
        yield "key from it"


def _names(networks: list[Network]) -> list[str]:
    return [network.name for network in networks]


def _services(peer: str, networks: list[Network], scene: Scene) -> list[str]:
    """The services of the networks that have a settled task on the peer."""
    pools = [pool for network in networks for pool in scene.expected.on[network.id]]
    return sorted({pool.service for pool in pools if any(one.node == peer for one in pool.must.values())})
