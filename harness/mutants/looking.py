"""What the witnesses of the black box say of a planted fault: those outside, and those inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from harness.evidence import Balancers, Roster, Traffic
from harness.inside import pairs, silence, witness
from harness.inside.witness import Ask
from harness.judge import covered, even, tasks_resolve, vip_resolves
from harness.judge.overlay import first_packets
from harness.judge.vantage import vantages_agree
from harness.judge.verdict import State, Verdict, worst
from harness.model import Sample
from harness.mutants.ground import Ground
from harness.mutants.mutant import INSIDE, OUTSIDE
from harness.probe import sampler
from harness.workloads import whoami

_REQUESTS = 60  # to each node: enough for the judge of random choice to see a missing, dead or heavy replica
_TIMEOUT = 1.5  # seconds; healthy requests were seen to take 0.9 s on busy machines
_ENOUGH = 2  # lost requests of one node: what is known of it will not change
_FEW = 3  # requests from each vantage point
_LARGE = "/" + "m" * 2900  # more than one packet there, and as much back: whoami repeats the request line


def ask(ground: Ground, roster: Roster, how: str) -> dict[str, Verdict]:
    """Ask the way the mutant wants it; the worst verdict of each black-box witness."""
    found: dict[str, list[Verdict]] = {}
    for word in how.split():
        witness_of, asking = _ASKED[word]
        found.setdefault(witness_of, []).extend(asking(ground, roster))
    return {name: max(every, key=lambda one: _ORDER.index(one.state)) for name, every in found.items()}


def refuted(verdict: Verdict | None) -> bool:
    """Whether a witness saw it."""
    return verdict is not None and worst([verdict.state]) is State.REFUTED


def _plain(ground: Ground, roster: Roster) -> list[Verdict]:
    return _judged(_burst(ground, "/"), roster)


def _large(ground: Ground, roster: Roster) -> list[Verdict]:
    return _judged(_burst(ground, _LARGE), roster)


def _burst(ground: Ground, resource: str) -> Traffic:
    targets = ground.targets(resource)
    return sampler.burst(
        targets,
        _REQUESTS,
        journal=ground.swarm.journal,
        timeout=_TIMEOUT,
        give_up_after=_ENOUGH,
        enough={target.entry: _sated() for target in targets},
    )


def _vip(ground: Ground, roster: Roster) -> list[Verdict]:
    look = witness.ask(ground.swarm, ground.web, ground.network, _how(ground))
    verdicts = _judged(look.traffic, roster, look.balancers)
    return [*verdicts, vip_resolves(look.names), tasks_resolve(look.names, roster, network=ground.network.id)]


def _secret(ground: Ground, roster: Roster) -> list[Verdict]:
    """The other service, over an encrypted network."""
    del roster
    look = witness.ask(ground.swarm, ground.api, ground.secret, _how(ground))
    return _judged(look.traffic, ground.api.roster(), look.balancers)


def _quiet(ground: Ground, roster: Roster) -> list[Verdict]:
    """Every task at its own address, after a silence in which all that was learned is forgotten."""
    del roster
    image = ground.settings.images.job
    return [first_packets(silence.first_packets(ground.swarm, ground.web, ground.network, image, ground.lab))]


def _vantages(ground: Ground, roster: Roster) -> list[Verdict]:
    """The published port from every vantage point, ::1 among them."""
    del roster
    return [vantages(ground)]


def vantages(ground: Ground) -> Verdict:
    """What the published port answers to every vantage point; the rest of the pairs is not looked at."""
    how = dataclasses.replace(_how(ground), requests=_FEW)
    entries = [(target.entry, target.host) for target in ground.targets()]
    look = pairs.look(ground.swarm, ground.web, ground.network, how, entries, frozenset({pairs.VANTAGES}))
    return vantages_agree(look.vantages, None, ground.swarm.cluster())


def _localhost(ground: Ground, roster: Roster) -> list[Verdict]:
    return _judged(witness.look(ground.swarm, ground.web, _how(ground)).traffic, roster)


def _how(ground: Ground) -> Ask:
    return Ask(
        30,  # the judge needs 25 to tell whether one of three replicas is missing
        whoami.identity(ground.swarm.run),
        ground.settings.images.job,
        target_port=whoami.TARGET,
        timeout=_TIMEOUT,
    )


def _judged(traffic: Traffic, roster: Roster, tables: Balancers | None = None) -> list[Verdict]:
    return [covered(traffic, roster, tables), even(traffic, roster, tables)]


def _sated() -> Callable[[Sample], bool]:
    lost = 0

    def count(sample: Sample) -> bool:
        nonlocal lost
        lost += not sample.ok
        return lost >= _ENOUGH

    return count


_ORDER = (State.UPHELD, State.UNKNOWN, State.REFUTED)
_ASKED: dict[str, tuple[str, Callable[[Ground, Roster], list[Verdict]]]] = {
    "plain": (OUTSIDE, _plain),
    "large": (OUTSIDE, _large),
    "vip": (INSIDE, _vip),
    "secret": (INSIDE, _secret),
    "localhost": (INSIDE, _localhost),
    "quiet": (INSIDE, _quiet),
    "vantages": (INSIDE, _vantages),
}
