"""From open-loop samples of one entry node to the spans in which requests were lost.

A sample stands for the time until the next one was due. Losses that lie closer together than a replica's
turn takes belong to one span: while one of six backends is dead, five of six requests succeed in between,
and the service is degraded all the while.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections import Counter

from harness.evidence import Fault, Traffic
from harness.model import Sample

JOIN = 0.5  # seconds: losses closer than this always belong together
MIN_BEFORE = 20  # requests per entry node that must have flowed before the fault
LATE = 0.5  # seconds by which the generator may start a request late
LATE_SHARE = 0.05  # share of requests that may be later than that
HOLE = 1.0  # seconds without a request in an open loop: the generator, not the swarm


@dataclasses.dataclass(frozen=True)
class Window:
    """A span with losses; ``share`` of the requests due in it were lost."""

    start: float
    end: float
    lost: int
    share: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a fault cost one entry node; times in seconds.

    Attributes:
        requests: due since the fault began; ``before``: ended before it.
        spacing: between two requests.
        lost: requests that began after the fault or ended after it without an answer in time.
        lost_before: those that the fault cannot have cost.
        trouble: why these samples cannot be judged; empty if they can.
        last: when the traffic through this node ended.
        healed: from the fault to the end of its longest window; 0 without one.
    """

    node: str
    requests: int
    before: int
    spacing: float
    windows: tuple[Window, ...]
    lost: tuple[Sample, ...]
    lost_before: int
    trouble: str
    last: float
    healed: float

    @property
    def outage(self) -> float:
        """Length of all windows together."""
        return sum(window.length for window in self.windows)

    @property
    def lost_time(self) -> float:
        """Lost requests x spacing."""
        return len(self.lost) * self.spacing

    @property
    def share(self) -> float:
        """Of the requests due in the windows, lost."""
        due = sum(window.lost / window.share for window in self.windows)
        return len(self.lost) / due if due else 0.0

    def numbers(self, fault: Fault, within: float) -> dict[str, object]:
        """JSON values; losses by outcome ``during`` the bound and ``after`` it."""
        border = fault.began + within
        during = Counter(one.outcome.value for one in self.lost if one.planned < border)
        after = Counter(one.outcome.value for one in self.lost if one.planned >= border)
        return {
            "requests": self.requests,
            "before": {"requests": self.before, "lost": self.lost_before},
            "during": dict(during),
            "after": dict(after),
            "outage": round(self.outage, 3),
            "lost_time": round(self.lost_time, 3),
            "share": round(self.share, 4),
            "healed": round(self.healed, 3),
            "windows": [
                [round(one.start - fault.began, 3), round(one.end - fault.began, 3), one.lost]
                for one in self.windows
            ],
        }


def effects(traffic: Traffic, fault: Fault, *, timeout: float) -> tuple[Effect, ...]:
    """The fault's effect on every entry node but the one that it took."""
    return tuple(_effect(traffic, node, fault, timeout) for node in traffic.entries if node != fault.subject)


def is_lost(sample: Sample, timeout: float) -> bool:
    """Whether a request started now would not have been answered within ``timeout`` seconds."""
    return not sample.ok or sample.ended - sample.began > timeout


def _effect(traffic: Traffic, node: str, fault: Fault, timeout: float) -> Effect:
    mine = sorted(traffic.at(node), key=lambda one: (one.planned, one.seq))
    before = [one for one in mine if one.ended <= fault.began]
    since = [one for one in mine if one.ended > fault.began]
    gaps = [second.planned - first.planned for first, second in itertools.pairwise(mine)]
    spacing = statistics.median(gaps) if gaps else 0.0
    lost = [one for one in since if is_lost(one, timeout)]
    turn = len({one.replica for one in before if one.ok}) * spacing
    windows = _windows(since, lost, spacing, max(JOIN, 2 * turn))
    longest = max(windows, key=lambda one: (one.length, -one.start), default=None)
    lost_before = sum(is_lost(one, timeout) for one in before)
    return Effect(
        node,
        len(since),
        len(before),
        spacing,
        windows,
        tuple(lost),
        lost_before,
        _trouble(mine, before, lost_before, spacing),
        mine[-1].planned + spacing if mine else traffic.began,
        longest.end - fault.began if longest else 0.0,
    )


def _windows(since: list[Sample], lost: list[Sample], spacing: float, join: float) -> tuple[Window, ...]:
    spans: list[list[float]] = []
    for one in lost:
        if spans and one.planned - spans[-1][1] <= join:
            spans[-1][1] = one.planned + spacing
        else:
            spans.append([one.planned, one.planned + spacing])
    found = []
    for start, end in spans:
        due = sum(start <= one.planned < end for one in since)
        gone = sum(start <= one.planned < end for one in lost)
        found.append(Window(start, end, gone, gone / due if due else 1.0))
    return tuple(found)


def _trouble(mine: list[Sample], before: list[Sample], lost_before: int, spacing: float) -> str:
    if len(before) < MIN_BEFORE:
        return f"{len(before)} requests before the fault, {MIN_BEFORE} needed"
    if lost_before > LATE_SHARE * len(before):
        return f"{lost_before} of {len(before)} requests were lost before the fault"
    late = sum(one.began - one.planned > LATE for one in mine)
    if late > LATE_SHARE * len(mine):
        return f"{late} of {len(mine)} requests began more than {LATE} s late: the generator's fault"
    hole = max((b.planned - a.planned for a, b in itertools.pairwise(mine)), default=0.0)
    return f"no request for {hole:.1f} s: the generator's fault" if hole > max(HOLE, 20 * spacing) else ""
