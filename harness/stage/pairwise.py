"""The words for what is asked pair by pair: overlay, payloads, vantage points; names as they change."""

from __future__ import annotations

import dataclasses

import pytest

from harness import lab as labs
from harness.evidence import NameWatch, OverlayMesh, Trails, WayOut
from harness.inside import capturing, fresh, leaving, pairs, silence, witness
from harness.inside.pairs import MESH, SIZES, VANTAGES, PairLook
from harness.stage import workloads
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import only
from harness.swarm.service import ServiceHandle

_LOW, _MORE = 1, 2  # tasks of the service whose name is followed, and how many come and go
_PARTS = {"overlay.mesh": MESH, "overlay.sizes": SIZES, "reach.vantages": VANTAGES}


@pytest.fixture(scope="session")
def pair_look(
    stage: Stage, swarm: Swarm, works: Workloads, whoami: ServiceHandle, entries: tuple[str, ...]
) -> PairLook:
    """Everything that is asked of whoami pair by pair, side by side, as far as a selected check needs it."""
    how = witness.Ask(
        requests=stage.settings.replicas,  # one turn of round robin from each vantage point
        expect=works.identity,
        image=stage.settings.images.job,
        timeout=stage.settings.limits.request_timeout,
    )
    parts = frozenset(part for check, part in _PARTS.items() if check in stage.selected)
    asked = [(entry, swarm.address(entry)) for entry in entries]
    with stage.steps("ask pair by pair"):
        return pairs.look(swarm, whoami, works.network, how, asked, parts)


@dataclasses.dataclass(frozen=True)
class _Scaling:
    """Scales a service of ours up and down again."""

    swarm: Swarm
    service: ServiceHandle
    low: int
    high: int

    def up(self) -> float:
        """More tasks; when the manager showed all of them running."""
        self.service.scale(self.high)
        return self.swarm.wait(self.service.running(), workloads.START, f"{self.service.name} grows").at

    def down(self) -> float:
        """As many as before; when the manager showed the others to have ended."""
        self.service.scale(self.low)
        return self.swarm.wait(
            only(self.service, self.low), workloads.START, f"{self.service.name} shrinks"
        ).at


@pytest.fixture(scope="session")
def name_watch(stage: Stage, swarm: Swarm, works: Workloads) -> NameWatch:
    """``tasks.<name>`` of a service of its own, asked on every node while it is scaled up and down."""
    with stage.steps("names while they change"), swarm.deploy(works.changing(_LOW)) as service:
        works.bring_up(service)
        scaling = _Scaling(swarm, service, _LOW, _LOW + _MORE)
        image = stage.settings.images.job
        return fresh.follow(swarm, service, works.network, image, scaling, more=_MORE)


@pytest.fixture(scope="session")
def way_out(stage: Stage, swarm: Swarm, works: Workloads) -> WayOut:
    """From a task on every node to this machine, which is outside."""
    with stage.steps("from tasks to a host outside"):
        return leaving.leave(swarm, works.network, stage.settings.images.job)


@pytest.fixture(scope="session")
def captured(
    stage: Stage, swarm: Swarm, works: Workloads, whoami: ServiceHandle, entries: tuple[str, ...]
) -> Trails:
    """Packets of requests to whoami through every node, captured in every namespace of every node."""
    with stage.steps("capture packets"):
        each = len(whoami.replicas())  # one turn of round robin
        return capturing.capture(swarm, stage.settings.images.job, works.targets(whoami, entries), each)


@pytest.fixture(scope="session")
def after_silence(stage: Stage, swarm: Swarm, works: Workloads, whoami: ServiceHandle) -> OverlayMesh:
    """Silence on every pair of nodes until what was learned is forgotten; then a packet from each."""
    lab = labs.find() if stage.request.target == "lab" else None
    with stage.steps("silence on every pair, then a first packet"):
        return silence.first_packets(swarm, whoami, works.network, stage.settings.images.job, lab)
