"""Asking services that somebody else wrote: judged by what they answer, or by what the kernels count."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence

from harness.errors import RequestError
from harness.evidence import Balancers, Counted, Roster, Traffic
from harness.inside import counting
from harness.model import Outcome, Port, Service, Task
from harness.probe import sampler
from harness.probe.contract import AnyApplication, Contract, Pattern
from harness.probe.target import Target
from harness.stage import chances
from harness.stage.session import Stage
from harness.swarm import stack as stacks
from harness.swarm.cluster import Swarm
from harness.swarm.service import RunningService

_HOST = "host"
_LEARN = 2  # turns over the replicas in which is learned who answers, and how
_SHORT = 12  # characters of a container's id that are its hostname


@dataclasses.dataclass(frozen=True)
class Way:
    """A published TCP port.

    Attributes:
        entries: hostnames of the nodes that must answer on it: all, or of a host port those with a task.
    """

    service: RunningService
    port: Port
    entries: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Whether the mesh stands between an entry node and the tasks."""
        return self.port.mode != _HOST


@dataclasses.dataclass(frozen=True)
class Asked:
    """What came of asking, ready to be judged.

    Attributes:
        heard: per port that speaks HTTP: the traffic; ``speaking``: these ports.
        named: per port whose answers say who gave them: traffic, roster, tables.
        untold: per host port that speaks no HTTP: its traffic, of which no balancer tells.
        mute: per balanced port that speaks no HTTP: traffic, counters before and after, roster, port.
        counted: per port whose answers do not say who gave them: the same; ``turns``: and the tables.
    """

    heard: tuple[tuple[Traffic], ...]
    speaking: tuple[Way, ...]
    untold: tuple[tuple[Traffic], ...]
    named: tuple[tuple[Traffic, Roster, Balancers], ...]
    mute: tuple[tuple[Traffic, Counted, Counted, Roster, int], ...]
    counted: tuple[tuple[Traffic, Counted, Counted, Roster, int], ...]
    turns: tuple[tuple[Traffic, Counted, Counted, Roster, int, Balancers], ...]


@dataclasses.dataclass(frozen=True)
class _Learned:
    """How a port is asked.

    Attributes:
        http: whether it speaks HTTP; ``named``: whether every answer named a task.
    """

    way: Way
    contract: Contract
    http: bool
    named: bool


def ways(swarm: Swarm, services: Sequence[Service], entries: tuple[str, ...]) -> tuple[Way, ...]:
    """Each published TCP port of these services."""
    found = []
    for one in services:
        if one.replicas == 0:
            continue  # nobody is meant to answer
        service = swarm.attach(one)
        hosts = tuple(sorted({replica.node for replica in service.replicas()} & set(entries)))
        found += [
            Way(service, port, hosts if port.mode == _HOST else entries)
            for port in one.ports
            if port.protocol == "tcp" and port.published and not one.mode.endswith("-job")
        ]
    return tuple(found)


def targets(swarm: Swarm, way: Way, contract: Contract | None = None, path: str = "/") -> list[Target]:
    """The port on each of its entry nodes."""
    return [
        Target(
            entry, swarm.address(entry), way.port.published,
            service=way.service.name, resource=path, contract=contract or AnyApplication(),
        )
        for entry in way.entries
    ]  # fmt: skip


def steady(stage: Stage, swarm: Swarm, way: Way) -> contextlib.AbstractContextManager[sampler.Steady]:
    """Steady requests to the port, for a ``with`` block; any answer counts."""
    stack = stage.settings.stack
    asked = targets(swarm, way, path=stack.path)
    timeout = stage.settings.limits.request_timeout
    return sampler.steady(asked, stack.rate, journal=stage.journal, timeout=timeout)


