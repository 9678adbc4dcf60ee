"""Hold what every node's kernel holds against what the manager says must be there: pure comparison.

Sets are compared both ways, per node and namespace. Where one cause explains what follows from it (no
sandbox, no IPVS service, a flushed chain), only that cause is told.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from harness.judge.verdict import Finding
from harness.mesh import (
    audit_addresses,
    audit_balancer,
    audit_gossip,
    audit_host,
    audit_inspected,
    audit_ipsec,
    audit_networks,
    audit_node,
    audit_overlay,
    audit_tasks,
    facts,
    natives,
)
from harness.mesh.expected import Expected, Pool
from harness.mesh.findings import HOST, Audit, Cell, Notes
from harness.mesh.following import folded
from harness.mesh.kernel import Kernel
from harness.mesh.natives import Tables
from harness.mesh.places import Scene

_ENTRY = frozenset({HOST, "ingress_sbox"})  # what every published service of a node needs


class Auditor(Protocol):
    """Knows how one kind of data plane looks when it is right."""

    def audit(self, kernel: Kernel, scene: Scene, notes: Notes) -> None:
        """Hold one node's kernel against what it must hold; tell in ``notes``."""


class IptablesIpvs:
    """The data plane of all engines so far: iptables (legacy or nft), IPVS and vxlan."""

    def audit(self, kernel: Kernel, scene: Scene, notes: Notes) -> None:
        """Layer by layer, as a packet goes."""
        if audit_node.supported(kernel, scene, notes):
            audit_host.audit(kernel, scene, notes)
            audit_balancer.audit(kernel, scene, notes)
            audit_overlay.audit(kernel, scene, notes)
            audit_ipsec.audit(kernel, scene, notes)
            audit_tasks.audit(kernel, scene, notes)
        audit_node.audit(kernel, scene, notes)
        audit_networks.overlapping(kernel, scene, notes)


@dataclasses.dataclass(frozen=True)
class NativeNftables:
    """The balancer that moby#53125 announces: no IPVS, random choice; ``why`` it seems to be in use."""

    why: str

    def audit(self, kernel: Kernel, scene: Scene, notes: Notes) -> None:  # noqa: ARG002  nothing is known of it
        """Tell that it cannot be judged."""
        notes.unknown("", f"backend not supported yet: {self.why}")


def auditor_of(kernel: Kernel, tables: Sequence[str] = ()) -> Auditor:
    """Who can judge a node's data plane.

    Args:
        kernel: of the node.
        tables: names of native nf_tables in its own network.
    """
    why = facts.native(kernel, tables)
    return NativeNftables(why) if why else IptablesIpvs()


def scene_of(kernels: Iterable[Kernel], expected: Expected, missing: Sequence[tuple[str, str]] = ()) -> Scene:
    """The kernels of the nodes that can be judged, beside what they must hold.

    Of a node that told only a part nothing is judged: what its kernel holds beyond that is not known.
    """
    judged = {node.hostname for node in expected.nodes} - {name for name, _ in missing}
    return Scene(expected, {kernel.node: kernel for kernel in kernels if kernel.node in judged})


def audit(
    kernels: Iterable[Kernel],
    expected: Expected,
    *,
    missing: Sequence[tuple[str, str]] = (),
    skipped: Sequence[tuple[str, str]] = (),
    tables: Tables | None = None,
) -> Audit:
    """Hold the kernels against what must be there.

    Args:
        kernels: of all nodes that answered; those that take no tasks are left out.
        expected: what must be there.
        missing: (hostname, reason) of nodes without a whole answer.
        skipped: (hostname, reason) of nodes that were not asked.
        tables: native nf_tables, by hostname and namespace.
    """
    scene = scene_of(kernels, expected, missing)
    notes = {name: Notes(name) for name in scene.kernels}
    for name, kernel in scene.kernels.items():
        natives.audit(kernel, expected, tables or {}, notes[name])
        own = [one.name for one in (tables or {}).get((name, ""), ())]
        auditor_of(kernel, own).audit(kernel, scene, notes[name])
        audit_gossip.audit(kernel, scene, notes[name])
        audit_inspected.audit(kernel, scene, notes[name])
    audit_addresses.audit(scene, notes)
    notes[""] = Notes("")  # of the swarm as a whole
    audit_networks.exhausted(scene, notes[""])
    unknowns = [*_unanswered(scene, missing, dict(skipped))]
    unknowns += [("", service, why) for service, why in expected.unjudged]
    unknowns += [
        (node.hostname, "", f"{node.address or 'its address'} is no address, and no peer's row tells one")
        for node in expected.nodes
        if node.hostname not in scene.data
    ]
    unknowns += [told for one in notes.values() for told in one.unknowns]
    findings = tuple(finding for one in notes.values() for finding in one.findings)
    counted = sum((one.counted for one in notes.values()), Counter[str]())
    every = tuple(dict([*expected.skipped, *skipped]).items())
    return Audit(
        folded(findings, scene),
        tuple(dict.fromkeys(unknowns)),
        tuple(_cells(scene, findings, unknowns)),
        {**counted, "nodes": len(scene.kernels), "services": len(expected.services)},
        every,
        tuple(told for one in notes.values() for told in one.remarks),
    )


def _unanswered(
    scene: Scene, missing: Sequence[tuple[str, str]], skipped: dict[str, str]
) -> Iterable[tuple[str, str, str]]:
    """Nodes that should have answered whole, and did not."""
    idle = {name for name, _ in scene.expected.skipped}
    yield from ((name, "", why) for name, why in missing if name not in idle)
    told = {name for name, _ in missing}
    for node in scene.expected.nodes:
        if node.hostname not in scene.kernels and node.hostname not in told:
            yield node.hostname, "", skipped.get(node.hostname, "it did not answer")


def _cells(
    scene: Scene, findings: tuple[Finding, ...], unknowns: list[tuple[str, str, str]]
) -> Iterable[tuple[str, str, Cell]]:
    """Every service on every node."""
    expected = scene.expected
    idle = dict(expected.skipped)
    names = [*dict.fromkeys([*(node.hostname for node in expected.nodes), *idle])]
    by_service: dict[str, list[Pool]] = {}
    for pool in expected.pools:
        by_service.setdefault(pool.service, []).append(pool)
    broken = {(one.subject.node, one.subject.service, one.subject.namespace) for one in findings}
    for service in expected.services:
        pools = by_service.get(service, [])
        for name in names:
            if name in idle:
                yield service, name, Cell.SKIPPED
            else:
                yield service, name, _cell(scene, name, service, pools, broken, unknowns)


def _cell(
    scene: Scene,
    node: str,
    service: str,
    pools: list[Pool],
    broken: set[tuple[str, str, str]],
    unknowns: list[tuple[str, str, str]],
) -> Cell:
    here = [pool for pool in pools if scene.expected.extended(node, pool.network)]
    if any(one[:2] == (node, service) or (one[:2] == (node, "") and _needs(here, one[2])) for one in broken):
        return Cell.BROKEN
    if any(one[0] == node and (not one[1] or _needs(here, one[1])) for one in unknowns):
        return Cell.UNKNOWN
    if any(not pool.settled or (pool.may and not pool.must) for pool in here):
        return Cell.SETTLING
    return Cell.OK if any(pool.required for pool in here) else Cell.ABSENT


def _needs(pools: list[Pool], place: str) -> bool:
    """Whether services with these pools go through a namespace."""
    for pool in pools:
        if pool.network.ingress and place in _ENTRY:
            return True
        if place == f"lb_{pool.network.id[:9]}" or place.partition("-")[2] == pool.network.id[:10]:
            return True
    return False
