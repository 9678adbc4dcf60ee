"""Is this a swarm that one can judge: nodes, leader, ports?"""

from __future__ import annotations

from harness.evidence import Cluster, Link, PortMatrix
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed
from harness.model import Availability, Node, Role

MANAGEMENT_PORT = 2377
GOSSIP_PORT = 7946
API_PORT = 2376


@judge
def nodes_ready(cluster: Cluster, *, least: int = 1) -> Verdict:
    """Every node is Ready, and every manager reachable; drained and paused nodes are named, and are no fault.

    Args:
        cluster: the nodes as the manager shows them.
        least: nodes that the swarm must have for the checks to mean anything.
    """
    nodes = cluster.nodes
    if len(nodes) < max(1, least):
        return unknown(f"{count(len(nodes), 'node')} seen, {least} needed", nodes=len(nodes))
    aside = [
        f"{one.hostname} {one.availability}" for one in nodes if one.availability is not Availability.ACTIVE
    ]
    good = f"all {count(len(nodes), 'node')} Ready" + (f" ({listed(aside)})" if aside else "")
    return conclude(
        [_ready(node) for node in nodes],
        good,
        subject=Subject(),
        witnesses=("outside",),
        numbers={
            "nodes": len(nodes),
            "ready": sum(one.ready for one in nodes),
            "states": {one.hostname: one.state for one in nodes},
            "availability": {one.hostname: one.availability.value for one in nodes},
            "engines": {one.hostname: one.engine for one in nodes},
            "kernels": dict(cluster.kernels),
        },
    )


@judge
def one_leader(cluster: Cluster) -> Verdict:
    """Exactly one manager is the leader.

    Args:
        cluster: the nodes as the manager shows them.
    """
    managers = [one for one in cluster.nodes if one.role is Role.MANAGER]
    leaders = [one.hostname for one in managers if one.leader]
    if not managers:
        return unknown("no manager among the nodes that were read", nodes=len(cluster.nodes))
    finding = Finding(
        "no-single-leader",
        Subject(),
        f"{count(len(leaders), 'leader')} among {count(len(managers), 'manager')}, 1 expected",
        ("G8",),
        "look at docker info on each manager; quorum is more than half of the managers",
    )
    return conclude(
        [GOOD if len(leaders) == 1 else bad(finding.sentence, finding)],
        f"{listed(leaders)} leads, the only one of {count(len(managers), 'manager')}",
        subject=Subject(node=leaders[0] if len(leaders) == 1 else ""),
        witnesses=("outside",),
        numbers={"managers": len(managers), "leaders": leaders},
    )


@judge
def ports_open(matrix: PortMatrix, mesh: PortMatrix | None = None) -> Verdict:
    """Every port that swarm needs between two nodes is open, udp proven by traffic.

    Links that were skipped (a drained node runs no job) are counted, not judged.

    Args:
        matrix: one link per source, target, port and protocol.
        mesh: more links, such as those from task to task over an overlay network: what the data path carries.
    """
    links = (*matrix.links, *(mesh.links if mesh else ()))
    missing = dict((*matrix.missing, *(mesh.missing if mesh else ())))
    judged = [link for link in links if link.state != "skipped"]
    skipped = len(links) - len(judged)
    parts = [GOOD if link.state == "open" else _blocked(link) for link in judged]
    parts += [blind(f"{node}: no answer ({why})") for node, why in missing.items()]
    open_links = sum(link.state == "open" for link in judged)
    good = f"all {count(len(judged), 'link')} between nodes open" + (
        f", {skipped} skipped" if skipped else ""
    )
    return conclude(
        parts,
        good,
        subject=Subject(),
        witnesses=("inside",),
        numbers={
            "links": len(judged),
            "open": open_links,
            "skipped": skipped,
            "missing": missing,
        },
    )


def _ready(node: Node) -> Part:
    if node.ready and node.reachability != "unreachable":
        return GOOD
    state = node.state if not node.ready else f"an {node.reachability} manager"
    told = f"{node.hostname} is {state}"
    return bad(
        told,
        Finding(
            "node-not-ready",
            Subject(node=node.hostname),
            f"{told}, Ready expected",
            ("G8", "G2") if node.role is Role.MANAGER else ("G2", "G9", "G10"),
            f"look at power, network, engine log and certificate of {node.hostname}",
        ),
    )


def _blocked(link: Link) -> Part:
    way = f"{link.source} -> {link.target} {link.port}/{link.protocol}"
    told = f"{way} is {link.state}" + (f" ({link.proof})" if link.proof else "")
    modes: tuple[str, ...]
    if link.port == MANAGEMENT_PORT:
        name, modes = "management-port-blocked", ("G2", "G8")
    elif link.port == API_PORT:
        name, modes = "api-port-blocked", ("G2",)
    elif link.port == GOSSIP_PORT:
        name, modes = "gossip-port-blocked", ("D1",)
    else:
        name, modes = "data-path-port-blocked", ("C1", "C4")
    return bad(
        told,
        Finding(
            name,
            Subject(node=link.target, path=way),
            told,
            modes,
            f"open {link.port}/{link.protocol} from {link.source} to {link.target} in the firewalls between",
        ),
    )


__all__ = ["nodes_ready", "one_leader", "ports_open"]
