"""The words for proxies: HAProxy and nginx, inside the swarm over tasks and in front of its nodes."""

from __future__ import annotations

import contextlib
import dataclasses
import ssl
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast, get_args

import pytest

from harness import shell
from harness.clock import Deadline
from harness.errors import RequestError
from harness.evidence import Fault, SecuredVisits, Talks, Traffic, Visits
from harness.faults.compute import PowerOff
from harness.faults.protocol import injected
from harness.lab.protocol import Lab
from harness.probe import sampler, secure, websocket
from harness.probe.target import Target
from harness.probe.visiting import Client
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle
from harness.workloads import echo, proxies, whoami
from harness.workloads.proxies import Backends, Kind, Place

_TASKS = 4  # of the service behind the proxies that balance over tasks
_PERIODS = 4  # rounds over the backends that are asked
_CLIENTS = 16  # with a cookie each: that all choose one of three backends, one run in 10 million has
_VISITS = 4  # of each
_SECURED = 3  # requests by TLS through each node, in each protocol
_WORDS = ("one", "two", "three")
_SILENCE = 1.5  # seconds between two messages: longer than a proxy waits for an answer
_SETTLE = 20.0  # seconds for a proxy to find all its backends
_RATE = 5.0  # requests/s through each proxy and entry node
_WARM = 40  # requests through each before the fault
_AFTER = 12.0  # seconds of traffic after the checks' time


@dataclasses.dataclass(frozen=True)
class Proxy:
    """A proxy under way.

    Attributes:
        service: it; ``behind``: the service that it balances.
        backends: addresses and ports as its answers name them.
    """

    service: ServiceHandle
    behind: ServiceHandle
    kind: Kind
    place: Place
    backends: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Proxies:
    """All of them by their names in the suite, and what they have in common.

    Attributes:
        home: hostname of the node that they run on; ``lost``: of the one that may be lost.
        trust: the certificate of those that end TLS.
    """

    of: dict[str, Proxy]
    home: str
    lost: str
    trust: str


def certificate(addresses: tuple[str, ...]) -> tuple[bytes, str]:
    """A certificate for these addresses that signs itself: with its key as one file, and alone.

    Raises:
        Unmeasurable: ``openssl`` is not there.
        CommandError: it failed.
    """
    names = ",".join(f"IP:{address}" for address in addresses)
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        words += ["-days", "2", "-subj", "/CN=swarm-harness proxy", "-addext", f"subjectAltName={names}"]
        shell.run([*words, "-keyout", "key.pem", "-out", "cert.pem"], cwd=Path(folder), bound=30.0)
        cert, key = (Path(folder, one).read_text() for one in ("cert.pem", "key.pem"))
    return (cert + key).encode(), cert


@pytest.fixture(scope="session")
def proxies_up(stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...]) -> Iterator[Proxies]:
    """Two services and two proxies before each, on the first node; the last one takes no proxy with it."""
    if len(entries) < 2:  # noqa: PLR2004  one is lost
        raise RequestError("no node can be lost behind a proxy on one node", remedy="use a lab with workers")
    home, lost = entries[0], entries[-1]
    with contextlib.ExitStack() as undo, stage.steps("deploy services for proxies"):
        inside = undo.enter_context(swarm.deploy(works.behind_tasks()))
        # what is lost is a node that the proxies ask, not a task: that the mesh needs time for
        undo.enter_context(swarm.config(echo.name(stage.run), echo.SCRIPT))
        talker = undo.enter_context(swarm.deploy(works.echo()))
        front = undo.enter_context(swarm.deploy(works.behind_nodes(unlike=lost)))
        works.bring_up(inside, front, talker)
        works.settle(front, entries)
        pem, trust = certificate(tuple(swarm.addresses().values()))
        found = {}
        for kind in get_args(Kind):
            found[f"{kind}-inside"] = _deploy(undo, stage, swarm, works, inside, (kind, "inside"), home, pem)
            found[f"{kind}-front"] = _deploy(undo, stage, swarm, works, front, (kind, "front"), home, pem)
        works.bring_up(*(proxy.service for proxy in found.values()))
        for proxy in found.values():
            _settle(stage, works, proxy, entries)
        later = undo.pop_all()
    with later:
        yield Proxies(found, home, lost, trust)


def _deploy(
    undo: contextlib.ExitStack,
    stage: Stage,
    swarm: Swarm,
    works: Workloads,
    behind: ServiceHandle,
    which: tuple[str, str],
    home: str,
    pem: bytes,
) -> Proxy:
    kind, place = cast("Kind", which[0]), cast("Place", which[1])
    if place == "inside":
        port, known = whoami.TARGET, behind.name
        addresses = tuple(
            link.address
            for one in behind.replicas()
            for link in one.addresses
            if link.network == works.network.id
        )
    else:
        port, known = behind.port, ""
        addresses = tuple(swarm.addresses().values())
    backends = Backends(port, known, _TASKS if known else 0, () if known else addresses)
    talker = f"{echo.name(stage.run)}:{echo.PORT}" if place == "inside" else ""
    text, name = (
        proxies.configuration(kind, backends, tls=place == "inside", talker=talker),
        proxies.name(stage.run, kind, place),
    )
    if place == "inside":
        undo.enter_context(swarm.secret(name, pem))
    undo.enter_context(swarm.config(name, text))
    service = undo.enter_context(swarm.deploy(works.proxy(kind, place, backends, node=home)))
    return Proxy(service, behind, kind, place, tuple(f"{one}:{port}" for one in addresses))


def _targets(works: Workloads, proxy: Proxy, entries: tuple[str, ...], resource: str = "/") -> list[Target]:
    return [
        dataclasses.replace(one, expect_name=works.identity, resource=resource)
        for one in works.targets(proxy.service, entries)
    ]


