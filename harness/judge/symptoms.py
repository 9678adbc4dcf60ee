"""From the requests of one entry node to the cause that fits them: what the outside alone can name."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter

from harness.evidence import Balancers, Roster, Traffic
from harness.judge import stats
from harness.judge.tables import Table, table_of
from harness.judge.verdict import Finding, Subject
from harness.judge.words import changed, count, listed, tally
from harness.model import Outcome, Path, Replica, Sample

NO_CONNECTION = frozenset(
    {Outcome.CONNECT_TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED, Outcome.RESET}
)  # what a row without a living task behind it gives
_PLAUSIBLE = 1e-3  # both tails of one-in-(n+1) must exceed this at random choice
_TURNS = 2  # full periods without which a loss tells no cause
_SETTLED = 4  # full periods at the end of a traffic that show how it was once tasks had been replaced
_FEW = 3  # lost requests below this show no pattern at random choice

_DEAD = {
    Outcome.REFUSED: (("A1", "A11", "B5", "B6"), "nothing listens there"),
    Outcome.RESET: (("A1", "A11", "B5", "B6"), "the connection is closed at once"),
    Outcome.READ_TIMEOUT: (("A1", "A11"), "the engine accepts the connection, and nobody answers"),
    Outcome.CONNECT_TIMEOUT: (("A5", "B7", "B10", "C1"), "packets are dropped on the way"),
    Outcome.UNREACHABLE: (("A5", "A12", "B10"), "there is no way to it"),
    Outcome.NO_NAME: (("E2", "D2"), "the name does not resolve there"),
}
_SOME = {
    Outcome.SHORT_BODY: ("C3", "B16"),
    Outcome.RESET: ("B16", "B17"),
    Outcome.SERVER_ERROR: ("H5",),
    Outcome.READ_TIMEOUT: ("C3", "B16"),
    Outcome.NO_NAME: ("E1", "E2", "E3"),
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """The requests of one entry node, in the order in which they began.

    Attributes:
        live: tasks that may answer; None if no roster is known (then any answer counts).
        table: the IPVS table on its way to the service, where one was read.
        came: tasks that came to run while it was asked, and may answer too.
        went: tasks that ended meanwhile.
    """

    node: str
    service: str
    path: Path
    samples: tuple[Sample, ...]
    live: tuple[Replica, ...] | None = None
    table: Table | None = None
    came: tuple[Replica, ...] = ()
    went: tuple[Replica, ...] = ()

    @functools.cached_property
    def answered(self) -> tuple[Sample, ...]:
        """Requests that a rightful replica answered."""
        names = None if self.live is None else {replica.task for replica in (*self.live, *self.came)}
        return tuple(one for one in self.samples if one.ok and (names is None or one.replica in names))

    @functools.cached_property
    def foreign(self) -> tuple[Sample, ...]:
        """Answers of somebody who is no replica of the service."""
        rightful = set(map(id, self.answered))
        return tuple(
            one
            for one in self.samples
            if one.outcome is Outcome.WRONG_BODY or (one.ok and id(one) not in rightful)
        )

    @functools.cached_property
    def lost(self) -> tuple[Sample, ...]:
        """Requests without a whole answer."""
        return tuple(one for one in self.samples if not one.ok and one.outcome is not Outcome.WRONG_BODY)

    @functools.cached_property
    def outcomes(self) -> dict[str, int]:
        """Lost requests by outcome."""
        return dict(Counter(one.outcome.value for one in self.lost))

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """Answers per task; with a roster also the zeros."""
        found = {replica.task: 0 for replica in self.live or ()}
        for one in self.answered:
            found[one.replica] = found.get(one.replica, 0) + 1
        return found

    @functools.cached_property
    def unseen(self) -> tuple[Replica, ...]:
        """Replicas of the roster that never answered here."""
        counts = self.counts
        return tuple(replica for replica in self.live or () if not counts[replica.task])

    @property
    def dead(self) -> bool:
        """Whether there were requests and every one was lost."""
        return bool(self.samples) and len(self.lost) == len(self.samples)

    def subject(self, replica: str = "") -> Subject:
        """This entry node as the subject of a verdict or finding."""
        return Subject(node=self.node, service=self.service, path=self.path.value, replica=replica)

    def shares(self) -> str:
        """``21 of 24 answered; 3 connect-timeout``."""
        told = f"{len(self.answered)} of {len(self.samples)} answered"
        return f"{told}; {tally(self.outcomes)}" if self.lost else told


def entries(
    traffic: Traffic, roster: Roster | None = None, balancers: Balancers | None = None
) -> tuple[Entry, ...]:
    """The traffic by entry node, every node that was to be asked included, in the traffic's order."""
    return tuple(
        Entry(
            node,
            traffic.service,
            traffic.path,
            tuple(sorted(traffic.at(node), key=lambda one: (one.began, one.seq))),
            None if roster is None else roster.replicas,
            None if roster is None else table_of(balancers, node, traffic.path, roster),
            () if roster is None else roster.came,
            () if roster is None else roster.went,
        )
        for node in traffic.entries
    )


