"""Does every node answer on the published port, and none after the service is gone?"""

from __future__ import annotations

from collections.abc import Sequence

from harness.evidence import Balancers, PortClosure, Roster, Traffic
from harness.judge.symptoms import Entry, diagnose, entries
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds, witness

ask = entries  # the judges below have a parameter of that name


@judge
def answers_everywhere(
    traffic: Traffic,
    *,
    entries: Sequence[str] = (),
    roster: Roster | None = None,
    balancers: Balancers | None = None,
    least: int = 1,
) -> Verdict:
    """Every node answers every request on its own address.

    Args:
        traffic: requests to the nodes, any path.
        entries: hostnames that must answer, drained and paused nodes included; none: the traffic's.
        roster: the replicas that ran, to tell foreign answers and name causes better.
        balancers: IPVS tables, to name an exact address.
        least: requests that each node must have been asked.
    """
    every = ask(traffic, roster, balancers)
    known = {entry.node: entry for entry in every}
    wanted = tuple(entries) or traffic.entries
    parts = [_answers(known.get(node), node, every, least) for node in wanted]
    return conclude(
        parts,
        f"all {count(len(wanted), 'node')} answered every one of {count(len(traffic.samples), 'request')}",
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers={
            "requests": len(traffic.samples),
            "nodes": len(wanted),
            "entries": {
                entry.node: {
                    "requests": len(entry.samples),
                    "answered": len(entry.answered),
                    "lost": entry.outcomes,
                }
                for entry in every
            },
        },
    )


@judge
def answers_without_task(traffic: Traffic, roster: Roster, *, least: int = 1) -> Verdict:
    """Nodes that run no task of the service answer for it all the same.

    Args:
        traffic: requests to all nodes.
        roster: the replicas that ran, with their nodes; one that runs on every node leaves nothing to show.
        least: requests that each node must have been asked.
    """
    hosts = {replica.node for replica in roster.ever}
    every = ask(traffic, roster)
    without = tuple(entry for entry in every if entry.node not in hosts)
    if not roster.replicas or not without:
        return unknown(
            f"each of {count(len(every), 'asked node')} runs one of "
            f"{count(len(roster.replicas), 'replica')}: nothing to show"
            if roster.replicas
            else "no running replica was known"
        )
    local_dead = all(entry.dead for entry in every if entry.node in hosts and entry.samples)
    parts = []
    for entry in without:
        part = _answers(entry, entry.node, every, least)
        if part.findings and entry.dead and not local_dead:
            part = _works_only_where_it_runs(entry, hosts, part)
        parts.append(part)
    asked = sum(len(entry.samples) for entry in without)
    return conclude(
        parts,
        f"all {count(len(without), 'node')} without a task answered for "
        f"{count(len(roster.replicas), 'replica')} elsewhere ({count(asked, 'request')})",
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=(witness(traffic.path),),
        numbers={
            "without_task": [entry.node for entry in without],
            "hosts": sorted(hosts),
            "requests": {entry.node: len(entry.samples) for entry in without},
            "answered": {entry.node: len(entry.answered) for entry in without},
        },
    )


@judge
def closed_after_remove(closure: PortClosure, *, within: float = 2.0) -> Verdict:
    """After the service was removed its port is closed on every node.

    Args:
        closure: when each entry stopped to accept.
        within: seconds after the last task's end.
    """
    subject = Subject(service=closure.service)
    parts, late = [], {}
    for node, at in closure.closed:
        late[node] = None if at is None else round(at - closure.last_task_ended, 3)
        watched = closure.ended - closure.last_task_ended
        if at is not None and at <= closure.last_task_ended + within:
            parts.append(GOOD)
        elif at is None and watched < within:
            parts.append(blind(f"{node}: watched for {seconds(watched)} only"))
        else:
            told = (
                f"still accepted {seconds(watched)}"
                if at is None
                else f"closed {seconds(at - closure.last_task_ended)}"
            )
            parts.append(_still_open(closure, node, f"{told} after the last task's end"))
    worst = max((delay for delay in late.values() if delay is not None), default=0.0)
    return conclude(
        parts,
        f"port {closure.port} closed on all {count(len(closure.closed), 'node')}, at the latest "
        f"{seconds(max(0.0, worst))} after the last task's end (bound {seconds(within)})",
        subject=subject,
        witnesses=("outside",),
        numbers={"within": within, "closed_after": late, "port": closure.port},
    )


def _answers(entry: Entry | None, node: str, every: tuple[Entry, ...], least: int) -> Part:
    if entry is None or not entry.samples:
        return blind(f"{node}: not one request")
    if entry.lost or entry.foreign:
        wrong = tuple(one for one in diagnose(entry, every) if one.name not in _COVERAGE)
        return bad(f"{node}: {entry.shares()}" if not wrong else listed([f.sentence for f in wrong]), *wrong)
    if len(entry.samples) < least:
        return blind(f"{node}: {count(len(entry.samples), 'request')}, {least} needed")
    return GOOD


_COVERAGE = frozenset({"replica-missing-at-entry", "replica-unreached"})  # spread's matter


def _works_only_where_it_runs(entry: Entry, hosts: set[str], part: Part) -> Part:
    found, runs = part.findings[0], listed(sorted(hosts))
    extra = Finding(
        found.name,
        found.subject,
        f"{found.sentence}; it answers where it runs ({runs})",
        ("C1", *(mode for mode in found.modes if mode != "C1")),
        f"first the data-path port (4789/udp) between {entry.node} and {runs}; {found.remedy}",
    )
    return bad(part.text, extra)


def _still_open(closure: PortClosure, node: str, told: str) -> Part:
    return bad(
        f"{node}: port {closure.port} {told}",
        Finding(
            "port-open-after-remove",
            Subject(node=node, service=closure.service),
            f"{node}: port {closure.port} {told}",
            ("A10",),
            f"on {node}, look who listens (ss -lntp) and for a DNAT rule of the port in DOCKER-INGRESS",
        ),
    )


__all__ = ["answers_everywhere", "answers_without_task", "closed_after_remove"]
