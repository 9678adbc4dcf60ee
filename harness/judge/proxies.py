"""Proxies before a service: balanced, sticky when asked, and no request lost to a dead node."""

from __future__ import annotations

from collections import Counter

from harness.evidence import Fault, SecuredVisits, Talks, Traffic, Visit, Visits
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds, tally, witness
from harness.model import Path

_BEFORE = 20  # requests answered before the fault
_AFTER = 20  # requests that began when the checks had found it


@judge
def proxied_evenly(visits: Visits, *, periods: int = 4) -> Verdict:
    """One backend after the other: after whole rounds every one has its exact share.

    Args:
        visits: requests of clients without cookies, one after the other.
        periods: whole rounds over the backends that are needed.
    """
    counts = Counter(one.backend for one in visits.visits if not one.why)
    expected, total = len(visits.backends), len(visits.visits)
    parts = [*_failed(visits)]
    if total < periods * max(1, expected):
        parts.append(blind(f"{count(total, 'request')}, {periods * max(1, expected)} needed"))
    strangers = sorted(set(counts) - set(visits.backends))
    parts += [blind(f"{counts[one]} answered by {one or 'a backend without a name'}") for one in strangers]
    parts += [_left_out(visits, one) for one in visits.backends if counts and not counts[one]]
    got = [counts[backend] for backend in visits.backends if counts[backend]]
    if got and max(got) - min(got) > 1 and not parts:
        shares = tally({backend: counts[backend] for backend in visits.backends})
        sentence = f"{visits.service}: shares differ by {max(got) - min(got)} of {total}: {shares}"
        finding = Finding("proxy-uneven", Subject(service=visits.service), sentence, (), _UNEVEN)
        parts.append(bad(sentence, finding))
    return conclude(
        parts or [GOOD],
        f"{visits.service}: {count(expected, 'backend')} got {min(got, default=0)} to {max(got, default=0)} "
        f"of {count(total, 'request')}, {_over(visits)}",
        subject=Subject(service=visits.service),
        witnesses=(witness(Path.INGRESS),),
        numbers={"counts": dict(counts), "backends": expected, "requests": total, "place": visits.place},
    )


@judge
def proxied_stickily(visits: Visits, *, least: int = 4) -> Verdict:
    """Every client stays with the backend that it had first; the clients do not all have the same.

    Args:
        visits: requests of several clients, each of which returns its cookie.
        least: requests that every client must have made, and clients that there must be.
    """
    clients: dict[int, list[Visit]] = {}
    for one in visits.visits:
        clients.setdefault(one.client, []).append(one)
    parts = [*_failed(visits)]
    if len(clients) < least or min(map(len, clients.values()), default=0) < least:
        parts.append(blind(f"{count(len(clients), 'client')} with too few requests, {least} of each needed"))
    wandering = {
        number: dict.fromkeys(one.backend for one in made if not one.why)
        for number, made in clients.items()
        if len({one.backend for one in made if not one.why}) > 1
    }
    if wandering:
        first = next(iter(wandering))
        sentence = (
            f"{visits.service}: {len(wandering)} of {count(len(clients), 'client')} returned their cookie "
            f"and did not stay: client {first} was sent to {listed(list(wandering[first]))}"
        )
        finding = Finding("stickiness-off", Subject(service=visits.service), sentence, (), _OFF)
        parts.append(bad(sentence, finding))
    homes = {made[0].backend for made in clients.values()}
    if len(homes) == 1 and len(visits.backends) > 1 and not parts:
        parts.append(blind(f"all clients have {homes.pop()}: that shows no stickiness"))
    behind = {number: {one.replica for one in made if one.replica} for number, made in clients.items()}
    return conclude(
        parts or [GOOD],
        f"{visits.service}: {count(len(clients), 'client')} stayed with {count(len(homes), 'backend')} "
        f"for {count(len(visits.visits), 'request')}, {_over(visits)}",
        subject=Subject(service=visits.service),
        witnesses=(witness(Path.INGRESS),),
        numbers={
            "clients": len(clients),
            "homes": len(homes),
            "requests": len(visits.visits),
            # over nodes the mesh behind each spreads a client over replicas all the same
            "replicas_per_client": max(map(len, behind.values()), default=0),
            "place": visits.place,
        },
    )


