"""The packet's way, step by step, proven by packets: DNAT, MARK, IPVS, SNAT, the overlay, and back.

Source: moby/libnetwork ``service_linux.go`` (ingress: DNAT to the sandbox, mark, IPVS in NAT mode, SNAT to
the node's address on the ingress network). REDIRECT to the task's own port leaves no packet to capture: that
the replica answers shows it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

from harness.evidence import Hop, Roster, Traced, Trails
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed

HOST, SANDBOX = "host", "ingress_sbox"
_OVERLAY = "1-"  # how the namespace of an overlay network begins
_BALANCER = "lb_"
_REMEDY = "harness audit --explain SERVICE: the step with its command"


@judge
def went_the_way(capture: Trails, roster: Roster) -> Verdict:
    """Every request that was answered was seen at each step of the way, there and back.

    Args:
        capture: packets, and the requests that they belong to.
        roster: the replicas that ran meanwhile, with their addresses on the ingress network.
    """
    replicas = {one.task: one for one in roster.ever}
    addresses = dict(capture.entries)
    dark = dict((*capture.missing, *capture.skipped))
    parts: list[Part] = []
    seen: Counter[str] = Counter()
    lacks: dict[str, list[list[str]]] = {}
    remote = 0
    for request in capture.requests:
        replica = replicas.get(request.replica)
        if replica is None:
            parts.append(_unanswered(capture, request))
            continue
        blind_at = [node for node in (request.entry, replica.node) if node in dark]
        if blind_at:
            parts.append(blind(f"nothing was captured on {blind_at[0]}: {dark[blind_at[0]]}"))
            continue
        task = {place.address for place in replica.addresses}
        steps = _Trail(capture, request, addresses[request.entry], task, replica.node).steps()
        if not steps[0][1]:  # its first packet passed a listener that was not there, or not any more
            parts.append(blind(f"{request.entry}: nothing was captured of one of its requests"))
            continue
        remote += replica.node != request.entry
        seen.update(name for name, found in steps if found)
        lacks.setdefault(request.entry, []).append([name for name, found in steps if not found])
    parts += [_told(capture, entry, missing) for entry, missing in lacks.items()]
    if not capture.requests:
        return unknown("no request was sent")
    return conclude(
        _unique(parts),
        f"{count(len(capture.requests), 'request')} through {count(len(capture.entries), 'entry node')} were "
        f"seen at every step, there and back; {remote} crossed the overlay",
        subject=Subject(service=capture.service, path="ingress"),
        witnesses=("outside", "kernel"),
        numbers={"requests": len(capture.requests), "remote": remote, "packets": len(capture.hops), **seen},
    )


@dataclasses.dataclass(frozen=True)
class _Trail:
    """The packets of one request."""

    capture: Trails
    request: Traced
    address: str
    task: set[str]
    home: str

    def steps(self) -> list[tuple[str, bool]]:
        """Each step of the way in order, and whether it was seen."""
        entry, home = self.request.entry, self.home
        found = [
            ("at the node", self._any(entry, HOST, to={self.address})),
            ("DNAT to ingress_sbox", self._any(entry, SANDBOX, away_from={self.address, *self.task})),
            ("IPVS and SNAT", self._any(entry, SANDBOX, to=self.task, translated=True)),
        ]
        if entry != home:
            found.append(("into the overlay", self._any(entry, _OVERLAY, to=self.task)))
            found.append(("out of the overlay", self._any(home, _OVERLAY, to=self.task)))
        found.append(("at the task", self._any(home, "", to=self.task)))
        found.append(("the task's answer", self._any(home, "", to=self.task, answer=True)))
        if entry != home:
            found.append(("back over the overlay", self._any(entry, _OVERLAY, to=self.task, answer=True)))
        found.append(("back from ingress_sbox", self._any(entry, SANDBOX, to=self.task, answer=True)))
        found.append(("back to the client", self._any(entry, HOST, to={self.address}, answer=True)))
        return found

    def _any(
        self,
        node: str,
        place: str,
        *,
        to: set[str] | None = None,
        away_from: set[str] | None = None,
        translated: bool = False,
        answer: bool = False,
    ) -> bool:
        """Whether a packet of it was seen at ``place``: a namespace, how one begins, or empty: a task's."""
        for hop in self.capture.hops:
            server, client, port = (
                (hop.source, hop.destination, hop.destination_port)
                if answer
                else (hop.destination, hop.source, hop.source_port)
            )
            if (hop.node, hop.answer, port) != (node, answer, self.request.port) or not _at(hop, place):
                continue
            if to is not None and server not in to:
                continue
            if away_from is not None and server in away_from:
                continue
            if not translated or client != self.request.source:
                return True
        return False


def _at(hop: Hop, place: str) -> bool:
    if place == _OVERLAY:
        return hop.namespace.startswith(_OVERLAY)
    if place:
        return hop.namespace == place
    other = {HOST, SANDBOX, "default"}
    return hop.namespace not in other and not hop.namespace.startswith((_OVERLAY, _BALANCER))


def _unanswered(capture: Trails, request: Traced) -> Part:
    if request.replica:
        return blind(f"{request.entry}: {request.replica[:12]} answered, which is no replica that is known")
    told = f"{request.entry}: a request was not answered ({request.detail or 'silence'})"
    subject = Subject(node=request.entry, service=capture.service, path="ingress")
    return bad(told, Finding("requests-lost-at-entry", subject, told, ("A1", "C1"), _REMEDY))


def _told(capture: Trails, entry: str, lacks: list[list[str]]) -> Part:
    """What was not seen of the answered requests through one entry node, as lists of steps."""
    lost = [names for names in lacks if names]
    if not lost:
        return GOOD
    names = list(dict.fromkeys(name for names in lost for name in names))
    told = f"{entry}: {len(lost)} of {count(len(lacks), 'request')} answered, and not seen: {listed(names)}"
    subject = Subject(node=entry, service=capture.service, path="ingress")
    return bad(told, Finding("another-way", subject, told, ("A1", "A11", "F1"), _REMEDY))


def _unique(parts: list[Part]) -> list[Part]:
    """What many requests show is told once."""
    return list({(part.state, part.text): part for part in parts}.values())


__all__ = ["went_the_way"]
