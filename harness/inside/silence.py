"""What suites ask after a silence: does the first packet of every pair still arrive?"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from harness.evidence import OverlayMesh
from harness.inside import told
from harness.inside.job import Job, JobSwarm, expected
from harness.inside.pairs import addresses
from harness.inside.parse import troubles
from harness.inside.runner import run_job as run
from harness.inside.witness import Asked
from harness.lab import ageing
from harness.lab.protocol import Lab
from harness.model import Network

AGEING = 300.0  # seconds after which vxlan forgets what it learned, unless it was set
SHORT = 2.0  # seconds that a lab of ours sets for the length of the job
# Seconds between two looks of vxlan at what has aged: an entry learned in between may live as long
# (FDB_AGE_INTERVAL, drivers/net/vxlan/vxlan_core.c).
_SWEEP = 10.0
_MARGIN = 2.0  # seconds by which a silence outlasts the ageing


def first_packets(
    swarm: JobSwarm, service: Asked, network: Network, image: str, lab: Lab | None
) -> OverlayMesh:
    """Stay silent on every pair of nodes, then send a first packet from each side in turn; journals it.

    On a lab the ageing is shortened for the length of the job, and all takes about half a minute; elsewhere
    nothing is changed, and it takes more than ten minutes.

    Args:
        swarm: whose nodes take part.
        service: its tasks are asked at their own addresses as well.
        network: overlay network that it shares with the job.
        image: the job's image.
        lab: the lab that the swarm runs on, if it is one of ours.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer, or the ageing could not be shortened.
    """
    nodes, _ = expected(swarm.nodes())
    hosts = [node.hostname for node in nodes]
    asked = addresses(service, network)
    silence = max(SHORT if lab else AGEING, _SWEEP) + _MARGIN
    args: Mapping[str, Any] = {
        "nodes": len(nodes),
        "silence": silence,
        "tasks": [[address, replica.node] for address, replica in asked],
    }
    now = AGEING
    with contextlib.ExitStack() as undo:

        def shorten() -> None:
            nonlocal now
            if lab is not None:
                undo.enter_context(ageing.shortened(lab, hosts, network.id, SHORT))
                now = SHORT

        spec = Job("quiet", image, args, networks=(network.id,), bound=2 * silence + 30.0)
        job = run(swarm, spec, ready=shorten)
    own = told.peers(job)
    others = [
        pair for pair in told.pairs(job, asked) if pair.protocol == "icmp" and pair.source != pair.target
    ]
    return swarm.journal.keep(
        OverlayMesh(
            id=swarm.journal.new_id("overlaymesh"),
            service=service.name,
            network=network.name,
            at=job.ended,
            nodes=tuple(answer.node for answer in job.answers),
            pairs=(*others, *own),
            ways=told.ways(job),
            silence=silence,
            ageing=now,
            missing=tuple(dict.fromkeys((*job.missing, *troubles(job.answers)))),
            skipped=job.skipped,
        )
    )
