"""What follows from closed gossip: the rows that nodes lose, told with their cause and not one by one.

Some seconds after a node's gossip port is closed its peers call it failed, and both sides drop one another's
rows (networkDB). How many are gone depends on when one looks; the cause does not.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Final

from harness.judge.verdict import Finding
from harness.mesh.places import Scene
from harness.mesh.settling import Presence

CLOSED: Final = "gossip-blocked"
_ROWS: Final = frozenset(
    {
        "missing-fdb-entry",
        "missing-gossip-peer",
        "missing-gossip-row",
        "missing-ipvs-backend",
        "missing-ipvs-service",
        "missing-neighbour",
        "service-not-programmed",
    }
)


def folded(findings: Sequence[Finding], scene: Scene) -> tuple[Finding, ...]:
    """The findings, those that follow from closed gossip counted in the sentence of that one.

    A row counts as following where it is lacking on the node with the closed port, or where it leads to that
    node; of a port that is closed towards one peer only what lies between these two.
    """
    closed = [one for one in findings if one.name == CLOSED]
    if not closed:
        return tuple(findings)
    hosts = {one.address: one.node for one in scene.expected.endpoints if one.presence is Presence.MUST}
    hosts |= {address: node for (node, _), address in scene.balancers.items()}
    hosts |= {node.address: node.hostname for node in scene.expected.nodes if node.address}
    counts: Counter[str] = Counter()
    kept = []
    for finding in findings:
        ends = {finding.subject.node, hosts.get(finding.subject.address, "")}
        cause = next((one for one in closed if _ends(one, hosts) <= ends), None)
        if finding.name in _ROWS and cause is not None:
            counts[cause.subject.node] += 1
        else:
            kept.append(finding)
    return tuple(_counted(one, counts) if one.name == CLOSED else one for one in kept)


def _ends(closed: Finding, hosts: dict[str, str]) -> set[str]:
    """The node whose port is closed, and the peer if it is closed towards one alone."""
    peer = hosts.get(closed.subject.address, "")
    return {closed.subject.node, peer} if peer else {closed.subject.node}


def _counted(closed: Finding, counts: Counter[str]) -> Finding:
    rows = counts[closed.subject.node]
    if not rows:
        return closed
    told = f"{closed.sentence}; from it {rows} more findings follow: rows that nodes lost of one another"
    return dataclasses.replace(closed, sentence=told)
