"""Local volumes: they belong to their node, so a task that moves finds another one."""

from __future__ import annotations

from harness.evidence import Roster, Traffic
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, witness

_LEAST = 10  # answers needed on each node


@judge
def another_volume(traffic: Traffic, rosters: tuple[Roster, ...], *, least: int = _LEAST) -> Verdict:
    """The counter starts anew on the other node, and goes on where it was when its Redis is back.

    Args:
        traffic: steady requests to flask-redis all the time; every answer tells the count.
        rosters: of Redis, before it left, when it had arrived, before it returned, when it had returned.
        least: answers that are needed of each of the three times.
    """
    leaving, arrived, returning, returned = rosters
    service = leaving.service
    places = [[replica.node for replica in roster.replicas] for roster in rosters]
    if [len(one) for one in places] != [1, 1, 1, 1]:
        return unknown(f"{service} did not run exactly one task: {places}")
    (home,), (away,), (still,), (back,) = places
    if home == away or away != still or back != home:
        return unknown(f"{service} did not move and return: it ran on {home}, {away}, {still}, {back}")
    spans = {
        "before": (traffic.began, leaving.at),
        "away": (arrived.at, returning.at),
        "after": (returned.at, traffic.ended),
    }
    told = {name: _counts(traffic, *span) for name, span in spans.items()}
    sent = sum(leaving.at <= one.planned < returning.at for one in traffic.samples)
    few = [
        blind(f"{name}: {count(len(seen), 'answer')}, {least} needed")
        for name, seen in told.items()
        if len(seen) < least
    ]
    parts = few or [*_anew(service, home, away, told, sent), *_again(service, home, told)]
    numbers = {
        "home": home,
        "away": away,
        "sent_away": sent,
        "counts": {name: [min(seen), max(seen)] for name, seen in told.items() if seen},
    }
    good = ""
    if not few:
        good = (
            f"{service} left {home} at {max(told['before'])}, began at {min(told['away'])} on {away}, "
            f"and went on at {min(told['after'])} back on {home}"
        )
    return conclude(
        parts or [GOOD],
        good,
        subject=Subject(service=service),
        witnesses=(witness(traffic.path),),
        numbers=numbers,
    )


def _counts(traffic: Traffic, began: float, ended: float) -> list[int]:
    within = (one for one in traffic.samples if one.ok and began <= one.began and one.ended <= ended)
    return [one.counter for one in within if one.counter is not None]


def _anew(service: str, home: str, away: str, told: dict[str, list[int]], sent: int) -> list[Part]:
    last, first = max(told["before"]), min(told["away"])
    if first <= last:
        strange = blind(f"on {away} {service} found a count of {first}, which is nobody's of this run")
        return [strange] if first > sent else []
    if first <= sent:
        return [blind(f"{first} on {away} after {last} may be {count(sent, 'request')} on a new volume")]
    sentence = f"on {away} {service} found what it wrote on {home}: {first} after {last}"
    finding = Finding(
        "volume-not-local",
        Subject(node=away, service=service),
        sentence,
        (),
        "which driver has the volume (docker volume inspect)? A local one would be empty on another node",
    )
    return [bad(sentence, finding)]


def _again(service: str, home: str, told: dict[str, list[int]]) -> list[Part]:
    last, first = max(told["before"]), min(told["after"])
    if first > last:
        return []
    sentence = f"back on {home} {service} counts from {first}, after {last} when it left"
    finding = Finding(
        "data-lost",
        Subject(node=home, service=service),
        sentence,
        (),
        f"docker volume ls on {home}: was the volume removed, or made anew, while no task used it?",
    )
    return [bad(sentence, finding)]


__all__ = ["another_volume"]
