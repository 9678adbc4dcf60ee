"""Which mark and which IPVS service of a balancer's namespace are a service's: port and VIP -> MARK -> FWM.

Marks are numbered by each node for itself (trap T13): they are joined within a namespace, never across nodes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from harness.mesh.expected import Pool
from harness.mesh.kernel import MarkService, Namespace, Rule, Rules
from harness.model import Port

PortKey = tuple[int, str]


@dataclasses.dataclass(frozen=True)
class Marks:
    """MARK rules of a namespace, in order: the last one wins."""

    ports: dict[PortKey, tuple[Rule, ...]]
    vips: dict[str, tuple[Rule, ...]]

    def of(self, pool: Pool) -> Iterator[int]:
        """Marks that lead to a service, the VIP's first."""
        for rules in (self.vips.get(pool.vip, ()), *(self.ports.get(key(port), ()) for port in pool.ports)):
            yield from (rule.mark for rule in reversed(rules) if rule.mark is not None)


@dataclasses.dataclass(frozen=True)
class Joined:
    """What a service has in a namespace.

    Attributes:
        mark: the one that its packets have, or should have; None if there is neither mark nor IPVS service.
        service: the IPVS service of its own; None if there is none.
    """

    pool: Pool
    mark: int | None
    service: MarkService | None


def key(port: Port) -> PortKey:
    """What a port is found by: number and protocol."""
    return port.published, port.protocol


def marks_of(rules: Rules) -> Marks:
    """The MARK rules of a balancer's mangle table."""
    ports: dict[PortKey, list[Rule]] = {}
    vips: dict[str, list[Rule]] = {}
    for rule in rules.rules:
        if rule.table != "mangle" or rule.mark is None:
            continue
        if rule.chain == "PREROUTING" and rule.dport is not None:
            ports.setdefault((rule.dport, rule.protocol), []).append(rule)
        elif rule.chain in {"INPUT", "OUTPUT"} and rule.destination:
            vips.setdefault(rule.destination.partition("/")[0], []).append(rule)
    return Marks(
        {where: tuple(found) for where, found in ports.items()},
        {where: tuple(found) for where, found in vips.items()},
    )


def join(space: Namespace, marks: Marks, pools: Iterable[Pool]) -> tuple[Joined, ...]:
    """Every service's own mark and IPVS service.

    A mark counts as a service's own if it leads to real servers of that service; without such a mark, the
    IPVS service with most of its real servers is taken, then the first mark that leads anywhere.
    """
    services = {one.mark: one for one in space.ipvs}
    every = tuple(pools)
    firm = {pool.vip: _firm(pool, marks, services) for pool in every}
    taken = {mark for mark in firm.values() if mark is not None}
    found = []
    for pool in every:
        mark = firm[pool.vip]
        if mark is None:
            mark = _guess(pool, marks, services, taken)
            taken |= {mark} if mark in services else set()
        found.append(Joined(pool, mark, services.get(mark) if mark is not None else None))
    return tuple(found)


def strays(space: Namespace, found: Iterable[Joined], marks: Marks) -> dict[str, int]:
    """VIPs without a service whose mark leads to an IPVS service that no service owns."""
    every = tuple(found)
    loose = {row.mark for row in space.ipvs} - {one.mark for one in every}
    known = {one.pool.vip for one in every}
    last = {vip: rules[-1].mark for vip, rules in marks.vips.items() if rules and vip not in known}
    return {vip: mark for vip, mark in last.items() if mark is not None and mark in loose}


def _firm(pool: Pool, marks: Marks, services: dict[int, MarkService]) -> int | None:
    return next((mark for mark in marks.of(pool) if _shared(pool, services.get(mark))), None)


def _guess(pool: Pool, marks: Marks, services: dict[int, MarkService], taken: set[int]) -> int | None:
    free = [one for one in services.values() if one.mark not in taken]
    best = max(free, key=lambda one: _shared(pool, one), default=None)
    if best is not None and _shared(pool, best):
        return best.mark
    own = list(marks.of(pool))
    anywhere = [mark for mark in own if mark in services and mark not in taken]
    return next(iter(anywhere or own), None)


def _shared(pool: Pool, service: MarkService | None) -> int:
    """How many real servers of an IPVS service are a service's, ended ones included."""
    if service is None:
        return 0
    own = pool.must.keys() | pool.may.keys() | pool.gone.keys()
    return sum(row.address in own for row in service.servers)
