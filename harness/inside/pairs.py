"""What suites ask pair by pair: the overlay without a balancer, payload sizes, and vantage points."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import Interrupted
from harness.evidence import OverlayMesh, PayloadSizes, Vantages
from harness.inside import outside, told
from harness.inside.job import Job, JobSwarm, expected
from harness.inside.outside import Entry
from harness.inside.parse import JobAnswers, troubles
from harness.inside.runner import run_job as run
from harness.inside.witness import Ask, Asked
from harness.model import Network

MESH, SIZES, VANTAGES = "mesh", "sizes", "vantages"
# Bytes: small, around what a segment holds on an overlay of MTU 1450 and less, many segments, much.
STEPS = (1, 600, 1000, 1200, 1250, 1300, 1350, 1400, 1450, 1500, 8192, 1 << 20)
PATIENCE = 6.0  # seconds for a task or peer to answer; one that answers at all does so at once


@dataclasses.dataclass(frozen=True)
class PairLook:
    """What was seen pair by pair; what was not asked for holds nothing."""

    mesh: OverlayMesh
    sizes: PayloadSizes
    vantages: Vantages


def look(
    swarm: JobSwarm,
    service: Asked,
    network: Network,
    how: Ask,
    entries: Sequence[Entry],
    parts: frozenset[str],
) -> PairLook:
    """Ask ``service`` pair by pair, all jobs side by side; journals the evidence.

    Args:
        swarm: where the jobs run.
        service: its tasks answer as whoami does.
        network: overlay network that it shares with the job.
        how: its ``requests`` are those from each vantage point.
        entries: (hostname, address) of the nodes whose published port is asked.
        parts: of ``MESH``, ``SIZES`` and ``VANTAGES``.

    Raises:
        RequestError: the engine refuses a job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    asked = addresses(service, network)
    port = service.port
    wanted = {part: entries if part in parts else () for part in (SIZES, VANTAGES)}
    steps = STEPS if SIZES in parts else ()
    tasks, host, through, seen = together(
        lambda stop: _pairs_job(
            swarm, asked, network, how, stop, port=port, steps=steps, entries=wanted[VANTAGES]
        ),
        lambda stop: _host_job(swarm, how, stop, port=port, entries=wanted[VANTAGES]),
        lambda _: outside.payloads(wanted[SIZES], port, steps, len(asked), how),
        lambda _: outside.vantages(wanted[VANTAGES], port, how),
    )
    journal = swarm.journal
    hosts = tuple(entry for entry, _ in entries)
    common = {"service": service.name, "at": swarm.clock.now(), "skipped": tasks.skipped}
    nodes = tuple(answer.node for answer in tasks.answers)
    mesh = OverlayMesh(
        id=journal.new_id("overlaymesh"),
        network=network.name,
        nodes=nodes,
        pairs=(*told.pairs(tasks, asked), *told.peers(tasks)),
        ways=told.ways(tasks),
        missing=_gaps(tasks, "mesh", "icmp", "requests"),
        **common,
    )
    sizes = PayloadSizes(
        id=journal.new_id("payloadsizes"),
        nodes=nodes,
        tries=(*told.size_tries(tasks, asked), *through),
        missing=_gaps(tasks, "sizes"),
        **common,
    )
    vantages = Vantages(
        id=journal.new_id("vantages"),
        port=port,
        entries=hosts,
        vantages=(*seen, *told.vantages(host, hosts), *told.vantages(tasks, hosts)),
        missing=(*_gaps(host, ""), *_gaps(tasks, "vantages")),
        **common,
    )
    return PairLook(journal.keep(mesh), journal.keep(sizes), journal.keep(vantages))


def together(*works: Callable[[threading.Event], Any]) -> list[Any]:
    """Run works side by side; the failure of one ends the others, and comes out.

    Raises:
        HarnessError: that of the work which failed.
    """
    stop = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(max(1, len(works)), thread_name_prefix="inside") as pool:
        running = [pool.submit(work, stop) for work in works]
        try:
            concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_EXCEPTION)
        finally:
            stop.set()  # Ctrl-C, or one of them failed: the others clean up and end
        failed = [error for job in running if (error := job.exception())]
        if failed:
            raise min(failed, key=lambda error: isinstance(error, Interrupted))
        return [job.result() for job in running]


def addresses(service: Asked, network: Network) -> tuple[told.Asked, ...]:
    """The overlay address of each of the service's tasks, by slot and node."""
    return tuple(
        (place.address, replica)
        for replica in service.replicas()
        for place in replica.addresses
        if place.network in {network.id, network.name}
    )


def one_each(asked: Sequence[told.Asked]) -> tuple[str, ...]:
    """The first task's address on every node: an MTU is a matter of nodes, not of tasks."""
    found: dict[str, str] = {}
    for address, replica in asked:
        found.setdefault(replica.node, address)
    return tuple(found.values())


def _pairs_job(
    swarm: JobSwarm,
    asked: Sequence[told.Asked],
    network: Network,
    how: Ask,
    stop: threading.Event,
    *,
    port: int,
    steps: Sequence[int],
    entries: Sequence[Entry],
) -> JobAnswers:
    nodes, _ = expected(swarm.nodes())
    args: Mapping[str, Any] = {
        "nodes": len(nodes),
        "tasks": [[address, replica.node] for address, replica in asked],
        "port": how.target_port,
        "expect": how.expect,
        "patience": PATIENCE,
        "sizes": list(steps),
        "sized": one_each(asked),
        "entries": [list(entry) for entry in entries],
        "published": port,
        "requests": how.requests,
        "timeout": how.timeout,
    }
    # a ladder that fails costs two tries of two sizes, after those that passed
    bound = 2 * PATIENCE + 6 * how.timeout + 4.0
    return run(swarm, Job("pairs", how.image, args, networks=(network.id,), bound=bound), stop)


def _host_job(
    swarm: JobSwarm, how: Ask, stop: threading.Event, *, port: int, entries: Sequence[Entry]
) -> JobAnswers:
    if not entries:
        return JobAnswers((), (), swarm.clock.now(), swarm.clock.now())
    args: Mapping[str, Any] = {
        "entries": [list(entry) for entry in entries],
        "port": port,
        "requests": how.requests,
        "expect": how.expect,
        "timeout": how.timeout,
    }
    return run(swarm, Job("vantages", how.image, args, bound=6 * how.timeout + 4.0), stop)


def _gaps(job: JobAnswers, *abouts: str) -> tuple[tuple[str, str], ...]:
    """(hostname, reason) of what is not whole: answers that did not come, parts that were not done."""
    found = [*job.missing, *(gap for about in abouts for gap in troubles(job.answers, about))]
    return tuple(dict.fromkeys(found))
