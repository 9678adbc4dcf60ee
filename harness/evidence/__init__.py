"""What a run saved of what it saw: the only things a judge may look at.

Each kind is a frozen dataclass with an ``id`` that is unique in its run; the journal keeps it, a claim names
it, and a saved run can be judged again from it.
"""

from __future__ import annotations

from typing import TypeAlias, get_args

from harness.evidence.around import Around, Interface, NameDraw, Reach, Refusal
from harness.evidence.captures import Hop, Traced, Trails
from harness.evidence.control import (
    Credential,
    Credentials,
    JoinTries,
    JoinTry,
    Kept,
    Locking,
    Standing,
)
from harness.evidence.events import Change, Fault, History, Rollout
from harness.evidence.files import HeldFile, Keeping, Logins, Place
from harness.evidence.logs import Complaint
from harness.evidence.mesh import HOST, Dump, KernelLook, Truth
from harness.evidence.nodes import (
    Balancers,
    Cluster,
    Link,
    NameAnswer,
    Names,
    PortMatrix,
    RealServer,
    VirtualServer,
)
from harness.evidence.onwire import Capture, Frames, Sent
from harness.evidence.outside import Counter, Load, LoadCell, PortClosure, Roster, Traffic
from harness.evidence.pairs import (
    NameSpan,
    NameView,
    NameWatch,
    OverlayMesh,
    Pair,
    PayloadSizes,
    SizeTry,
    Vantage,
    Vantages,
    Way,
    WayOut,
)
from harness.evidence.preflight import EngineLook, Preflight
from harness.evidence.proxies import Secured, SecuredVisits, Talk, Talks, Visit, Visits
from harness.evidence.seen import Hairpins, Sources
from harness.evidence.stacks import Counted, CountedServer, Stacked, StackedService, StackRemoval
from harness.evidence.vip import Idling, OwnVip, OwnVips, Quiet
from harness.evidence.voting import Ballot, Poll, Shown

Evidence: TypeAlias = (
    Traffic
    | Roster
    | Cluster
    | PortMatrix
    | Balancers
    | Names
    | PortClosure
    | Fault
    | History
    | Counter
    | Load
    | KernelLook
    | Truth
    | Preflight
    | OverlayMesh
    | PayloadSizes
    | Vantages
    | NameWatch
    | Keeping
    | Rollout
    | WayOut
    | Stacked
    | StackRemoval
    | Counted
    | Trails
    | Complaint
    | Sources
    | Hairpins
    | Around
    | Refusal
    | Capture
    | OwnVips
    | Idling
    | Standing
    | Locking
    | Credentials
    | JoinTries
    | Visits
    | Poll
    | Logins
    | SecuredVisits
    | Talks
)
Span: TypeAlias = tuple[float, float]


def span(evidence: object) -> Span | None:
    """From when to when a piece of evidence was gathered (seconds, monotonic); None if it does not tell."""
    began, ended = getattr(evidence, "began", None), getattr(evidence, "ended", None)
    return (began, ended) if isinstance(began, float) and isinstance(ended, float) and began > 0 else None


KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in get_args(Evidence)}
__all__ = [
    "HOST",
    "KINDS",
    "Around",
    "Balancers",
    "Ballot",
    "Capture",
    "Change",
    "Cluster",
    "Complaint",
    "Counted",
    "CountedServer",
    "Counter",
    "Credential",
    "Credentials",
    "Dump",
    "EngineLook",
    "Evidence",
    "Fault",
    "Frames",
    "Hairpins",
    "HeldFile",
    "History",
    "Hop",
    "Idling",
    "Interface",
    "JoinTries",
    "JoinTry",
    "Keeping",
    "Kept",
    "KernelLook",
    "Link",
    "Load",
    "LoadCell",
    "Locking",
    "Logins",
    "NameAnswer",
    "NameDraw",
    "NameSpan",
    "NameView",
    "NameWatch",
    "Names",
    "OverlayMesh",
    "OwnVip",
    "OwnVips",
    "Pair",
    "PayloadSizes",
    "Place",
    "Poll",
    "PortClosure",
    "PortMatrix",
    "Preflight",
    "Quiet",
    "Reach",
    "RealServer",
    "Refusal",
    "Rollout",
    "Roster",
    "Secured",
    "SecuredVisits",
    "Sent",
    "Shown",
    "SizeTry",
    "Sources",
    "Span",
    "StackRemoval",
    "Stacked",
    "StackedService",
    "Standing",
    "Talk",
    "Talks",
    "Traced",
    "Traffic",
    "Trails",
    "Truth",
    "Vantage",
    "Vantages",
    "VirtualServer",
    "Visit",
    "Visits",
    "Way",
    "WayOut",
    "span",
]
