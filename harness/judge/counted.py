"""Spread by the kernels' own count, where no answer says who gave it.

Sources: ``ip_vs_conn_new`` counts a connection for its real server when it is made; the packets that come
back pass the balancer too, for swarm's ingress translates (moby/libnetwork ``service_linux.go``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from harness.evidence import Balancers, Counted, CountedServer, Roster, Traffic
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, replaced, tally
from harness.model import Replica

_NAMESPACE = "ingress_sbox"
_PERIODS = 4  # full rounds over the replicas without which nothing is told
_NOTHING = CountedServer("", 0, "", 0, 0, 0)  # of a real server that was not there yet
_TABLE = "ipvsadm -ln --stats in ingress_sbox: compare its real servers with the running tasks' addresses"


@judge
def counted_answers(traffic: Traffic, before: Counted, after: Counted, roster: Roster, port: int) -> Verdict:
    """Every connection to every entry node was given to a real server, and packets came back from each.

    A completed handshake alone proves nothing: below engine 29.8 the engine accepts by itself where its rule
    is gone.

    Args:
        traffic: fresh connections.
        before: the counters before the traffic.
        after: the counters after it.
        roster: the replicas that ran meanwhile.
        port: the published port.
    """

    def look(entry: _Entry) -> Part:
        refused = [one for one in traffic.at(entry.node) if not one.ok]
        if refused:
            told = tally(
                {one.outcome.value: sum(o.outcome is one.outcome for o in refused) for one in refused}
            )
            return _bad(entry, "entry-dead", f"{len(refused)} of {entry.sent} connections failed ({told})")
        if entry.total < entry.sent:
            told = f"{entry.sent} connections, of which the balancer saw {entry.total}"
            return _bad(entry, "connections-past-the-balancer", told, ("A1", "A11"))
        mute = [entry.name(address) for address, (given, back) in entry.given.items() if given and not back]
        if mute:
            told = f"not a packet came back from {listed(mute)}"
            return _bad(entry, "replica-silent", told, ("B1", "B19", "C1"))
        return GOOD

    good = (
        "each of {entries} gave every connection to a replica whose kernel answered ({sent} per entry node; "
        "it speaks no HTTP)"
    )
    return _conclude(traffic, before, after, roster, port, look, good)


@judge
def untold(traffic: Traffic) -> Verdict:
    """A port in host mode that speaks no HTTP: no balancer counts for it, and accepting proves nothing.

    Args:
        traffic: connections to it.
    """
    told = f"{traffic.service}: a port in host mode that speaks no HTTP; nothing tells who answers there"
    return unknown(told, sent=len(traffic.samples))


@judge
def counted_covered(traffic: Traffic, before: Counted, after: Counted, roster: Roster, port: int) -> Verdict:
    """Every entry node gave connections to every replica, and to nobody else.

    Args:
        traffic: fresh connections.
        before: the counters before the traffic.
        after: the counters after it.
        roster: the replicas that ran meanwhile.
        port: the published port.
    """

    def look(entry: _Entry) -> Part:
        strangers = [a for a, (given, _) in entry.given.items() if given and a not in entry.owners]
        if strangers:
            told = f"connections went to {listed(strangers)}, which no running replica has"
            return _bad(entry, "dead-backend-at-entry", told, ("B1", "D5"))
        if short := _too_few(entry, roster):
            return short
        unseen = [one for one in roster.replicas if not entry.of(one)]
        if unseen:
            told = f"{listed([one.label for one in unseen])} got none of {count(entry.total, 'connection')}"
            return _bad(entry, "replica-missing-at-entry", told, ("B2",))
        return GOOD

    good = "each of {entries} uses all {replicas}, and nobody else ({sent} connections per entry node)"
    return _conclude(traffic, before, after, roster, port, look, good)


@judge
def counted_even(
    traffic: Traffic, before: Counted, after: Counted, roster: Roster, port: int, balancers: Balancers
) -> Verdict:
    """Every replica got its share of the connections through every entry node.

    Where ``rr`` was read and nobody else connected, counts differ by at most 1. Otherwise it is not told.

    Args:
        traffic: fresh connections, one after the other per entry node.
        before: the counters before the traffic.
        after: the counters after it.
        roster: the replicas that ran meanwhile.
        port: the published port.
        balancers: the tables, as read after it.
    """
    marks = {
        node: mark
        for node, namespace, kind, key, mark in balancers.marks
        if (namespace, kind, key) == (_NAMESPACE, "port", str(port))
    }
    schedulers = {
        one.node: one.scheduler
        for one in balancers.servers
        if one.namespace == _NAMESPACE and marks.get(one.node) == one.mark
    }

    def look(entry: _Entry) -> Part:
        if short := _too_few(entry, roster):
            return short
        shares = [entry.of(one) for one in roster.replicas]
        if schedulers.get(entry.node) != "rr":
            told = schedulers.get(entry.node) or "no scheduler that was read"
            return blind(f"{entry.node}: {told}, so strict turns are not expected: {sorted(shares)}")
        if max(shares) - min(shares) <= 1:
            return GOOD
        if entry.total > entry.sent:
            return blind(f"{entry.node}: others connected too ({entry.total} counted, {entry.sent} ours)")
        told = f"between {min(shares)} and {max(shares)} of {count(entry.total, 'connection')} per replica"
        return _bad(entry, "uneven-at-entry", told, ("B4",))

    good = "each of {entries} gives all {replicas} an equal share, counts differ by at most 1 ({sent} each)"
    return _conclude(traffic, before, after, roster, port, look, good)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """What one entry node's balancer gave meanwhile: by address, connections and packets that came back."""

    node: str
    service: str
    sent: int
    given: dict[str, tuple[int, int]]
    owners: dict[str, Replica]

    @property
    def total(self) -> int:
        return sum(given for given, _ in self.given.values())

    def of(self, replica: Replica) -> int:
        return sum(self.given.get(place.address, (0, 0))[0] for place in replica.addresses)

    def name(self, address: str) -> str:
        return self.owners[address].label if address in self.owners else address


