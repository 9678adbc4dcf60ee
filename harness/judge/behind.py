"""A service that fails because of another: which one, and why, by what it wrote.

Sources: redis-py's exceptions, which repeat Redis' words (``WRONGPASS``, ``NOAUTH``), and those of Python's
sockets.
"""

from __future__ import annotations

import re

from harness.evidence import Complaint, Traffic
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, bad, conclude, count, tally
from harness.model import Outcome

_CAUSES = (
    (
        "password-refused",
        re.compile(r"WRONGPASS|NOAUTH|invalid (?:username-)?password", re.IGNORECASE),
        "refuses its password",
        "are both given the same secret?",
    ),
    (
        "name-unresolved",
        re.compile(r"Name or service not known|[Nn]ame resolution|Name does not resolve"),
        "is a name that does not resolve there",
        "are both on one network, and does the name say which service?",
    ),
    (
        "backend-unreachable",
        re.compile(r"Connection refused|[Tt]imed out|No route to host|Error \d+ connecting to"),
        "cannot be reached from it",
        "does it run, and does it listen on the port that is asked?",
    ),
)


def cause(complaint: Complaint | None) -> Finding | None:
    """The finding for what the service complained of last; None if nothing tells."""
    for node, line in reversed(complaint.lines if complaint else ()):
        for name, words, told, remedy in _CAUSES:
            if complaint and words.search(line):
                sentence = f"{complaint.service} fails: {complaint.behind} {told} (on {node}: {line.strip()})"
                return Finding(name, Subject(service=complaint.behind), sentence, (), remedy)
    return None


@judge
def fails_for(traffic: Traffic, complaint: Complaint, *, name: str) -> Verdict:
    """No request is served, the application says so through every node, and its log says whose fault it is.

    Args:
        traffic: to a service that was given what another refuses.
        complaint: what it wrote.
        name: of the cause that must be told, such as ``password-refused``.
    """
    sent = len(traffic.samples)
    outcomes = {one.outcome.value: 0 for one in traffic.samples}
    for one in traffic.samples:
        outcomes[one.outcome.value] += 1
    if not sent:
        return unknown(f"{traffic.service} was not asked")
    parts = []
    if any(one.ok for one in traffic.samples):
        told = f"{tally(outcomes)}: it serves though it is refused"
        parts.append(bad(told, Finding("failure-unseen", Subject(service=traffic.service), told)))
    elif not all(any(one.outcome is Outcome.SERVER_ERROR for one in traffic.at(e)) for e in traffic.entries):
        return unknown(f"not through every entry node it was the application that failed: {tally(outcomes)}")
    if not complaint.lines:
        return unknown(f"the log of {complaint.service} was not told")
    found = cause(complaint)
    if found is None or found.name != name:
        told = f"the log of {complaint.service} does not say why it fails"
        parts.append(bad(told, Finding("cause-untold", Subject(service=complaint.service), told)))
    return conclude(
        parts or [GOOD],
        f"{count(sent, 'request')} failed, and the log says why: {found.sentence if found else ''}",
        subject=Subject(service=traffic.service),
        witnesses=("outside",),
        numbers={"sent": sent, "outcomes": tally(outcomes), "lines": len(complaint.lines)},
    )


__all__ = ["fails_for"]
