"""The words for the VIP: asked by the service's own tasks, and by connections that say nothing for long."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import Idling, OwnVips, Roster
from harness.inside import vip
from harness.inside.witness import Ask
from harness.lab.protocol import Lab
from harness.stage import chances
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle


@dataclasses.dataclass(frozen=True)
class OwnLook:
    """What the service's tasks got from its VIP, and which they were."""

    seen: OwnVips
    roster: Roster


@pytest.fixture(scope="session")
def own_vip(stage: Stage, swarm: Swarm, works: Workloads, whoami: ServiceHandle) -> OwnLook:
    """whoami's VIP from each of its own tasks."""
    limits, before = stage.settings.limits, whoami.roster()
    how = Ask(
        requests=chances.to_see_all(limits, len(before.replicas), len(before.replicas)),
        expect=works.identity,
        image=stage.settings.images.job,
        timeout=limits.request_timeout,
    )
    with stage.steps("ask the VIP from the service's own tasks"):
        seen = vip.from_own_tasks(swarm, whoami, works.network, how)
    return OwnLook(seen, whoami.roster(since=before))


@pytest.fixture(scope="session")
def idling(stage: Stage, swarm: Swarm, lab: Lab, works: Workloads, whoami: ServiceHandle) -> Idling:
    """Silent connections through whoami's VIP, while balancers forget them soon."""
    with stage.steps("stay silent on connections through the VIP"):
        return vip.stay_silent(swarm, lab, whoami, works.network, stage.settings.images.job)