def diagnose(entry: Entry, every: tuple[Entry, ...]) -> tuple[Finding, ...]:
    """The causes that fit what was seen at ``entry``; none if nothing is wrong, or too little was seen.

    Args:
        entry: with samples.
        every: all entries of the same traffic: a replica that nobody reaches is another cause than one that
            is missing here only.
    """
    if not entry.samples:
        return ()
    if entry.dead:
        return (_dead(entry, every),)
    found: list[Finding] = []
    if entry.foreign:
        found.append(_foreign(entry))
    if entry.came or entry.went:
        return (*found, *_while_replaced(entry))
    unseen = entry.unseen
    losses = _lost(entry, unseen) if entry.lost else ()
    found.extend(losses)
    told = not entry.lost or [one.name for one in losses] == ["dead-backend-at-entry"]
    if unseen and entry.answered and told:
        found.extend(_missing(entry, replica, every) for replica in unseen)
    return tuple(found)


def _dead(entry: Entry, every: tuple[Entry, ...]) -> Finding:
    commonest = Outcome(max(entry.outcomes.items(), key=lambda item: (item[1], item[0]))[0])
    modes, meaning = _DEAD.get(commonest, (("A1", "A11"), "no request is answered"))
    told = f"{entry.node}: none of {count(len(entry.samples), 'request')} answered ({tally(entry.outcomes)})"
    asked = [other for other in every if other.samples]
    if len(asked) > 1 and all(other.dead for other in asked):
        return Finding(
            "service-dead",
            Subject(service=entry.service, path=entry.path.value),
            f"no entry node of {len(asked)} answers: {meaning}",
            ("A5", "B9", "H5", *modes),
            "look at the service's tasks and logs, then at the kernel modules and firewall of the nodes",
        )
    return Finding(
        "entry-dead",
        entry.subject(),
        f"{told}: {meaning}",
        modes,
        f"on {entry.node}, compare the DNAT rule of the published port (iptables -t nat -S DOCKER-INGRESS) "
        "and the marks and IPVS service in ingress_sbox with another node's; an update --force of the "
        "service writes them anew",
    )


def _foreign(entry: Entry) -> Finding:
    strangers = sorted({one.replica or one.detail or "unnamed" for one in entry.foreign})
    return Finding(
        "foreign-answer-at-entry",
        entry.subject(strangers[0] if len(strangers) == 1 else ""),
        f"{entry.node}: {len(entry.foreign)} of {len(entry.samples)} answers came from others than the "
        f"replicas of {entry.service}: {listed(strangers)}",
        ("B3", "G7", "F1", "A9"),
        f"on {entry.node}, look for an address in the IPVS services of two marks, for a container without "
        "a task, and for a process of the host on the port",
    )


def _while_replaced(entry: Entry) -> tuple[Finding, ...]:
    """What was lost while tasks came and went: by that alone, or still at the end."""
    gone = {replica.task for replica in entry.went}
    now = tuple(replica for replica in (*(entry.live or ()), *entry.came) if replica.task not in gone)
    last = entry.samples[-_SETTLED * (len(now) + 1) :]
    if not entry.lost:
        return ()
    end = dataclasses.replace(entry, live=now, samples=last, came=(), went=())
    return (_lost(end, end.unseen) if end.lost else ()) or (_replaced(entry),)


def _replaced(entry: Entry) -> Finding:
    told = changed(entry.came, entry.went)
    return Finding(
        "replica-replaced",
        Subject(service=entry.service, path=entry.path.value),
        f"{told}; {entry.node}: {len(entry.lost)} of {len(entry.samples)} requests lost "
        f"({tally(entry.outcomes)})",
        ("H1",),
        "look why the task ended: docker service ps --no-trunc, its log, and the log of its node's engine",
    )


