"""Does a published port answer alike from every vantage point? Each takes another chain of the firewall."""

from __future__ import annotations

import dataclasses

from harness.evidence import Cluster, OverlayMesh, Vantage, Vantages
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed, tally

OUTSIDE, LOOPBACK, V6, OWN, PEER, TASK = "outside", "127.0.0.1", "::1", "own", "peer", "task"
_SHARE = 0.1  # of an entry's requests; one stale row beside six takes a seventh
_HALF = 0.5  # of a vantage's own requests
_FEW = 3  # lost requests below which there is no share to speak of
_V6_FINE = frozenset({"ok", "refused", "unreachable"})  # answered, or told at once that nobody will
_V6_SINCE = (29, 8)  # the engine that does not listen where it has no way (moby/moby#53091)
_V6_KNOWN = frozenset({"read-timeout"})  # what every older one does: accept, and say nothing


@dataclasses.dataclass(frozen=True)
class _Cause:
    """What a set of dead vantages of one entry means."""

    name: str
    modes: tuple[str, ...]
    told: str
    remedy: str


_REMOTE = _Cause(
    "remote-path-broken",
    ("A2", "A5"),
    "the node answers itself, and nobody else",
    "look for the jump from nat PREROUTING to DOCKER-INGRESS, and at INPUT, FORWARD and DOCKER-USER",
)
_LOCAL = _Cause(
    "local-path-broken",
    ("A2",),
    "others are answered, the node itself is not, neither at 127.0.0.1 nor at its own address",
    "look for the jump from nat OUTPUT to DOCKER-INGRESS (iptables -t nat -S OUTPUT)",
)
_LOOP = _Cause(
    "localhost-path-broken",
    ("A7",),
    "every other vantage is answered, 127.0.0.1 is not",
    "look at net.ipv4.conf.docker_gwbridge.route_localnet (must be 1) and at the MASQUERADE rule for "
    "--src-type LOCAL -o docker_gwbridge in nat POSTROUTING",
)
_OWN = _Cause(
    "own-address-broken",
    ("A2", "A5"),
    "others are answered at the node's address, the node itself is not",
    "look at nat OUTPUT and filter OUTPUT for rules that match the node's own address",
)
_OUTSIDE = _Cause(
    "outside-path-blocked",
    ("A5",),
    "the other nodes are answered, from outside nobody is",
    "look at the firewalls between here and the node, and at DOCKER-USER",
)
_TASKS = _Cause(
    "tasks-blocked-at-entry",
    ("A5",),
    "hosts are answered, tasks of no node are",
    "look at DOCKER-USER and FORWARD for rules against docker_gwbridge or the nodes' masqueraded tasks",
)
_ALL = _Cause(
    "entry-dead",
    ("A1", "A11", "A12", "B5", "B6", "B10"),
    "no vantage point is answered",
    "compare the port's DNAT rule, its mark and IPVS service in ingress_sbox with another node's",
)


@judge
def vantages_agree(
    vantages: Vantages, overlay: OverlayMesh | None = None, cluster: Cluster | None = None
) -> Verdict:
    """The published port answers every vantage point alike; ``::1`` is answered or refused, and never hangs.

    Engines below 29.8 accept on ``::1`` and say nothing, on every node (moby/moby#53091): that is told, and
    refutes only where nodes differ. A share of lost requests is the backends' matter: it is named here only
    where the overlay does not explain it; one that is lost now and then is counted.

    Args:
        vantages: requests from outside, from the nodes themselves, from each other, from tasks.
        overlay: what the pairs of nodes showed, to tell what is lost behind the balancer.
        cluster: tells the engine's version; without it no hanging is excused.
    """
    asked = [one for one in vantages.vantages if one.asked]
    if not asked:
        return unknown("nobody was asked", missing=dict(vantages.missing))
    hurt = _hurt(overlay)
    known = _known_hang(asked, cluster)
    parts = [part for entry in vantages.entries for part in _entry(vantages, entry, asked, hurt)]
    if known:
        parts += [_differs(vantages, one) for one in asked if one.kind == V6 and not _v6_known(one)]
    else:
        parts += [_hangs(vantages, one) for one in asked if one.kind == V6 and not _v6_fine(one)]
    parts += _from_tasks(vantages, asked)
    parts += [blind(f"{node}: no whole answer ({why})") for node, why in vantages.missing]
    kinds = sorted({one.kind for one in asked})
    requests = sum(one.asked for one in asked)
    lost = requests - sum(one.answered for one in asked if one.kind != V6)
    lost -= sum(one.asked for one in asked if one.kind == V6)
    v6 = sorted({outcome for one in asked if one.kind == V6 for outcome, _ in one.outcomes})
    return conclude(
        parts or [GOOD],
        f"port {vantages.port} of {count(len(vantages.entries), 'node')} answered alike from "
        f"{count(len(kinds), 'vantage point')} ({', '.join(kinds)}; {count(requests, 'request')}"
        + (f", {lost} of them lost" if lost else "")
        + (f"; ::1: {', '.join(v6)})" if v6 else ")")
        + (f"; on ::1 each accepts and hangs, as engines below 29.8 do ({known})" if known else ""),
        subject=Subject(service=vantages.service),
        witnesses=tuple(
            name for name, mine in (("outside", OUTSIDE in kinds), ("inside", kinds != [OUTSIDE])) if mine
        ),
        numbers={
            "requests": requests,
            "lost": lost,
            "entries": {entry: _numbers(asked, entry) for entry in vantages.entries},
            "missing": dict(vantages.missing),
        },
    )


