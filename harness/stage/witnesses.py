"""More words that suites speak: what is seen from inside, and all that is asked from outside."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

import pytest

from harness.config import Limits
from harness.errors import Unmeasurable
from harness.evidence import Balancers, Load, PortClosure, Roster, Traffic
from harness.inside import witness
from harness.inside.witness import HostLook, OverlayLook
from harness.load import runner as locust
from harness.mesh import taking
from harness.mesh.taking import Taken
from harness.model import Path
from harness.probe import sampler
from harness.stage import chances
from harness.stage.asking import Asking
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle

# --- looking ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Looks:
    """What was seen from inside: the nodes' own side, tasks on the overlay network, the kernels."""

    host: HostLook
    overlay: OverlayLook
    kernels: Taken


@pytest.fixture(scope="session")
def requests_each(stage: Stage, entries: tuple[str, ...]) -> int:
    """Requests per entry node that suffice for every judge of spread where round robin was read."""
    return chances.requests(stage.settings.limits, stage.settings.replicas, len(entries))


@pytest.fixture(scope="session")
def looks(
    stage: Stage, swarm: Swarm, works: Workloads, whoami: ServiceHandle, roster: Roster, requests_each: int
) -> Looks:
    """Both inside witnesses side by side, then the kernels; through the VIP as long as its judge needs."""
    how = witness.Ask(
        requests=requests_each,
        expect=works.identity,
        image=stage.settings.images.job,
        timeout=stage.settings.limits.request_timeout,
    )
    with stage.steps("look from inside"):
        host, overlay = witness.both(swarm, whoami, works.network, how)
    with stage.steps("look at the kernels"):  # afterwards: its work on the nodes would slow what they ask
        held = taking.take(swarm, how.image)

    def again(requests: int) -> OverlayLook:
        with stage.steps(f"no round robin was read: ask the VIP {requests} times from each node"):
            return witness.ask(swarm, whoami, works.network, dataclasses.replace(how, requests=requests))

    overlay = chances.longer(stage.settings.limits, overlay, roster, again)
    swarm.cluster(dict(host.kernels))
    stage.pause("look")
    return Looks(host, overlay, held)


@pytest.fixture(scope="session")
def host_look(looks: Looks) -> HostLook:
    """What the nodes' own side showed: ports, tables, the localhost path."""
    return looks.host


@pytest.fixture(scope="session")
def overlay_look(looks: Looks) -> OverlayLook:
    """What tasks on the overlay network saw: names, the VIP, one another."""
    return looks.overlay


@pytest.fixture(scope="session")
def kernels(looks: Looks) -> Taken:
    """What the kernels held, and the manager's word around it."""
    return looks.kernels


@pytest.fixture(scope="session")
def look_again(stage: Stage, swarm: Swarm) -> Callable[[], Taken]:
    """``look_again()``: read every node's kernel tables once more."""
    return lambda: taking.take(swarm, stage.settings.images.job)


# --- asking -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def asking(
    stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...], requests_each: int
) -> Asking:
    """All the ways to ask from outside."""
    return Asking(stage, swarm, works, entries, requests_each)


@pytest.fixture(scope="session")
def burst(asking: Asking) -> Callable[..., Traffic]:
    """``burst(service)``: fresh connections through every node."""
    return asking.burst


@pytest.fixture(scope="session")
def kept(asking: Asking) -> Callable[[ServiceHandle], Traffic]:
    """``kept(service)``: connections that are kept."""
    return asking.kept


@pytest.fixture(scope="session")
def steady(asking: Asking) -> Callable[..., contextlib.AbstractContextManager[sampler.Steady]]:
    """``with steady(service) as traffic``: fresh connections at a steady rate, in the background."""
    return asking.steady


@pytest.fixture(scope="session")
def removal(asking: Asking) -> Callable[[ServiceHandle], PortClosure]:
    """``removal(service)``: remove it and see its port close."""
    return asking.removal


@pytest.fixture(scope="session")
def ingress(
    limits: Limits,
    host_look: HostLook,
    asking: Asking,
    whoami: ServiceHandle,
    roster: Roster,
    entries: tuple[str, ...],
) -> Traffic:
    """Traffic to whoami's published port, after the inside looked: one asker at a time moves a round robin.

    Where no round robin was read, it goes on until the judge of random choice could tell.
    """
    most, enough = chances.watches(limits, entries, roster, host_look.balancers)
    return asking.burst(whoami, most, enough=enough)


@pytest.fixture(scope="session")
def roster_then(
    stage: Stage, whoami: ServiceHandle, roster: Roster, ingress: Traffic, overlay_look: OverlayLook
) -> Roster:
    """whoami's replicas as deployed, and those that ran once they had been asked on every way."""
    del ingress, overlay_look  # they are over
    try:
        return whoami.roster(since=roster)
    except Unmeasurable as error:  # what was seen is judged all the same, over what ran before
        stage.journal.write("note", text=f"whether replicas were replaced meanwhile is not known: {error}")
        return roster


@pytest.fixture(scope="session")
def traffic_by(ingress: Traffic, overlay_look: OverlayLook) -> Callable[[Path], Traffic]:
    """``traffic_by(path)``: the traffic that took this path."""
    return {Path.INGRESS: ingress, Path.VIP: overlay_look.traffic}.__getitem__


@pytest.fixture(scope="session")
def tables_by(host_look: HostLook, overlay_look: OverlayLook) -> Callable[[Path], Balancers]:
    """``tables_by(path)``: the IPVS tables that this path goes through, as they were read in this run."""
    return {Path.INGRESS: host_look.balancers, Path.VIP: overlay_look.balancers}.__getitem__


# --- load -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def load(stage: Stage, asking: Asking, works: Workloads) -> Callable[..., Load]:
    """``load(service, kept_alive=...)``: a Locust run over all node addresses."""
    limits = stage.settings.limits

    def run(service: ServiceHandle, *, kept_alive: bool) -> Load:
        with stage.steps(f"load, {'kept' if kept_alive else 'fresh'} connections"):
            return locust.run(
                asking.targets(service),
                journal=stage.journal,
                service=service.name,
                kept_alive=kept_alive,
                users=limits.load_users,
                seconds=limits.load_seconds,
                requests=limits.load_requests,
                expect_name=works.identity,
            )

    return run


@pytest.fixture(scope="session")
def thresholds(limits: Limits) -> dict[str, float]:
    """What decides about a load run, from ``[limits]``."""
    return {
        "seconds": limits.load_seconds,
        "requests": limits.load_requests,
        "rate": limits.load_rate,
        "failures": limits.load_failures,
        "p99": limits.load_p99,
    }