def _settle(stage: Stage, works: Workloads, proxy: Proxy, entries: tuple[str, ...]) -> None:
    """Ask until it has sent somebody to every backend, or the time is up; judged by nobody."""
    clock, seen = stage.journal.clock, set[str]()
    deadline = Deadline.after(_SETTLE, clock)
    target = _targets(works, proxy, entries[:1])[0]
    while not deadline.passed and not seen >= set(proxy.backends):
        seen.add(Client(0, header=proxies.HEADER).visit(target).backend)
        clock.sleep(0.05)


@pytest.fixture
def proxy(request: pytest.FixtureRequest, proxies_up: Proxies) -> Proxy:
    """The proxy of this name."""
    return proxies_up.of[request.param]


@pytest.fixture
def visited(stage: Stage, works: Workloads, entries: tuple[str, ...]) -> Callable[..., Visits]:
    """``visited(proxy)``: one client after the other; ``sticky=True``: some that return their cookies."""

    def go(proxy: Proxy, *, sticky: bool = False) -> Visits:
        journal = stage.journal
        targets = _targets(works, proxy, entries, proxies.STICKY if sticky else "/")
        timeout = stage.settings.limits.request_timeout
        n = _PERIODS * len(proxy.backends)
        clients = [
            Client(one, header=proxies.HEADER, timeout=timeout) for one in range(_CLIENTS if sticky else n)
        ]
        # each returns at once: after a round of all of them a proxy that takes turns would be where it was
        turns = [client for client in clients for _ in range(_VISITS if sticky else 1)]
        with stage.steps(f"visit {stage.short(proxy.service.name)}{' with cookies' if sticky else ''}"):
            began = journal.clock.now()
            # and through another node: the proxy must know it again all the same
            visits = tuple(client.visit(targets[n % len(targets)]) for n, client in enumerate(turns))
        return journal.keep(
            Visits(
                journal.new_id("visits"),
                proxy.service.name,
                proxy.place,
                began,
                journal.clock.now(),
                proxy.backends,
                visits,
                sticky,
            )
        )

    return go


@pytest.fixture
def secured(
    stage: Stage, works: Workloads, entries: tuple[str, ...], proxies_up: Proxies
) -> Callable[[Proxy], SecuredVisits]:
    """``secured(proxy)``: by TLS through every node, in HTTP/1.1 and in HTTP/2."""

    def go(proxy: Proxy) -> SecuredVisits:
        journal, port = stage.journal, proxy.service.spec.ports[1].published
        context = ssl.create_default_context(cadata=proxies_up.trust)
        with stage.steps(f"visit {stage.short(proxy.service.name)} by TLS"):
            visits = tuple(
                secure.ask(dataclasses.replace(target, port=port), context, protocol)
                for target in _targets(works, proxy, entries)
                for protocol in ("http/1.1", "h2")
                for _ in range(_SECURED)
            )
        return journal.keep(SecuredVisits(journal.new_id("secured"), proxy.service.name, entries, visits))

    return go


@pytest.fixture
def talked(stage: Stage, works: Workloads, entries: tuple[str, ...]) -> Callable[[Proxy], Talks]:
    """``talked(proxy)``: a conversation by WebSocket through every node, with silences in it."""

    def go(proxy: Proxy) -> Talks:
        journal, targets = stage.journal, _targets(works, proxy, entries, echo.PATH)
        with (
            stage.steps(f"talk through {stage.short(proxy.service.name)}"),
            ThreadPoolExecutor(len(targets)) as pool,
        ):
            talks = tuple(pool.map(lambda one: websocket.talk(one, _WORDS, pause=_SILENCE), targets))
        return journal.keep(Talks(journal.new_id("talks"), proxy.service.name, entries, talks))

    return go


@pytest.fixture(scope="session")
def lost_behind(
    stage: Stage,
    lab: Lab,
    works: Workloads,
    entries: tuple[str, ...],
    proxies_up: Proxies,
    gate: Callable[[ServiceHandle], Callable[[str], None]],
) -> Callable[[Proxy], tuple[Traffic, Fault]]:
    """``lost_behind(proxy)``: steady requests through it while a node lost its power; one loss for all."""
    played: list[tuple[dict[str, Traffic], Fault]] = []
    survivors = tuple(entry for entry in entries if entry != proxies_up.lost)
    clock = stage.journal.clock

    def play() -> tuple[dict[str, Traffic], Fault]:
        every = proxies_up.of
        behind = every["haproxy-inside"].behind
        with contextlib.ExitStack() as under, stage.steps(f"power off {proxies_up.lost} behind proxies"):
            steadies = {
                name: under.enter_context(
                    sampler.steady(
                        _targets(works, one, survivors),
                        _RATE,
                        journal=stage.journal,
                        timeout=stage.settings.limits.request_timeout,
                    )
                )
                for name, one in every.items()
            }
            list(steadies.values())[-1].wait_each(_WARM, within=30)  # the others began before it
            loss = under.enter_context(
                injected(PowerOff(lab, proxies_up.lost), stage.journal, gate=gate(behind))
            )
            until = Deadline.after(proxies.CHECK + _AFTER, clock)
            while not until.passed:
                clock.sleep(0.2)
            for steady in steadies.values():
                steady.stop()
        return {name: steady.traffic for name, steady in steadies.items()}, loss.fault

    def of(proxy: Proxy) -> tuple[Traffic, Fault]:
        if not played:
            played.append(play())
        traffics, fault = played[0]
        return traffics[f"{proxy.kind}-{proxy.place}"], fault

    return of


__all__ = ["lost_behind", "proxies_up", "proxy", "secured", "talked", "visited"]