def ask(stage: Stage, swarm: Swarm, ways: Sequence[Way]) -> Asked:
    """Ask each port through each of its entry nodes, the balancers' counters read before and after.

    Raises:
        RequestError: a pattern of ``--identity`` is none, or for a service that is not there.
        Unmeasurable: this machine cannot ask.
    """
    told = patterns(stage, ways)
    if not ways:
        return Asked((), (), (), (), (), (), ())
    limits, image = stage.settings.limits, stage.settings.images.job
    learned = [_learn(stage, swarm, way, told.get(way.service.name)) for way in ways if way.entries]
    before, tables = counting.count(swarm, image)
    seen: list[tuple[_Learned, Traffic, Roster]] = []
    for one in learned:
        roster = one.way.service.roster()
        if one.named and one.way.balanced:
            requests, enough = chances.watches(limits, one.way.entries, roster, tables)
        else:
            requests = chances.requests(limits, max(1, len(roster.replicas)), len(one.way.entries))
            enough = {}
        traffic = sampler.burst(
            targets(swarm, one.way, one.contract, stage.settings.stack.path),
            requests,
            journal=stage.journal,
            timeout=limits.request_timeout,
            enough=enough,
            knock=not one.http,
        )
        seen.append((one, traffic, one.way.service.roster(since=roster)))
    after, tables_after = counting.count(swarm, image)
    balanced = [one for one in seen if one[0].way.balanced]
    counts = [(one, traffic, roster) for one, traffic, roster in balanced if not one.named]
    return Asked(
        heard=tuple((traffic,) for one, traffic, _ in seen if one.http),
        speaking=tuple(one.way for one, _, _ in seen if one.http),
        untold=tuple((t,) for one, t, _ in seen if not one.http and not one.way.balanced),
        named=tuple((traffic, roster, tables) for one, traffic, roster in balanced if one.named),
        mute=tuple((t, before, after, r, one.way.port.published) for one, t, r in counts if not one.http),
        counted=tuple((t, before, after, r, one.way.port.published) for one, t, r in counts),
        turns=tuple((t, before, after, r, one.way.port.published, tables_after) for one, t, r in counts),
    )


def patterns(stage: Stage, ways: Sequence[Way]) -> dict[str, Pattern]:
    """By the service's name: where it says who it is.

    Raises:
        RequestError: a pattern is none, or for a service that has no published port.
    """
    short = {_short(stage, way.service.name): way.service.name for way in ways}
    told = list(stage.settings.stack.identity.items())
    for text in stage.request.identity:
        name, equals, rest = text.partition("=")
        plain = name.partition(":")[0] in {"header", "body", "tcp"}
        told += [(one, text) for one in short] if plain or not equals else [(name, rest)]
    found = {}
    for name, text in told:
        known = short.get(name, name)
        if known not in short.values():
            remedy = f"with a published port there are {', '.join(sorted(short)) or 'none'}"
            raise RequestError(f"--identity names {name}, which is no service", remedy=remedy)
        found[known] = Pattern.read(text)
    return found


def _short(stage: Stage, service: str) -> str:
    """A service as its compose file calls it."""
    file = stage.request.stack
    return service if file is None else service.removeprefix(f"{stacks.name_of(stage.run, file)}_")


def _learn(stage: Stage, swarm: Swarm, way: Way, pattern: Pattern | None) -> _Learned:
    """Ask a few times: does it speak HTTP, and do its answers name tasks?"""
    names = _names(way.service.tasks())
    replicas = max(1, len(set(names.values())))
    if pattern is not None and not pattern.http:
        return _Learned(way, AnyApplication(), http=False, named=False)
    contract = AnyApplication(pattern, names)
    traffic = sampler.burst(
        targets(swarm, way, contract, stage.settings.stack.path),
        _LEARN * replicas,
        journal=stage.journal,
        timeout=stage.settings.limits.request_timeout,
        give_up_after=2,
    )
    http = pattern is not None or _speaks_http(traffic)
    said = {one.replica for one in traffic.samples if one.ok}
    tasks = set(names.values())
    if pattern is not None and said and not said & tasks and len(said) == len(tasks):
        # names of its own, one per replica: which is whose does not matter to how they share
        own = dict(zip(sorted(said), sorted(tasks), strict=True))
        return _Learned(way, AnyApplication(pattern, own), http=True, named=True)
    if pattern is not None and said and not said & tasks:
        note = f"{way.service.name} gives {len(said)} names for {len(tasks)} replicas: judged by count"
        stage.journal.write("note", text=note)
        return _Learned(way, contract, http=True, named=False)
    return _Learned(way, contract, http, named=http and bool(said) and "" not in said)


def _speaks_http(traffic: Traffic) -> bool:
    """Whether anything that it answered was HTTP; of a port that took no connection, yes: HTTP will tell."""
    silent = {Outcome.RESET, Outcome.SHORT_BODY}  # what says nothing at all may as well hang
    outcomes = {one.outcome for one in traffic.samples}
    other = any(one.detail.startswith("no HTTP") for one in traffic.samples)
    return not other and not (outcomes and outcomes <= silent)


def _names(tasks: Sequence[Task]) -> Mapping[str, str]:
    """What a running task may call itself -> its id."""
    found: dict[str, str] = {}
    for task in tasks:
        if task.running:
            words = (task.id, task.container, task.container[:_SHORT])
            found |= {word: task.id for word in words if word}
    return found
