"""What tasks see of their clients, and of their own service.

Sources: docs.docker.com, "Use swarm mode routing mesh"; moby/moby#25526 (a task behind the mesh sees an
address of the ingress network, the entry node's; with a port in host mode it sees the client).
"""

from __future__ import annotations

import ipaddress

from harness.evidence import Hairpins, Roster, Sources
from harness.judge.published import CHANCE
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, replaced
from harness.model import Replica

INGRESS, HOST_MODE = "ingress", "host"


@judge
def sources_as_documented(sources: Sources) -> Verdict:
    """Behind the mesh a task sees its entry node's address on the ingress network, in host mode its client.

    Args:
        sources: whom tasks saw.
    """
    if not sources.subnets:
        return unknown("the manager tells no subnet of the ingress network")
    entries = list(dict.fromkeys((mode, entry) for mode, entry, _, _ in sources.seen))
    parts = [(_mesh if mode == INGRESS else _client)(sources, entry) for mode, entry in entries]
    told = {
        mode: {entry: listed(_of(sources, mode, entry)) for one, entry in entries if one == mode}
        for mode in (INGRESS, HOST_MODE)
    }
    shown = ", ".join(f"{address} by {entry}" for entry, address in told[INGRESS].items())
    clients = sorted(set(told[HOST_MODE].values()))
    return conclude(
        parts,
        f"tasks see the entry node's address on the ingress network ({shown}), and in host mode "
        f"their client ({listed(clients)}): {count(len(sources.seen), 'request')}",
        subject=Subject(service=sources.service),
        witnesses=("outside",),
        numbers={"seen": told, "own": dict(sources.own), "subnets": list(sources.subnets)},
    )


def _of(sources: Sources, mode: str, entry: str) -> list[str]:
    return sorted({seen for one, node, seen, _ in sources.seen if (one, node) == (mode, entry) and seen})


def _mesh(sources: Sources, entry: str) -> Part:
    """An entry node of the mesh: one address of the ingress network, which nobody else has."""
    mine = _of(sources, INGRESS, entry)
    if not mine:
        return blind(f"{entry}: no task told whom it sees by the mesh")
    others = {
        seen for mode, node, seen, _ in sources.seen if mode == INGRESS and node != entry and seen in mine
    }
    nets = [ipaddress.ip_network(one) for one in sources.subnets]
    strange = [one for one in mine if not any(ipaddress.ip_address(one) in net for net in nets)]
    why = ""
    if strange:
        why = f"{strange[0]}, which is not of the ingress network ({listed(list(sources.subnets))})"
    elif taken := sorted(set(mine) & set(sources.taken)):
        why = f"{taken[0]}, which a task or a service has"
    elif others:
        why = f"{min(others)}, as they do by another node"
    elif len(mine) > 1:
        why = f"{count(len(mine), 'address')} ({listed(mine)})"
    if not why:
        return GOOD
    told = f"{entry}: by the mesh tasks see {why}"
    remedy = "look at the SNAT rule (-m ipvs) of nat POSTROUTING in ingress_sbox: does it name its own eth0?"
    return bad(
        told, Finding("foreign-source", Subject(entry, sources.service, INGRESS), told, ("B10",), remedy)
    )


def _client(sources: Sources, entry: str) -> Part:
    """A node with a task in host mode: it sees this machine."""
    mine, own = _of(sources, HOST_MODE, entry), dict(sources.own).get(entry, "")
    if not mine or not own:
        return blind(f"{entry}: its task did not tell whom it sees in host mode")
    if mine == [own]:
        return GOOD
    told = f"{entry}: in host mode its task sees {listed(mine)}, not its client {own}"
    remedy = (
        "is there a DNAT rule in the chain DOCKER, or does docker-proxy answer in its place? A MASQUERADE "
        "rule towards docker_gwbridge hides clients too, and so does NAT between here and the node"
    )
    return bad(told, Finding("source-hidden", Subject(entry, sources.service, HOST_MODE), told, (), remedy))