@judge
def outlives_node(traffic: Traffic, fault: Fault, *, check: float, before: int = _BEFORE) -> Verdict:
    """A node's death costs no request that began after the proxy's checks had to have found it.

    Args:
        traffic: steady requests through the proxy, before, during and after.
        fault: the node's loss.
        check: seconds in which the configured checks find a dead backend.
        before: requests that must have been answered before the fault.
    """
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    found = fault.proved + check
    early = [one for one in traffic.samples if one.ended < fault.began]
    during = [one for one in traffic.samples if one.ended >= fault.began and one.planned <= found]
    late = [one for one in traffic.samples if one.planned > found]
    lost, cost = [one for one in late if not one.ok], [one for one in during if not one.ok]
    parts: list[Part] = []
    if sum(one.ok for one in early) < before:
        parts.append(blind(f"{sum(one.ok for one in early)} requests answered before, {before} needed"))
    if len(late) < _AFTER:
        parts.append(blind(f"{count(len(late), 'request')} after the checks, {_AFTER} needed"))
    if any(not one.ok for one in early):
        broken = sum(not one.ok for one in early)
        parts.append(blind(f"{broken} of {count(len(early), 'request')} lost before {fault.subject} died"))
    noise = sum(not one.ok for one in early) / max(1, len(early))
    if lost and len(lost) / len(late) <= 2 * noise:
        parts.append(
            blind(f"{len(lost)} of {count(len(late), 'request')} lost after the checks, no more than before")
        )
    elif lost:
        kinds = tally(Counter(one.outcome.value for one in lost))
        last = max(one.planned for one in lost) - fault.proved
        sentence = (
            f"{traffic.service}: {len(lost)} of {count(len(late), 'request')} lost ({kinds}) when its checks "
            f"had {seconds(check)} to find {fault.subject} dead, the last after {seconds(last)}"
        )
        finding = Finding(
            "dead-node-costs-requests",
            Subject(node=fault.subject, service=traffic.service),
            sentence,
            (),
            _DEAD,
        )
        parts.append(bad(sentence, finding))
    return conclude(
        parts or [GOOD],
        f"{traffic.service}: {len(cost)} of {count(len(during), 'request')} lost in the {seconds(check)} of "
        f"its checks after {fault.subject} died, none of {len(late)} after that",
        subject=Subject(node=fault.subject, service=traffic.service),
        witnesses=(witness(traffic.path),),
        numbers={
            "check_s": check,
            "before": len(early),
            "during": len(during),
            "lost_during": len(cost),
            "after": len(late),
            "lost_after": len(lost),
        },
    )


@judge
def answers_securely(secured: SecuredVisits, *, protocol: str = "http/1.1", least: int = 2) -> Verdict:
    """By TLS every node's address answers, with the proxy's certificate, in the protocol that was offered.

    Args:
        secured: requests whose client verified the certificate and the address in it.
        protocol: ``http/1.1`` or ``h2``.
        least: requests that are needed through each node.
    """
    made = [one for one in secured.visits if one.offered == protocol]
    parts: list[Part] = []
    for entry in secured.entries:
        mine = [one for one in made if one.entry == entry]
        broken = next((one for one in mine if one.why or one.spoken != protocol), None)
        if len(mine) < least:
            parts.append(blind(f"{entry}: {count(len(mine), 'request')} by {protocol}, {least} needed"))
        if broken:
            what = broken.why or f"{broken.spoken or 'nothing'} was agreed on"
            sentence = f"{secured.service} through {entry}, {protocol} offered by TLS: {what}"
            finding = Finding(
                _SECURE[protocol], Subject(node=entry, service=secured.service), sentence, (), _TLS
            )
            parts.append(bad(sentence, finding))
    versions = sorted({one.version for one in made if one.version})
    return conclude(
        parts or [GOOD if made else blind("nobody asked")],
        f"{secured.service}: {count(len(made), 'request')} by {protocol} through "
        f"{count(len(secured.entries), 'node')}, certificate verified ({listed(versions)})",
        subject=Subject(service=secured.service),
        witnesses=(witness(Path.INGRESS),),
        numbers={"requests": len(made), "versions": versions, "protocol": protocol},
    )