def _entries(
    traffic: Traffic, before: Counted, after: Counted, roster: Roster, port: int
) -> list[_Entry | Part]:
    owners = {place.address: one for one in roster.replicas for place in one.addresses}
    unread = dict((*before.missing, *after.missing))
    found: list[_Entry | Part] = []
    for node in traffic.entries:
        start = {one.address: one for one in before.servers if (one.node, one.port) == (node, port)}
        rows = [one for one in after.servers if (one.node, one.port) == (node, port)]
        if node in unread:
            found.append(blind(f"{node}: its counters were not read: {unread[node]}"))
        elif not rows:
            found.append(blind(f"{node}: no balancer for port {port} was read"))
        elif any(row.connections < start.get(row.address, _NOTHING).connections for row in rows):
            found.append(blind(f"{node}: the counters began anew meanwhile"))
        else:
            given = {
                row.address: (
                    row.connections - start.get(row.address, _NOTHING).connections,
                    row.packets_out - start.get(row.address, _NOTHING).packets_out,
                )
                for row in rows
            }
            found.append(_Entry(node, traffic.service, len(traffic.at(node)), given, owners))
    return found


def _conclude(
    traffic: Traffic,
    before: Counted,
    after: Counted,
    roster: Roster,
    port: int,
    look: Callable[[_Entry], Part],
    good: str,
) -> Verdict:
    if not roster.replicas:
        return unknown(f"{traffic.service} runs no replica")
    if roster.came or roster.went:  # rows of tasks that came or went tell nothing of the others
        return unknown(replaced(roster))
    entries = _entries(traffic, before, after, roster, port)
    parts = [look(one) if isinstance(one, _Entry) else one for one in entries]
    known = [one for one in entries if isinstance(one, _Entry)]
    sent = min((one.sent for one in known), default=0)
    return conclude(
        parts,
        good.format(
            entries=count(len(traffic.entries), "entry node"),
            replicas=count(len(roster.replicas), "replica"),
            sent=sent,
        ),
        subject=Subject(service=traffic.service),
        witnesses=("outside", "kernel"),
        numbers={
            "sent": sent,
            "port": port,
            "given": {one.node: {one.name(a): n for a, (n, _) in one.given.items()} for one in known},
        },
    )


def _too_few(entry: _Entry, roster: Roster) -> Part | None:
    """Why nothing follows from what was counted; None if something does."""
    if entry.total < entry.sent:
        return blind(f"{entry.node}: its balancer counted {entry.total} of {entry.sent} connections")
    least = _PERIODS * len(roster.replicas)
    if entry.sent < least:
        return blind(f"{entry.node}: {count(entry.sent, 'connection')}, {least} needed")
    return None


def _bad(entry: _Entry, name: str, told: str, modes: tuple[str, ...] = ()) -> Part:
    sentence = f"{entry.node}: {told}"
    subject = Subject(node=entry.node, service=entry.service, path="ingress")
    return bad(sentence, Finding(name, subject, sentence, modes, f"on {entry.node}, {_TABLE}"))


__all__ = ["counted_answers", "counted_covered", "counted_even", "untold"]
