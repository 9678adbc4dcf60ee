"""Names while they change: every node asks for ``tasks.<name>`` while the service is scaled up and down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from harness.evidence import NameWatch
from harness.inside import told
from harness.inside.job import Job, JobSwarm
from harness.inside.runner import run_job
from harness.inside.witness import Asked
from harness.model import Network, Replica

EVERY = 0.05  # seconds between questions
CALM = 0.7  # seconds after the last change until a node stops to ask
BOUND = 40.0  # seconds for a script: two scalings, and names that never come


class Scaling(Protocol):
    """Scales the service that is asked for, and waits until the manager shows that it is done."""

    def up(self) -> float:
        """More tasks; when the manager showed all of them running (seconds, monotonic)."""

    def down(self) -> float:
        """Back to as many as before; when the manager showed the others to have ended."""


@dataclasses.dataclass
class _Change:
    """The scaling as it happened: replicas before, at the peak and after, and when the peak was reached."""

    service: Asked
    scaling: Scaling
    before: tuple[Replica, ...] = ()
    peak: tuple[Replica, ...] = ()
    after: tuple[Replica, ...] = ()
    grown: float = 0.0

    def run(self) -> None:
        """Up and down again."""
        self.grown = self.scaling.up()
        self.peak = self.service.replicas()
        self.scaling.down()
        self.after = self.service.replicas()


def follow(
    swarm: JobSwarm, service: Asked, network: Network, image: str, scaling: Scaling, *, more: int
) -> NameWatch:
    """Follow the name of ``service`` on every node while it is scaled; journals the evidence.

    Args:
        swarm: where the job runs.
        service: whose tasks come and go.
        network: overlay network that it shares with the job.
        image: the job's image.
        scaling: what is done once every node has seen the name as it is.
        more: tasks at the peak, beyond those before.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
        WaitTimeout: the service did not scale in time.
    """
    change = _Change(service, scaling, before=service.replicas())
    args: Mapping[str, Any] = {
        "name": f"tasks.{service.name}",
        "port": 80,
        "before": len(change.before),
        "peak": len(change.before) + more,
        "every": EVERY,
        "calm": CALM,
    }
    job = run_job(swarm, Job("fresh", image, args, networks=(network.id,), bound=BOUND), ready=change.run)
    places = {network.id, network.name}
    before, peak, after = (_addresses(of, places) for of in (change.before, change.peak, change.after))
    return swarm.journal.keep(
        NameWatch(
            id=swarm.journal.new_id("namewatch"),
            service=service.name,
            at=job.ended,
            every=EVERY,
            spans=told.spans(job),
            views=told.views(job),
            stayed=tuple(sorted(before & peak & after)),
            joined=tuple((address, change.grown) for address in sorted(peak - before)),
            left=tuple(sorted((before | peak) - after)),
            hosts=tuple(sorted(_hosts((*change.before, *change.peak, *change.after), places).items())),
            missing=job.missing,
            skipped=job.skipped,
        )
    )


def _addresses(replicas: tuple[Replica, ...], networks: set[str]) -> set[str]:
    return set(_hosts(replicas, networks))


def _hosts(replicas: tuple[Replica, ...], networks: set[str]) -> dict[str, str]:
    return {p.address: one.node for one in replicas for p in one.addresses if p.network in networks}