@judge
def talks_on(talks: Talks, *, least: int = 3) -> Verdict:
    """By WebSocket every message comes back, also after a silence, through every node's address.

    Args:
        talks: one conversation or more through each node.
        least: messages that a conversation must have.
    """
    parts: list[Part] = []
    for entry in talks.entries:
        mine = [one for one in talks.talks if one.entry == entry]
        if not mine or min(one.messages for one in mine) < least:
            parts.append(blind(f"{entry}: no conversation of {count(least, 'message')}"))
        broken = next((one for one in mine if one.why or one.echoed != one.messages), None)
        if broken:
            came = f"{broken.echoed} of {count(broken.messages, 'message')} came back"
            sentence = f"{talks.service} through {entry}: {came}{f' ({broken.why})' if broken.why else ''}"
            subject = Subject(node=entry, service=talks.service)
            parts.append(bad(sentence, Finding("websocket-broken", subject, sentence, (), _TALK)))
    longest = max((one.ended - one.began for one in talks.talks), default=0.0)
    return conclude(
        parts or [GOOD if talks.talks else blind("nobody talked")],
        f"{talks.service}: all {sum(one.messages for one in talks.talks)} messages of "
        f"{count(len(talks.talks), 'conversation')} through {count(len(talks.entries), 'node')} came back, "
        f"the longest {seconds(longest)}",
        subject=Subject(service=talks.service),
        witnesses=(witness(Path.INGRESS),),
        numbers={"talks": len(talks.talks), "messages": sum(one.messages for one in talks.talks)},
    )


_TALK = "does the proxy pass Upgrade and Connection on, and does it wait long enough between messages?"
_SECURE = {"http/1.1": "tls-fails", "h2": "http2-not-spoken"}
_TLS = "docker service logs of the proxy: did it find its certificate in its secret, and does it offer h2?"
_LEFT_OUT = "is it up for the proxy's checks, and did the proxy resolve it? Read the proxy's log"
_UNEVEN = "does the proxy take one backend after the other (roundrobin), in one process?"
_OFF = "does the proxy set a cookie and choose by it, in the configuration that its task has?"
_DEAD = "are the backends checked, and is a request that found no backend sent to another?"


def _over(visits: Visits) -> str:
    return "over the nodes" if visits.place == "front" else "over the tasks"


def _failed(visits: Visits) -> list[Part]:
    failed = [one for one in visits.visits if one.why]
    if not failed:
        return []
    told = tally(Counter(one.why for one in failed))
    sentence = f"{visits.service}: {len(failed)} of {count(len(visits.visits), 'request')} failed: {told}"
    finding = Finding("proxy-fails", Subject(service=visits.service), sentence, (), _LEFT_OUT)
    return [bad(sentence, finding)]


def _left_out(visits: Visits, backend: str) -> Part:
    sentence = f"{visits.service}: {backend} got none of {count(len(visits.visits), 'request')}"
    subject = Subject(service=visits.service, address=backend)
    return bad(sentence, Finding("backend-left-out", subject, sentence, (), _LEFT_OUT))


__all__ = ["answers_securely", "outlives_node", "proxied_evenly", "proxied_stickily", "talks_on"]