def _numbers(asked: list[Vantage], entry: str) -> dict[str, dict[str, int]]:
    return {f"{one.kind} {one.source}".strip(): dict(one.outcomes) for one in asked if one.entry == entry}


def _hurt(overlay: OverlayMesh | None) -> frozenset[str]:
    """Nodes between whose tasks something does not get through."""
    pairs = overlay.pairs if overlay else ()
    lost = [pair for pair in pairs if pair.state not in {"open", "skipped"}]
    return frozenset({pair.source for pair in lost} | {pair.target for pair in lost})


def _entry(vantages: Vantages, entry: str, asked: list[Vantage], hurt: frozenset[str]) -> list[Part]:
    mine = [one for one in asked if one.entry == entry]
    v4 = [one for one in mine if one.kind != V6]
    if not v4:
        return [blind(f"{entry}: not asked from anywhere")]
    if not any(one.answered for one in v4):
        return [_bad(vantages, entry, _ALL, v4)]
    hosts = [one for one in v4 if one.kind != TASK]  # a task's way out of its own node is another matter
    parts = _dead(vantages, entry, hosts)
    partly = [one for one in v4 if one.answered and one.answered < one.asked]
    if entry not in hurt and _shares(partly, v4):
        parts.append(_share(vantages, entry, partly))
    return parts


def _shares(partly: list[Vantage], every: list[Vantage]) -> bool:
    """Whether an entry loses a share of its requests, rather than one now and then."""
    lost = sum(one.asked - one.answered for one in partly)
    odd = any(one.asked - one.answered >= max(_FEW, _HALF * one.asked) for one in partly)
    return odd or (len(partly) > 1 and lost >= max(_FEW, _SHARE * sum(one.asked for one in every)))


def _v6_fine(one: Vantage) -> bool:
    return {name for name, _ in one.outcomes} <= _V6_FINE


def _v6_known(one: Vantage) -> bool:
    return {name for name, _ in one.outcomes} == _V6_KNOWN


def _known_hang(asked: list[Vantage], cluster: Cluster | None) -> str:
    """The engine's version, if most nodes hang on ``::1`` as every engine of that age does."""
    version = cluster.engine if cluster else ""
    numbers = version.split(".")[:2]
    if len(numbers) < len(_V6_SINCE) or not all(word.isdigit() for word in numbers):
        return ""
    seen = [_v6_known(one) for one in asked if one.kind == V6]
    old = tuple(map(int, numbers)) < _V6_SINCE
    return version if old and sum(seen) > len(seen) / 2 else ""


def _dead(vantages: Vantages, entry: str, hosts: list[Vantage]) -> list[Part]:
    """The vantages that get no answer at all at an entry which answers others."""
    dead = [one for one in hosts if not one.answered]
    kinds = {one.kind for one in dead}
    well = {one.kind for one in hosts if one.answered}
    parts = []
    if dead and kinds >= {OUTSIDE, PEER} and not well & {OUTSIDE, PEER}:
        parts.append(_bad(vantages, entry, _REMOTE, [one for one in dead if one.kind in {OUTSIDE, PEER}]))
        kinds -= {OUTSIDE, PEER}
    if kinds >= {LOOPBACK, OWN}:
        parts.append(_bad(vantages, entry, _LOCAL, [one for one in dead if one.kind in {LOOPBACK, OWN}]))
        kinds -= {LOOPBACK, OWN}
    for kind, cause in ((LOOPBACK, _LOOP), (OWN, _OWN), (OUTSIDE, _OUTSIDE)):
        if kind in kinds:
            parts.append(_bad(vantages, entry, cause, [one for one in dead if one.kind == kind]))
    if PEER in kinds:
        parts += [_peer(vantages, one) for one in dead if one.kind == PEER]
    return parts


