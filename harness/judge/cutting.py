"""One of the swarm's ports cut on one node: what is said to follow does follow, and the port is named.

Sources: "Open protocols and ports between the hosts" (Docker's swarm tutorial): 2377/tcp for managers,
7946/tcp and udp for gossip, 4789/udp for the overlay; the effects are moby/moby#36689 (4789), #32195 (7946).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from harness.evidence import Fault, History, PortMatrix, Roster, Traffic
from harness.judge import losses
from harness.judge.cluster import ports_open
from harness.judge.verdict import Finding, State, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds
from harness.model import Sample

_EACH = 2  # requests per replica and entry node, at least


@judge
def port_named(matrix: PortMatrix, fault: Fault, *, port: int, follows: Sequence[int] = ()) -> Verdict:
    """Whoever looks at the ports meanwhile names this port on this node, and no other.

    Args:
        matrix: links seen while it was cut.
        fault: the cut; its subject is the node's hostname.
        port: that is cut.
        follows: ports that may be shut on this node because that one is: without gossip, the data path.
    """
    if (dark := _unproved(fault)) is not None:
        return dark
    told = ports_open(matrix)
    shut = [one for one in matrix.links if one.state not in {"open", "skipped"}]
    parts = []
    for one in shut:
        way = f"{one.source} -> {one.target} {one.port}/{one.protocol}"
        if one.port in {port, *follows} and fault.subject in {one.source, one.target}:
            parts.append(GOOD)
            continue
        sentence = f"{way} is {one.state}, though only {port} of {fault.subject} was cut"
        finding = Finding("another-port-blocked", Subject(one.target, path=way), sentence, ("C1", "D1"))
        parts.append(bad(sentence, finding))
    mine = [one for one in shut if one.port == port]
    if not mine and told.state is not State.UNKNOWN:
        links = count(len(matrix.links), "link")
        sentence = f"{port} of {fault.subject} is cut, and none of {links} is seen shut by it"
        finding = Finding("cut-not-named", Subject(fault.subject), sentence, ("C1", "D1"))
        parts.append(bad(sentence, finding))
    parts += [blind(f"{node}: {why}") for node, why in matrix.missing]
    protocols = sorted({one.protocol for one in mine})
    return conclude(
        parts,
        f"{port} of {fault.subject} is named: {count(len(mine), 'link')} ({'/'.join(protocols)}) of "
        f"{len(matrix.links)}"
        + (f", and {len(shut) - len(mine)} that follow" if len(shut) > len(mine) else ""),
        subject=Subject(node=fault.subject),
        witnesses=("inside",),
        numbers={"told": told.sentence, "links": len(matrix.links), "shut": len(shut), "proof": fault.proof},
    )


@judge
def stays_ready(history: History, fault: Fault) -> Verdict:
    """While it was cut, no node was called anything but Ready: this port does not carry heartbeats.

    Args:
        history: the nodes, across the cut.
        fault: the cut.
    """
    if (dark := _unproved(fault)) is not None:
        return dark
    ended = fault.ended
    if ended is None or history.began > fault.began or history.ended < ended:
        return unknown(f"the nodes were not watched all through {fault.kind} of {fault.subject}")
    parts = [GOOD]
    for one in history.changes:
        if one.what == "node" and one.state != "ready" and fault.began <= one.at <= ended:
            sentence = f"{one.node} was called {one.state} {seconds(round(one.at - fault.began, 1))} after "
            sentence += f"{fault.kind} of {fault.subject}"
            parts.append(bad(sentence, Finding("node-not-ready", Subject(one.node), sentence, ("G2",))))
    return conclude(
        parts,
        f"no node was called anything but Ready in the {seconds(round(ended - fault.began, 1))} of "
        f"{fault.kind} of {fault.subject}",
        subject=Subject(node=fault.subject),
        witnesses=("outside",),
        numbers={"seconds": round(ended - fault.began, 1)},
    )


@judge
def hides_tasks(traffic: Traffic, fault: Fault, roster: Roster, *, until: float) -> Verdict:
    """The data path cut: requests between the node and the others hang, on either side the rest is answered.

    Args:
        traffic: through every node, across the cut.
        fault: the cut.
        roster: the replicas.
        until: when it was about to be opened again (seconds, monotonic).
    """
    if (dark := _unproved(fault)) is not None:
        return dark
    here, there = _sides(roster, fault.subject)
    if not here or not there:
        return unknown(f"{roster.service} had no tasks on both sides of the cut")
    seen = _window(traffic, fault.proved or fault.began, until)
    parts, numbers = [], {}
    for entry in traffic.entries:
        hidden, left = (there, here) if entry == fault.subject else (here, there)
        mine = [one for one in seen if one.entry == entry]
        lost = sum(not one.ok for one in mine)
        parts += _through(roster, entry, mine, hidden, left)
        if mine and not lost:
            parts.append(blind(f"{entry}: no request was lost, so none went across the cut"))
        numbers[entry] = {"requests": len(mine), "lost": lost}
    return _split(fault, roster, parts, numbers, "requests across hang, all others are answered")


@judge
def hides_news(
    traffic: Traffic,
    fault: Fault,
    before: Roster,
    after: Roster,
    *,
    since: float,
    until: float,
    lost_share: float,
) -> Verdict:
    """Gossip cut: the others forget the node's tasks and serve on; neither side learns of new tasks.

    Args:
        traffic: through every node, across the cut.
        fault: the cut.
        before: the replicas before it; ``after``: with those that were started since.
        after: see above.
        since: from when on the others must have forgotten the node (seconds, monotonic).
        until: when it was about to be opened again.
        lost_share: of the requests through another node between them, what may be lost.
    """
    if (dark := _unproved(fault)) is not None:
        return dark
    here, there = _sides(after, fault.subject)
    news = {one.task for one in after.replicas} - {one.task for one in before.replicas}
    if not here & news or not there & news:
        return unknown(f"no new task of {after.service} ran on both sides of the cut")
    seen = _window(traffic, since, until)
    parts, numbers = [], {}
    for entry in traffic.entries:
        mine = [one for one in seen if one.entry == entry]
        # the node itself is slow to give the others up: what it knew of them it may still reach
        hidden, left = (there & news, here) if entry == fault.subject else (here, there)
        parts += _through(after, entry, mine, hidden, left)
        lost = [one for one in mine if not one.ok]
        if len(lost) > lost_share * len(mine) and entry != fault.subject:
            sentence = f"{entry}: {len(lost)} of {count(len(mine), 'request')} lost after gossip had settled"
            remedy = f"ipvsadm -Ln on {entry}: which dead backend is left?"
            subject = Subject(entry, after.service)
            parts.append(bad(sentence, Finding("lost-beyond-cut", subject, sentence, ("D1",), remedy)))
        numbers[entry] = {"requests": len(mine), "lost": len(lost)}
    told = f"neither side learned of {count(len(news), 'new task')} across, and the others forgot its tasks"
    return _split(fault, after, parts, numbers, told)


@judge
def cut_spares_service(traffic: Traffic, fault: Fault, *, lost_share: float) -> Verdict:
    """Requests through every node go on while it is cut.

    Args:
        traffic: through every node, across the cut.
        fault: the cut.
        lost_share: of the requests through an entry node, what may be lost.
    """
    if (dark := _unproved(fault)) is not None:
        return dark
    if fault.ended is None or not traffic.began <= fault.began <= fault.ended <= traffic.ended:
        return unknown(f"the traffic did not span {fault.kind} of {fault.subject}")
    meanwhile = traffic.between(fault.began, fault.ended)
    remedy = "who answered, and through which node was it lost? This port carries no requests"
    parts = losses.within(meanwhile, lost_share, f"{fault.kind} of {fault.subject}", remedy)
    return conclude(
        parts or [GOOD],
        f"{losses.told(meanwhile)} in {seconds(round(fault.ended - fault.began, 1))} of {fault.kind} of "
        f"{fault.subject}",
        subject=Subject(service=traffic.service),
        witnesses=("outside",),
        numbers={"sent": len(meanwhile.samples), "lost": sum(not one.ok for one in meanwhile.samples)},
    )


def _sides(roster: Roster, node: str) -> tuple[set[str], set[str]]:
    """Tasks on the node, and elsewhere."""
    here = {one.task for one in roster.replicas if one.node == node}
    return here, {one.task for one in roster.replicas} - here


def _window(traffic: Traffic, since: float, until: float) -> list[Sample]:
    """Requests that began and ended while it was cut."""
    return [one for one in traffic.samples if one.began >= since and one.ended <= until]


def _through(
    roster: Roster, entry: str, mine: list[Sample], hidden: Collection[str], left: Collection[str]
) -> list[Part]:
    """What is wrong with the requests through one node: hidden tasks answered, others did not."""
    needed = _EACH * len(roster.replicas)
    if len(mine) < needed:
        return [blind(f"{entry}: {count(len(mine), 'request')} while it was cut, {needed} needed")]
    subject = Subject(entry, roster.service)
    answered = [one.replica for one in mine if one.ok]
    across = [one for one in answered if one in hidden]
    silent = sorted(set(left) - set(answered))
    parts = []
    if across:
        sentence = f"{entry}: {count(len(across), 'request')} answered across the cut"
        finding = Finding("answered-through-cut", subject, sentence, ("C1", "D1"), "is there another way?")
        parts.append(bad(sentence, finding))
    if silent:
        sentence = f"{entry}: {count(len(silent), 'task')} on its own side of the cut never answered"
        finding = Finding("lost-beyond-cut", subject, sentence, ("C1", "D1"), f"ipvsadm -Ln on {entry}")
        parts.append(bad(sentence, finding))
    return parts or [GOOD]


def _split(
    fault: Fault, roster: Roster, parts: list[Part], numbers: dict[str, dict[str, int]], told: str
) -> Verdict:
    lost = [f"{node} {one['lost']} of {one['requests']} lost" for node, one in numbers.items()]
    return conclude(
        parts,
        f"{fault.kind} of {fault.subject}: {told} ({listed(lost)})",
        subject=Subject(service=roster.service),
        witnesses=("outside",),
        numbers={"entries": numbers, "proof": fault.proof},
    )


def _unproved(fault: Fault) -> Verdict | None:
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    return None


__all__ = ["cut_spares_service", "hides_news", "hides_tasks", "port_named", "stays_ready"]