def _lost(entry: Entry, unseen: tuple[Replica, ...]) -> tuple[Finding, ...]:
    replicas = len(entry.live) if entry.live is not None else len(entry.counts)
    few = len(entry.samples) < _TURNS * (replicas + 1)  # cannot tell a dead row from a lost packet
    if unseen and not (entry.table and entry.table.extra):
        return () if few else (_unreachable(entry, unseen),)
    if {one.outcome for one in entry.lost} <= NO_CONNECTION:
        told = _dead_rows(entry, max(1, replicas))
        if told:
            return (_dead_backend(entry, told),)
        if few:
            return ()
    modes = {mode for one in entry.lost for mode in _SOME.get(one.outcome, ("C14", "B16", "B17"))}
    lost = Finding(
        "requests-lost-at-entry",
        entry.subject(),
        f"{entry.node}: {len(entry.lost)} of {len(entry.samples)} requests lost ({tally(entry.outcomes)}), "
        "in no pattern that a table would give",
        tuple(sorted(modes)),
        f"look at packet loss, conntrack and neighbour tables of {entry.node}, and at the replicas' logs",
    )
    return (lost,)


def _dead_rows(entry: Entry, replicas: int) -> str:
    """What shows rows without a living task behind them; empty if nothing does."""
    lost, total = len(entry.lost), len(entry.samples)
    if entry.table and entry.table.extra:
        return f"the table holds {listed(entry.table.extra)}, which no running replica has"
    rows = stats.lost_rows([not one.ok for one in entry.samples], replicas)
    if rows:
        return f"{rows} of every {replicas + rows} in turn: {count(rows, 'row')} more than replicas"
    share = 1 / (replicas + 1)
    tails = stats.at_most(lost, total, share), stats.at_least(lost, total, share)
    exact = entry.table is not None and entry.table.exact
    if not exact and lost >= _FEW and min(tails) >= _PLAUSIBLE:
        return f"about one in {replicas + 1}: one backend more than replicas"
    return ""


def _dead_backend(entry: Entry, told: str) -> Finding:
    extra = entry.table.extra if entry.table else ()
    return Finding(
        "dead-backend-at-entry",
        entry.subject(extra[0] if len(extra) == 1 else ""),
        f"{entry.node}: {len(entry.lost)} of {len(entry.samples)} requests lost ({tally(entry.outcomes)}); "
        + told,
        ("B1", "D5"),
        f"on {entry.node}, compare the real servers of the service's mark in /proc/net/ip_vs with the "
        "running tasks' addresses; an update --force of the service writes them anew",
    )


def _unreachable(entry: Entry, unseen: tuple[Replica, ...]) -> Finding:
    refused = {one.outcome for one in entry.lost} <= {Outcome.REFUSED, Outcome.RESET}
    return Finding(
        "replica-unreachable-from-entry",
        entry.subject(unseen[0].task if len(unseen) == 1 else ""),
        f"{entry.node}: {len(entry.lost)} of {len(entry.samples)} requests lost ({tally(entry.outcomes)}), "
        f"and no answer from {listed([replica.label for replica in unseen])}",
        ("B19", "H5") if refused else ("C1", "C5", "C6", "B11"),
        "look at the replica's port and its REDIRECT rule"
        if refused
        else f"look at the data-path port (4789/udp) between {entry.node} and "
        f"{listed(sorted({replica.node for replica in unseen}))}, then at the overlay's FDB and neighbours",
    )


def _missing(entry: Entry, replica: Replica, every: tuple[Entry, ...]) -> Finding:
    asked = [other for other in every if other.answered]
    seers = [other for other in asked if other.counts.get(replica.task, 0)]
    told = f"{entry.node}: {replica.label} in none of {count(len(entry.answered), 'answer')}"
    if not seers and len(asked) > 1:
        return Finding(
            "replica-unreached",
            Subject(service=entry.service, path=entry.path.value, replica=replica.task),
            f"{replica.label} runs, says the manager, and answered through none of {len(asked)} entry nodes",
            ("G1", "H5", "E2"),
            "look at the task's health, its node, and whether its address is in any table",
        )
    mode, kernel = "B2", ""
    elsewhere = f", though it answers through {count(len(seers), 'other entry node')}" if seers else ""
    if entry.table is not None and replica in entry.table.idle:
        mode, kernel = "B4", "; its row there has weight 0"
    elif entry.table is not None and replica in entry.table.absent:
        kernel = f"; its address {listed([a.address for a in replica.addresses])} is not in the table"
    return Finding(
        "replica-missing-at-entry",
        entry.subject(replica.task),
        f"{told}{elsewhere}{kernel}",
        (mode,),
        f"on {entry.node}, compare the real servers of the service's mark in /proc/net/ip_vs with the "
        "running tasks' addresses; an update --force of the service writes them anew",
    )
