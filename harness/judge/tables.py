"""What the kernel's IPVS tables say about the way from one entry node to a service."""

from __future__ import annotations

import dataclasses

from harness.evidence import Balancers, Roster, VirtualServer
from harness.model import Path, Replica

INGRESS_NAMESPACE = "ingress_sbox"
OVERLAY_PREFIX = "lb_"
ROUND_ROBIN = "rr"


@dataclasses.dataclass(frozen=True)
class Table:
    """The IPVS service of one entry node that leads to a roster's replicas.

    Attributes:
        extra: addresses with a weight that no replica of the roster has.
        absent: replicas whose address the table lacks.
        idle: replicas whose row has weight 0: nothing new is sent there.
    """

    node: str
    namespace: str
    scheduler: str
    extra: tuple[str, ...]
    absent: tuple[Replica, ...]
    idle: tuple[Replica, ...]

    @property
    def exact(self) -> bool:
        """Whether strict round robin may be expected of it."""
        return self.scheduler == ROUND_ROBIN


def table_of(balancers: Balancers | None, entry: str, path: Path, roster: Roster) -> Table | None:
    """The table between ``entry`` and the roster's replicas; None where none was read.

    The service's table is the one that holds most of its replicas' addresses: marks differ per node.
    """
    if balancers is None:
        return None
    owners = {place.address: replica for replica in roster.ever for place in replica.addresses}
    read = [server for server in balancers.servers if server.node == entry and _on_path(server, path)]
    read.sort(key=lambda server: -_overlap(server, owners))
    if not read or not _overlap(read[0], owners):
        return None
    found = read[0]
    rows = {row.address: row.weight for row in found.servers}
    held = {owners[address].task for address in rows if address in owners}
    live = {owners[address].task for address, weight in rows.items() if weight and address in owners}
    return Table(
        entry,
        found.namespace,
        found.scheduler,
        extra=tuple(sorted(address for address, weight in rows.items() if weight and address not in owners)),
        absent=tuple(replica for replica in roster.replicas if replica.task not in held),
        idle=tuple(replica for replica in roster.replicas if replica.task in held - live),
    )


def _on_path(server: VirtualServer, path: Path) -> bool:
    if path is Path.VIP:
        return server.namespace.startswith(OVERLAY_PREFIX)
    return server.namespace == INGRESS_NAMESPACE


def _overlap(server: VirtualServer, owners: dict[str, Replica]) -> int:
    return sum(row.address in owners for row in server.servers)
