"""What a published port promises beside HTTP through every node: datagrams, several ports, host mode.

Sources: docs.docker.com, "Use swarm mode routing mesh" and "Publish a port directly on the node" (a port
published in host mode is answered only where a task runs, and by no balancer).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.evidence import Roster, Traffic
from harness.judge import losses, stats
from harness.judge.symptoms import Entry, entries
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, replaced, seconds, tally
from harness.model import Outcome

CHANCE = 1e-9  # of a false alarm per entry node and port: so little that no run's budget feels it
_DATAGRAMS_LOST = 0.01  # share that a network may lose of what nobody sends again
_COMPARE = "on {}, compare the real servers of the port's mark with the running tasks' addresses"
_ONE = 1  # lost datagram per entry node that says nothing


@judge
def reaches_all(traffic: Traffic, roster: Roster, *, port: int, protocol: str = "tcp") -> Verdict:
    """Through every node the port reaches every replica, and nobody else.

    No request over TCP may be lost. Of datagrams, which nobody sends again, one per entry node may be; more
    are *unknown*, until so many are lost that a network which loses one in a hundred does not explain it.

    Args:
        traffic: fresh connections, or datagrams from fresh source ports, none of them sent again.
        roster: the replicas that ran.
        port: the published one.
        protocol: ``tcp`` or ``udp``.
    """
    if not roster.replicas:
        return unknown(f"no running replica of {traffic.service} was known: nothing to compare with")
    if told := replaced(roster):
        return unknown(f"{told}: nothing can be said of who must answer")
    every = entries(traffic, roster)
    parts = [_reaches(entry, port, protocol) for entry in every]
    lost = sum(len(entry.lost) for entry in every)
    asked = count(len(traffic.samples), "datagram" if protocol == "udp" else "request")
    return conclude(
        parts,
        f"port {port}/{protocol}: each of {count(len(every), 'node')} reaches all "
        f"{count(len(roster.replicas), 'replica')}, none foreign; {lost} of {asked} lost",
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=("outside",),
        numbers={"port": port, "protocol": protocol, "entries": _numbers(every)},
    )


def _reaches(entry: Entry, port: int, protocol: str) -> Part:
    what = f"{entry.node}: port {port}/{protocol}"
    if not entry.samples:
        return blind(f"{what} was not asked")
    if entry.foreign:
        strangers = listed(sorted({one.replica or one.detail for one in entry.foreign}))
        told = f"{what}: {len(entry.foreign)} of {_asked(entry, protocol)} answered by others: {strangers}"
        remedy = "do two services have the port, or two ports one mark? harness audit compares them"
        return bad(told, Finding("foreign-answer-at-entry", entry.subject(), told, ("B3",), remedy))
    return (_losses if entry.lost else _absent)(entry, what, port, protocol)


def _losses(entry: Entry, what: str, port: int, protocol: str) -> Part:
    """An entry node that lost something."""
    udp, lost = protocol == "udp", len(entry.lost)
    told = f"{what}: {'none' if entry.dead else lost} of {_asked(entry, protocol)} "
    told += f"{'answered' if entry.dead else 'lost'} ({tally(entry.outcomes)})"
    if entry.dead:
        remedy = (
            f"on {entry.node}, look for the port's -p {protocol} rules: DNAT in DOCKER-INGRESS, MARK in "
            "ingress_sbox, and the IPVS service of that mark"
        )
        return bad(told, _finding("entry-dead", entry, told, ("A1", "A11", "B5", "B6"), remedy, port))
    if not udp or stats.at_least(lost, len(entry.samples), _DATAGRAMS_LOST) <= CHANCE:
        name = "datagrams-lost-at-entry" if udp else "requests-lost-at-entry"
        return bad(told, _finding(name, entry, told, ("B1", "B15"), _COMPARE.format(entry.node), port))
    if lost > _ONE:
        return blind(f"{told}, which a bad network explains as well")
    return _absent(entry, what, port, protocol)


def _absent(entry: Entry, what: str, port: int, _: str) -> Part:
    """Replicas that did not answer at an entry node which answers."""
    if not entry.unseen:
        return GOOD
    told = f"{what}: {listed([one.label for one in entry.unseen])} in none of "
    told += count(len(entry.answered), "answer")
    if stats.unseen_chance(len(entry.live or ()), len(entry.answered)) > CHANCE:
        return blind(f"{told}, which is too few to tell")
    remedy = _COMPARE.format(entry.node)
    return bad(told, _finding("replica-missing-at-entry", entry, told, ("B2",), remedy, port))


def _asked(entry: Entry, protocol: str) -> str:
    return count(len(entry.samples), "datagram" if protocol == "udp" else "request")


def _finding(name: str, entry: Entry, told: str, modes: tuple[str, ...], remedy: str, port: int) -> Finding:
    command = f"iptables -t nat -S DOCKER-INGRESS | grep -- '--dport {port} '"
    return Finding(name, entry.subject(), told, modes, remedy, command=command)


@judge
def serves_on(traffic: Traffic, *, change: str, lost_share: float) -> Verdict:
    """A port of another service answers all through a change.

    Args:
        traffic: steady requests to it.
        change: what went on, in a clause (``a port was moved``).
        lost_share: of the requests through an entry node, what may be lost.
    """
    parts = losses.within(traffic, lost_share, change) or [GOOD]
    return _steady(parts, traffic, f"answered on while {change}")


@judge
def serves_again(traffic: Traffic, *, change: str, within: float) -> Verdict:
    """The port that stays answers again by every node, once all tasks were replaced at once.

    At once, for in a rolling change old and new tasks have different ports under one VIP, and engines without
    moby/moby#51657 lose the new ones: all published ports (start-first; docker/cli#2274), or replicas.

    Args:
        traffic: steady requests to it.
        change: what went on, in a clause (``a port was added``).
        within: seconds from the first lost request to the last, per entry node.
    """
    parts = [_back(traffic, entry, change, within) for entry in traffic.entries]
    return _steady(parts, traffic, f"answered again within {seconds(within)} while {change}")


def _back(traffic: Traffic, node: str, change: str, within: float) -> Part:
    samples = sorted(traffic.at(node), key=lambda one: one.began)
    lost = [one for one in samples if not one.ok]
    if not samples:
        return blind(f"{node}: no request was sent while {change}")
    took = lost[-1].ended - lost[0].began if lost else 0.0
    if took <= within and samples[-1].ok:
        return GOOD
    still = "" if samples[-1].ok else ", and still at the end"
    told = f"{node}: the port that stayed lost requests for {seconds(took)}{still} while {change}"
    told += f", {seconds(within)} allowed"
    remedy = (
        "docker service ps: how long do its tasks take to start? If the port stays dead, update --force the "
        "service: engines without moby/moby#51657 lose ports that change in a rolling update"
    )
    return bad(told, Finding("outage-too-long", Subject(node, traffic.service), told, ("A11",), remedy))


def _steady(parts: list[Part], traffic: Traffic, did: str) -> Verdict:
    return conclude(
        parts,
        f"the port that stayed {did}: {losses.told(traffic)} in {traffic.ended - traffic.began:.0f} s",
        subject=Subject(service=traffic.service, path=traffic.path.value),
        witnesses=("outside",),
        numbers={"sent": len(traffic.samples), "lost": sum(not one.ok for one in traffic.samples)},
    )


@judge
def answers_at_home(traffic: Traffic, roster: Roster, *, port: int) -> Verdict:
    """A port in host mode: a node with a task answers by its own task, every other lets nobody in.

    Args:
        traffic: fresh connections to every node's address.
        roster: the tasks that ran.
        port: the published one.
    """
    if not roster.replicas:
        return unknown(f"no running replica of {traffic.service} was known: nothing to compare with")
    if told := replaced(roster):
        return unknown(f"{told}: nothing can be said of where it must answer")
    hosts = {one.node for one in roster.replicas}
    every = entries(traffic, roster)
    away = [entry.node for entry in every if entry.node not in hosts]
    parts = [(_home if entry.node in hosts else _away)(entry, roster, port) for entry in every]
    return conclude(
        parts,
        f"port {port} in host mode: {count(len(every) - len(away), 'node')} with a task answered by its own, "
        f"{listed(away) or 'no node'} without one let nobody in ({count(len(traffic.samples), 'request')})",
        subject=Subject(service=traffic.service, path="host"),
        witnesses=("outside",),
        numbers={"port": port, "hosts": sorted(hosts), "away": away, "entries": _numbers(every)},
    )


def _home(entry: Entry, roster: Roster, port: int) -> Part:
    """A node with a task."""
    own = {one.task for one in roster.replicas if one.node == entry.node}
    asked = count(len(entry.samples), "request")
    if not entry.samples:
        return blind(f"{entry.node}: port {port} was not asked")
    if entry.lost:
        told = f"{entry.node}: its task has port {port}, {len(entry.lost)} of {asked} lost "
        told += f"({tally(entry.outcomes)})"
        remedy = "is there a DNAT rule to the task in the chain DOCKER? And who drops before it?"
        command = f"iptables -t nat -S DOCKER | grep -- '--dport {port} '"
        return bad(told, Finding("host-port-dead", _at(entry), told, ("A1", "A5"), remedy, command=command))
    others = Counter(one.replica or one.detail for one in entry.samples if one.replica not in own)
    if others:
        told = f"{entry.node}: port {port} answered by others than its own task ({tally(others)})"
        remedy = "is the port published by ingress too, or does the task's address belong to somebody else?"
        return bad(told, Finding("foreign-answer-at-entry", _at(entry), told, ("A9", "G7"), remedy))
    return GOOD


def _away(entry: Entry, _: Roster, port: int) -> Part:
    """A node without a task."""
    if not entry.samples:
        return blind(f"{entry.node}: port {port} was not asked")
    heard = [one for one in entry.samples if one.ok or one.outcome in _HEARD]
    if heard:
        who = tally(Counter(one.replica or one.outcome.value for one in heard))
        told = (
            f"{entry.node}: port {port} accepts {len(heard)} of {len(entry.samples)} without a task ({who})"
        )
        remedy = f"ss -lntp and iptables -t nat -S on {entry.node}: who has the port?"
        command = f"ss -lntp 'sport = :{port}'"
        return bad(
            told, Finding("port-open-without-task", _at(entry), told, ("A9", "A10"), remedy, command=command)
        )
    return GOOD


# somebody listens there, whatever became of the request
_HEARD = frozenset(
    {Outcome.READ_TIMEOUT, Outcome.SHORT_BODY, Outcome.SERVER_ERROR, Outcome.WRONG_BODY, Outcome.RESET}
)


def _at(entry: Entry) -> Subject:
    return Subject(node=entry.node, service=entry.service, path="host")


def _numbers(every: tuple[Entry, ...]) -> dict[str, Any]:
    return {
        entry.node: {
            "asked": len(entry.samples),
            "answered": len(entry.answered),
            "lost": entry.outcomes,
            "foreign": len(entry.foreign),
            "counts": entry.counts,
        }
        for entry in every
    }


__all__ = ["answers_at_home", "reaches_all", "serves_again", "serves_on"]
