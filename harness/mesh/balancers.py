"""The load balancers that a look at the kernels shows, as the judges of spread take them."""

from __future__ import annotations

from collections.abc import Iterable

from harness.evidence import Balancers, KernelLook, RealServer, VirtualServer
from harness.journal import Journal
from harness.mesh.kernel import Kernel, Kind, Namespace
from harness.mesh.observed import kernels

_BALANCERS = frozenset({Kind.INGRESS, Kind.BALANCER})
_Mark = tuple[str, str, str, str, int]


def balancers(look: KernelLook, journal: Journal) -> Balancers:
    """IPVS services and marks of every node, kept in the journal."""
    spaces = [
        (kernel, space) for kernel in kernels(look) for space in kernel.namespaces if space.kind in _BALANCERS
    ]
    return journal.keep(
        Balancers(
            id=journal.new_id("balancers"),
            at=look.at,
            servers=tuple(server for kernel, space in spaces for server in _servers(kernel, space)),
            marks=tuple(sorted(mark for kernel, space in spaces for mark in _marks(kernel, space))),
            missing=(*look.missing, *(gap for kernel, space in spaces for gap in _gaps(kernel, space))),
        )
    )


def _servers(kernel: Kernel, space: Namespace) -> Iterable[VirtualServer]:
    for one in space.ipvs:
        rows = tuple(RealServer(row.address, row.weight, row.active, row.inactive) for row in one.servers)
        yield VirtualServer(kernel.node, space.name, one.mark, one.scheduler, rows)


def _marks(kernel: Kernel, space: Namespace) -> Iterable[_Mark]:
    for chain, kind in (("PREROUTING", "port"), ("INPUT", "vip"), ("OUTPUT", "vip")):
        for rule in space.all_of("mangle", chain):
            key = str(rule.dport or "") if kind == "port" else rule.destination.removesuffix("/32")
            if rule.mark is not None and key:
                yield kernel.node, space.name, kind, key, rule.mark


def _gaps(kernel: Kernel, space: Namespace) -> Iterable[tuple[str, str]]:
    for part in ("rules", "ipvs"):
        if why := space.why(part):
            yield kernel.node, f"{space.name}: {part}: {why}"
