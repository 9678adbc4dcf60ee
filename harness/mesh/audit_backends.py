"""IPVS services and their real servers, against the tasks that the manager calls running."""

from __future__ import annotations

from collections.abc import Callable

from harness.mesh.expected import Pool
from harness.mesh.findings import Notes, listed
from harness.mesh.join import Joined, Marks, strays
from harness.mesh.kernel import MarkService, Namespace, RealServerRow
from harness.mesh.places import Scene
from harness.mesh.settling import Presence
from harness.model import Network

_SCHEDULER = "rr"
_FULL = 1  # the weight that an engine gives


def audit(
    space: Namespace,
    network: Network,
    found: tuple[Joined, ...],
    required: list[Pool],
    scene: Scene,
    notes: Notes,
    marks: Marks,
) -> None:
    """Hold the IPVS table of a load balancer against the services of its network, both ways."""
    wanted = {pool.vip for pool in required}
    for one in found:
        if one.service is None:
            if one.pool.vip in wanted:
                _no_service(space, one, notes)
        elif one.pool.settled:
            _backends(space, one, one.service, scene, notes, strict=one.pool.vip in wanted)
    if network.id not in scene.expected.leaving:
        _loose(space, network, found, notes, marks)


def _no_service(space: Namespace, one: Joined, notes: Notes) -> None:
    mark = "" if one.mark is None else f" {one.mark} ({one.mark:#x})"
    notes.find(
        "missing-ipvs-service",
        space,
        service=one.pool.service,
        address=one.pool.vip,
        expected=f"FWM{mark} with {len(one.pool.must)} real servers: "
        f"{listed(end.address for end in one.pool.must.values())}",
        seen=f"FWM {listed(row.mark for row in space.ipvs)}",
        command="ipvsadm -Ln",
    )


def _backends(
    space: Namespace, one: Joined, service: MarkService, scene: Scene, notes: Notes, *, strict: bool
) -> None:
    """Compare the real servers; ``strict``: those that are missing are told, too."""
    pool, rows = one.pool, {row.address: row for row in service.servers}
    command = f"ipvsadm -Ln -f {service.mark}"

    def find(name: str, address: str, expected: str, seen: str) -> None:
        notes.find(
            name, space, service=pool.service, address=address, expected=expected, seen=seen, command=command
        )

    if service.scheduler != _SCHEDULER:
        find("unexpected-scheduler", pool.vip, f"FWM {service.mark} {_SCHEDULER}", service.scheduler)
    notes.count("backends", len(pool.must) if strict else 0)
    for address, end in pool.must.items() if strict else ():
        if address not in rows:
            held = f"FWM {service.mark} with {listed(sorted(rows))}"
            find("missing-ipvs-backend", address, f"real server {address} ({end.label})", held)
    for row in service.servers:
        if row.address in pool.must or row.address in pool.may:
            _weight(row, pool, service, find)
        else:
            _extra(row, pool, service, scene, find)


_Find = Callable[[str, str, str, str], None]


def _weight(row: RealServerRow, pool: Pool, service: MarkService, find: _Find) -> None:
    end = pool.must.get(row.address)
    who = f"{row.address} ({(end or pool.may[row.address]).label})"
    seen = f"FWM {service.mark}: {row.address} with weight {row.weight}"
    if row.weight == 0 and end is not None:
        find("starved-ipvs-backend", row.address, f"{who} with weight {_FULL}", seen)
    elif row.weight not in {0, _FULL}:
        wish = f"weight {_FULL}" if end else f"weight {_FULL}, or 0 while it ends"
        find("skewed-ipvs-weight", row.address, f"{who} with {wish}", seen)


def _extra(row: RealServerRow, pool: Pool, service: MarkService, scene: Scene, find: _Find) -> None:
    seen = f"FWM {service.mark}: {row.address} with weight {row.weight}"
    owner = scene.expected.at[pool.network.id].get(row.address)
    if owner is not None and owner.presence is not Presence.GONE and owner.service != pool.service:
        find(
            "crosswired-ipvs-backend",
            row.address,
            f"only real servers of {pool.service}",
            f"{seen}, which is {owner.label}",
        )
        return
    past = pool.gone.get(row.address)
    if past is None and owner is None and row.weight == 0 and pool.service in scene.expected.forgetting:
        return
    told = f", which was {past.label} ({past.state})" if past else ", which no task has"
    find("stale-ipvs-backend", row.address, f"no real server {row.address}", seen + told)


def _loose(space: Namespace, network: Network, found: tuple[Joined, ...], notes: Notes, marks: Marks) -> None:
    """IPVS services that are nobody's, unless a service in transit may have them."""
    owned = {one.mark for one in found if one.service is not None}
    moving = [one.pool for one in found if not one.pool.settled or (one.pool.may and not one.pool.must)]
    for service in space.ipvs:
        notes.count("ipvs services")
        if service.mark in owned or _in_transit(service, moving):
            continue
        rows = listed(row.address for row in service.servers)
        notes.find(
            "stale-ipvs-service",
            space,
            address=next(
                (vip for vip, mark in strays(space, found, marks).items() if mark == service.mark), ""
            ),
            expected=f"no FWM {service.mark}: no service of network {network.name} has that mark",
            seen=f"FWM {service.mark} {service.scheduler} with {rows}",
            command=f"ipvsadm -Ln -f {service.mark}",
        )


def _in_transit(service: MarkService, moving: list[Pool]) -> bool:
    """Whether a service that is being made or changed may own it: changed ports make a second one."""
    if not service.servers:
        return bool(moving)
    known = {address for pool in moving for address in (*pool.must, *pool.may, *pool.gone)}
    return any(row.address in known for row in service.servers)
