"""What suites ask of a VIP: from the service's own tasks, and by connections that say nothing for long."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from harness.evidence import Idling, OwnVip, OwnVips, Quiet
from harness.inside import parse
from harness.inside.frames import NodeAnswer
from harness.inside.job import Job, JobSwarm, expected
from harness.inside.pairs import addresses
from harness.inside.runner import run_job
from harness.inside.witness import Ask, Asked
from harness.lab import idling
from harness.lab.protocol import Lab
from harness.model import Network, Outcome

SHORT = 4  # seconds of the timeout on a lab; servers' own keep-alive comes every 15 s
_TIMES = 3  # connections of each kind, from each node
_SETTLE = 8.0  # seconds for a node that joins with the job to be told of the VIP
_PATIENCE = 20.0  # seconds for the timeout to be shortened everywhere
_OUTCOMES = frozenset(map(str, Outcome))
_MOST = 1_000_000  # a number beyond it is garbage


def from_own_tasks(swarm: JobSwarm, service: Asked, network: Network, how: Ask) -> OwnVips:
    """Ask the VIP of ``service`` from its own tasks, on all nodes; journals the evidence.

    Args:
        swarm: where the job runs.
        service: its tasks answer as whoami does.
        network: overlay network on which its VIP is.
        how: its ``requests`` are those from each task.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    asked = addresses(service, network)
    args: Mapping[str, Any] = {
        "service": service.name,
        "tasks": [[replica.task, address] for address, replica in asked],
        "requests": how.requests,
        "expect": how.expect,
        "timeout": how.timeout,
    }
    most = max(Counter(replica.node for _, replica in asked).values(), default=1)
    bound = 6.0 + most * (4.0 + 0.06 * how.requests)
    job = run_job(swarm, Job("own", how.image, args, bound=bound))
    vips = [vip for one in swarm.engine.services() if one.id == service.id for vip in one.vips]
    return swarm.journal.keep(
        OwnVips(
            id=swarm.journal.new_id("ownvips"),
            at=job.ended,
            service=service.name,
            vips=tuple(vip.address for vip in vips if vip.network in {network.id, network.name}),
            tasks=tuple(
                _own(answer, replica.task)
                for answer in job.whole
                for _, replica in asked
                if replica.node == answer.node
            ),
            missing=(*job.missing, *parse.troubles(job.answers)),
            skipped=job.skipped,
        )
    )


def _own(answer: NodeAnswer, task: str) -> OwnVip:
    def counted(kind: str) -> tuple[tuple[str, int], ...]:
        rows = parse.rows(answer, kind, (str, str, int))
        return tuple((parse.text(what), n) for of, what, n in rows if of == task and 0 < n < _MOST)

    names = [address for of, address in parse.rows(answer, "names", (str, str)) if of == task]
    outcomes = tuple(one for one in counted("outcomes") if one[0] in _OUTCOMES)
    return OwnVip(answer.node, task, tuple(filter(parse.is_address, names)), outcomes, counted("replicas"))


def stay_silent(swarm: JobSwarm, lab: Lab, service: Asked, network: Network, image: str) -> Idling:
    """Silence on connections through the VIP, on a lab whose balancers forget them soon; journals it.

    It is the balancer's namespace on the client's node that counts (``lb_`` and the network's id): it holds
    the connection, tasks' own namespaces have had none since engine 19.03.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer, or the timeout cannot be set.
    """
    nodes, _ = expected(swarm.nodes())
    args: Mapping[str, Any] = {
        "service": service.name,
        "network": network.id,
        "wanted": SHORT,
        "times": _TIMES,
        "patience": _PATIENCE,
        "timeout": 2.0,
        "settle": _SETTLE,
    }
    with contextlib.ExitStack() as undo:

        def shorten() -> None:
            hosts = [node.hostname for node in nodes]
            undo.enter_context(idling.forgetful(lab, hosts, network.id, SHORT))

        bound = _SETTLE + _PATIENCE + 3 * SHORT + 15.0
        job = run_job(swarm, Job("idle", image, args, networks=(network.id,), bound=bound), ready=shorten)
    whole = [answer for answer in job.whole if not answer.of("trouble")]
    return swarm.journal.keep(
        Idling(
            id=swarm.journal.new_id("idling"),
            at=job.ended,
            service=service.name,
            wanted=SHORT,
            timeouts=tuple(
                (answer.node, record["before"], record["during"])
                for answer in whole
                for record in answer.of("timeouts")
                if all(isinstance(record.get(key), int) for key in ("before", "during"))
            ),
            quiet=tuple(one for answer in whole for one in _quiet(answer)),
            missing=(*job.missing, *parse.troubles(job.answers)),
            skipped=job.skipped,
        )
    )


def _quiet(answer: NodeAnswer) -> list[Quiet]:
    counts: dict[str, Counter[str]] = {}
    seconds: dict[str, float] = {}
    for kind, silence, outcome in parse.rows(answer, "quiet", (str, float, str)):
        if outcome in _OUTCOMES:
            counts.setdefault(kind, Counter())[outcome] += 1
            seconds[kind] = max(silence, seconds.get(kind, 0.0))
    return [
        Quiet(answer.node, parse.text(kind), seconds[kind], tuple(sorted(told.items())))
        for kind, told in counts.items()
    ]
