"""What suites ask of the kernels where no answer says who gave it: what each balancer has counted."""

from __future__ import annotations

from harness.evidence import Balancers, Counted, CountedServer
from harness.inside import balancers, parse
from harness.inside.job import Job, JobSwarm
from harness.inside.runner import run_job

_NAMESPACE = "ingress_sbox"


def count(swarm: JobSwarm, image: str) -> tuple[Counted, Balancers]:
    """Read the counters of every node's ingress balancer, and its tables; journals both.

    Args:
        swarm: whose nodes are asked.
        image: the job's image; it must hold ``ipvsadm``.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    job = run_job(swarm, Job("counters", image, {}, bound=10.0))
    marks = balancers.marks(job)
    ports = {
        (node, mark): int(key)
        for node, namespace, kind, key, mark in marks
        if namespace == _NAMESPACE and kind == "port"
    }
    servers = [
        CountedServer(answer.node, ports[answer.node, mark], address, connections, to, back)
        for answer in job.whole
        for mark, address, connections, to, back in parse.rows(answer, "counted", (int, str, int, int, int))
        if (answer.node, mark) in ports and parse.is_address(address)
    ]
    missing = (*job.missing, *job.skipped, *parse.troubles(job.answers, "counters"))
    counted = Counted(swarm.journal.new_id("counted"), job.ended, tuple(servers), missing)
    read = Balancers(
        id=swarm.journal.new_id("balancers"),
        at=job.ended,
        servers=balancers.servers(job),
        marks=marks,
        missing=balancers.unread_tables(job),
    )
    return swarm.journal.keep(counted), swarm.journal.keep(read)
