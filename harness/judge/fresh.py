"""Do names follow when a service is scaled: nobody dead named for long, nobody new left out?"""

from __future__ import annotations

from collections.abc import Iterable

from harness.evidence import NameSpan, NameView, NameWatch
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.ways import Cause, Way, explain
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, seconds

_COARSE = 1.0  # seconds by which two clocks may be apart: ours and a node's
_REMEDY = "compare the node's endpoint table (docker network inspect -v) with the running tasks; look at 7946"


@judge
def names_fresh(watch: NameWatch, *, within: float = 2.0) -> Verdict:
    """``tasks.<service>`` names new tasks soon on every node, and dead ones no longer than ``within``.

    How long a dead one is named is measured on the node's own clock: from its last successful connect there
    to the last answer that held it.

    Args:
        watch: what every node's DNS said while the service was scaled up and down.
        within: seconds that a dead address may still be named, and a new one be lacking.
    """
    if not watch.spans:
        return unknown(f"nobody asked for tasks.{watch.service}", missing=dict(watch.missing))
    if not watch.joined or not watch.left:
        return unknown(f"{watch.service} did not change: nothing to show")
    stale: dict[str, float] = {}
    late: dict[str, float] = {}
    parts: list[Part] = []
    wrong: dict[tuple[str, tuple[str, ...]], list[tuple[str, str]]] = {}
    cut, hosts = _unheard(watch), dict(watch.hosts)
    behind = {way for cause in cut for way in cause.ways}
    for span in watch.spans:
        mine = {view.address: view for view in watch.views if view.node == span.node}
        dead = _windows(watch, mine)
        fresh = _delays(watch, span, mine)
        stale[span.node] = round(max(dead.values(), default=0.0), 3)
        late[span.node] = round(max(fresh.values(), default=0.0), 3)
        for name, every, told in _faults(watch, mine, dead, fresh, within):
            addresses = tuple(a for a in every if (hosts.get(a), span.node) not in behind)
            if not addresses:
                continue
            wrong.setdefault((name, addresses), []).append((span.node, told))
        if not dead:
            parts.append(blind(f"{span.node}: it never reached a task that left, so its death went unseen"))
    parts += [_not_told(watch, cause) for cause in cut]
    parts += [_finding(watch, name, addresses, seen) for (name, addresses), seen in wrong.items()]
    parts += [blind(f"{node}: not asked to the end ({why})") for node, why in watch.missing]
    worst = max(stale.values(), default=0.0)
    return conclude(
        parts or [GOOD],
        f"tasks.{watch.service} followed on all {count(len(watch.spans), 'node')}: no dead address named "
        f"longer than {worst * 1000:.0f} ms (bound {seconds(within)}, asked every "
        f"{watch.every * 1000:.0f} ms), new ones named {seconds(max(late.values(), default=0.0))} after they "
        "ran at the latest",
        subject=Subject(service=watch.service, path="vip"),
        witnesses=("inside",),
        numbers={
            "stale_ms": {node: round(window * 1000) for node, window in stale.items()},
            "late_s": late,
            "within": within,
            "answers": {span.node: span.answers for span in watch.spans},
            "failed": {span.node: span.failed for span in watch.spans if span.failed},
            "missing": dict(watch.missing),
        },
    )


def _unheard(watch: NameWatch) -> tuple[Cause, ...]:
    """Nodes of whose tasks no other was told, or who were told of no other's: ways of news."""
    seen = {(view.node, view.address) for view in watch.views}
    judged: dict[Way, bool] = {}
    for address, owner in watch.hosts:
        for span in watch.spans:
            if owner != span.node:
                way = (owner, span.node)
                judged[way] = judged.get(way, True) and (span.node, address) not in seen
    causes = explain({way for way, unheard in judged.items() if unheard}, judged.keys())
    return tuple(cause for cause in causes if not cause.peer)


def _not_told(watch: NameWatch, cause: Cause) -> Part:
    told = f"{cause.words}: news of the tasks of {watch.service} does not arrive"
    subject = Subject(cause.node, watch.service, "vip")
    remedy = f"look at gossip (7946 tcp and udp) {'of ' + cause.node if cause.node else 'between all nodes'}"
    return bad(told, Finding("names-cut-off", subject, told, ("D1", "D2", "E2"), remedy))


def _windows(watch: NameWatch, mine: dict[str, NameView]) -> dict[str, float]:
    """Seconds for which each address that left was named after its last sign of life."""
    left = [mine[address] for address in watch.left if address in mine]
    return {view.address: max(0.0, view.last - view.alive) for view in left if view.alive is not None}


def _delays(watch: NameWatch, span: NameSpan, mine: dict[str, NameView]) -> dict[str, float]:
    """Seconds from when a new task was shown to run until it was named."""
    return {
        address: max(0.0, span.began + mine[address].first - at)
        for address, at in watch.joined
        if address in mine
    }


def _faults(
    watch: NameWatch,
    mine: dict[str, NameView],
    dead: dict[str, float],
    fresh: dict[str, float],
    within: float,
) -> list[tuple[str, tuple[str, ...], str]]:
    """Name of the finding, addresses, and what is wrong with them on one node."""
    known = {*watch.stayed, *watch.left, *(address for address, _ in watch.joined)}
    living = {*watch.stayed} | {address for address, _ in watch.joined if address not in watch.left}
    held = _sorted(address for address in watch.left if address in mine and mine[address].held)
    strange = _sorted(address for address in mine if address not in known)
    slow = _sorted(a for a, window in dead.items() if window > within and a not in held)
    lacking = _sorted(known - set(mine))
    dropped = _sorted(address for address in living if address in mine and not mine[address].held)
    tardy = _sorted(address for address, delay in fresh.items() if delay > within + _COARSE)
    rows = [
        ("stale-name", held, "still named at the end, though its task is gone"),
        ("stale-name", strange, "named, which no task ever had"),
        ("slow-name", slow, f"named {_worst(dead, slow)} after its task's last sign of life"),
        ("name-missing", lacking, "never named"),
        ("name-missing", dropped, "no longer named, though its task runs"),
        ("late-name", tardy, f"named {_worst(fresh, tardy)} after its task ran"),
    ]
    return [(name, addresses, told) for name, addresses, told in rows if addresses]


def _sorted(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(addresses))


def _worst(times: dict[str, float], of: tuple[str, ...]) -> str:
    return seconds(max((times[address] for address in of), default=0.0))


_MODES = {
    "stale-name": ("E1", "D1"),
    "slow-name": ("E1", "D1"),
    "name-missing": ("E2", "D2", "D1"),
    "late-name": ("E2", "D1"),
}


def _finding(watch: NameWatch, name: str, addresses: tuple[str, ...], seen: list[tuple[str, str]]) -> Part:
    """One finding for the same addresses, whether one node or all of them tell."""
    nodes = [node for node, _ in seen]
    everywhere = len(nodes) > 1 and len(nodes) == len(watch.spans)
    where = "every node" if everywhere else listed(nodes)
    told = f"{where}: tasks.{watch.service}: {listed(addresses)} {seen[0][1]}"
    subject = Subject(
        "" if len(nodes) > 1 else nodes[0],
        watch.service,
        "vip",
        address=addresses[0] if len(addresses) == 1 else "",
    )
    remedy = _REMEDY if everywhere else f"on {where}, {_REMEDY}"
    return bad(told, Finding(name, subject, told, _MODES[name], remedy))


__all__ = ["names_fresh"]