def _losses(dead: list[Vantage]) -> str:
    return listed([f"{one.kind}{' ' + one.source if one.kind in {PEER, TASK} else ''}: "
                   f"{tally(dict(one.outcomes))}" for one in dead], "; ")  # fmt: skip


def _bad(vantages: Vantages, entry: str, cause: _Cause, dead: list[Vantage]) -> Part:
    told = f"{entry}: {cause.told} ({_losses(dead)})"
    subject = Subject(entry, vantages.service, "vantage")
    return bad(told, Finding(cause.name, subject, told, cause.modes, f"on {entry}, {cause.remedy}"))


def _peer(vantages: Vantages, one: Vantage) -> Part:
    told = f"{one.source} -> {one.entry}: none of {count(one.asked, 'request')} answered ({_losses([one])})"
    subject = Subject(one.entry, vantages.service, f"{one.source} -> {one.entry}", address=one.source)
    remedy = f"look at rules on {one.entry} for the address of {one.source}, and at what lies between them"
    return bad(told, Finding("peer-path-blocked", subject, told, ("A5",), remedy))


def _share(vantages: Vantages, entry: str, partly: list[Vantage]) -> Part:
    lost, all_of = sum(one.asked - one.answered for one in partly), sum(one.asked for one in partly)
    told = f"{entry}: {lost} of {all_of} requests lost from {listed(sorted({one.kind for one in partly}))}"
    told += f" ({_losses(partly)}), though the overlay carries packets"
    subject = Subject(entry, vantages.service, "ingress")
    remedy = f"on {entry}, compare the real servers of the port's mark with the running tasks' addresses"
    return bad(told, Finding("requests-lost-at-entry", subject, told, ("B1", "B3", "B16"), remedy))


def _hangs(vantages: Vantages, one: Vantage) -> Part:
    told = f"{one.entry}: ::1 hangs ({tally(dict(one.outcomes))}); answered or refused expected"
    subject = Subject(one.entry, vantages.service, "vantage", address=V6)
    remedy = (
        "there is no IPv6 way into the mesh below engine 29.8, though dockerd listens: ask 127.0.0.1, or "
        "take ::1 from localhost in /etc/hosts"
    )
    return bad(told, Finding("ipv6-hangs", subject, told, ("A8",), remedy))


def _differs(vantages: Vantages, one: Vantage) -> Part:
    told = f"{one.entry}: ::1 gives {tally(dict(one.outcomes))}, where the other nodes accept and say nothing"
    subject = Subject(one.entry, vantages.service, "vantage", address=V6)
    remedy = (
        f"on {one.entry}, look at ip6tables (INPUT, OUTPUT), at lo, and whether dockerd listens on the port "
        "(ss -lnt)"
    )
    return bad(told, Finding("ipv6-differs", subject, told, ("A8",), remedy))


def _from_tasks(vantages: Vantages, asked: list[Vantage]) -> list[Part]:
    """Tasks that get no answer at entries which answer others: the way out of their own node."""
    tasks = [one for one in asked if one.kind == TASK]
    alive = {one.entry for one in asked if one.kind in {OUTSIDE, PEER} and one.answered}
    dead = [one for one in tasks if not one.answered and one.entry in alive]
    parts = []
    for entry in vantages.entries:
        mine = [one for one in tasks if one.entry == entry]
        if len(mine) > 1 and all(one in dead for one in mine):
            parts.append(_bad(vantages, entry, _TASKS, mine))
            dead = [one for one in dead if one.entry != entry]
    for source in dict.fromkeys(one.source for one in dead):
        mine = [one for one in dead if one.source == source]
        told = f"{source}: its tasks get no answer at {listed([one.entry for one in mine])} ({_losses(mine)})"
        subject = Subject(source, vantages.service, "vantage")
        remedy = f"on {source}, look at docker_gwbridge, its MASQUERADE rule, and FORWARD between its tasks"
        parts.append(bad(told, Finding("task-path-broken", subject, told, ("A5", "A12"), remedy)))
    return parts


__all__ = ["vantages_agree"]