@judge
def reaches_itself(hairpins: Hairpins, roster: Roster) -> Verdict:
    """A task reaches its own service, and itself, by VIP and by every node's published port.

    Args:
        hairpins: what tasks got.
        roster: the replicas that ran.
    """
    if not roster.replicas:
        return unknown("no running replica was known")
    if told := replaced(roster):
        return unknown(f"{told}: nothing can be said of who must answer")
    parts = [_way(hairpins, roster, way) for way in hairpins.ways]
    parts += [_self(hairpins, roster, replica) for replica in roster.replicas]
    asked = count(len(hairpins.told), "request")
    return conclude(
        parts,
        f"each of {count(len(roster.replicas), 'task')} reaches its own service, and itself, by its VIP and "
        f"{count(len(hairpins.ways) - 1, 'node')} ({asked}, none lost)",
        subject=Subject(service=hairpins.service, path="hairpin"),
        witnesses=("inside",),
        numbers={
            "ways": {
                way: {
                    replica.label: [
                        answer == "ok" for _, answer, _ in _answers(hairpins, replica, way)
                    ].count(True)
                    for replica in roster.replicas
                }
                for way in hairpins.ways
            }
        },
    )


def _answers(hairpins: Hairpins, replica: Replica, way: str = "") -> list[tuple[str, str, str]]:
    """Way, outcome and who answered, of one task's requests."""
    return [
        (by, outcome, who)
        for task, by, outcome, who in hairpins.told
        if task == replica.task and way in {"", by}
    ]


def _way(hairpins: Hairpins, roster: Roster, way: str) -> Part:
    """One way, of all tasks: lost for one of them, or for all."""
    rightful = {one.task for one in roster.replicas}
    lost: list[tuple[Replica, str]] = []
    for replica in roster.replicas:
        answers = _answers(hairpins, replica, way)
        bad_ones = [
            outcome if outcome != "ok" else "foreign" for _, outcome, who in answers if who not in rightful
        ]
        if not answers:
            return blind(f"{replica.label} did not tell of the way by {way}")
        if bad_ones:
            lost.append((replica, f"{len(bad_ones)} of {len(answers)} lost ({bad_ones[0]})"))
    if not lost:
        return GOOD
    place = "its VIP" if way == "VIP" else f"the port of {way}"
    everywhere = len(lost) == len(roster.replicas) > 1
    if everywhere and way != "VIP":
        told = f"{way}: no task of the service gets through to its published port ({lost[0][1]})"
        remedy = f"on {way}, look at DOCKER-USER and FORWARD, and whether the port answers from outside"
        return bad(told, _hairpin(hairpins, way, way, told, remedy))
    findings = []
    for replica, why in lost:
        told = f"{replica.node}: its task does not reach its own service by {place}: {why}"
        remedy = (
            f"in lb_<network> on {replica.node}, look at the VIP's IPVS service and at SNAT (-m ipvs)"
            if way == "VIP"
            else f"on {replica.node}, look for rules against docker_gwbridge in DOCKER-USER and FORWARD"
        )
        findings.append(_hairpin(hairpins, replica.node, way, told, remedy))
    return bad(listed([one.sentence for one in findings], "; "), *findings)


def _hairpin(hairpins: Hairpins, node: str, way: str, told: str, remedy: str) -> Finding:
    return Finding("hairpin-lost", Subject(node, hairpins.service, way), told, ("B8", "A5"), remedy)


def _self(hairpins: Hairpins, roster: Roster, replica: Replica) -> Part:
    """Whether a task's own answers were among those that it got."""
    got = [who for _, outcome, who in _answers(hairpins, replica) if outcome == "ok"]
    if replica.task in got or not got:
        return GOOD  # that nothing was answered its ways tell
    told = f"{replica.label} never got its own answer ({count(len(got), 'answer')})"
    if (1 - 1 / len(roster.replicas)) ** len(got) > CHANCE:
        return blind(f"{told}, which is too few to tell")
    remedy = f"on {replica.node}, can a task reach itself over its overlay? SNAT (-m ipvs) is what makes it"
    return bad(told, _hairpin(hairpins, replica.node, "itself", told, remedy))


__all__ = ["reaches_itself", "sources_as_documented"]
