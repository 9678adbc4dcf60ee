"""What suites ask of the inside: look at the nodes' own side of the mesh, ask from tasks on the overlay."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from harness.evidence import Balancers, Link, Names, PortMatrix, Traffic
from harness.inside import balancers, parse, ways
from harness.inside.job import Job, JobSwarm, expected, hostnames
from harness.inside.parse import JobAnswers
from harness.inside.runner import run_job
from harness.inside.together import together
from harness.model import Attachment, Network, Node, Path, Replica, Role


class Asked(Protocol):
    """The part of :class:`harness.swarm.ServiceHandle` that is needed of the service that is asked."""

    @property
    def id(self) -> str:
        """Id of the service."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def port(self) -> int:
        """Its published port."""

    def replicas(self) -> tuple[Replica, ...]:
        """Its running replicas."""


@dataclasses.dataclass(frozen=True)
class Ask:
    """How a service is asked.

    Attributes:
        requests: fresh requests from each node.
        expect: what whoami's ``Name:`` line must say; empty accepts any answer that names a replica.
        target_port: TCP port at which its tasks listen.
        timeout: seconds after which a request counts as lost.
        image: the job's image.
    """

    requests: int
    expect: str
    image: str
    target_port: int = 80
    timeout: float = 2.0


@dataclasses.dataclass(frozen=True)
class HostLook:
    """What the nodes' own side showed.

    Attributes:
        matrix: the swarm's own ports between all nodes.
        balancers: IPVS tables and marks of every node.
        traffic: requests to 127.0.0.1 and the published port, on every node that takes tasks.
        kernels: (hostname, kernel release).
        skipped: (hostname, reason) of nodes on which no job runs.
    """

    matrix: PortMatrix
    balancers: Balancers
    traffic: Traffic
    kernels: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class OverlayLook:
    """What tasks on the service's overlay network saw.

    Attributes:
        names: the service's name and ``tasks.`` name, on every node that takes tasks.
        traffic: requests to the VIP.
        mesh: UDP and TCP between the job's own tasks (port 0), by their own overlay addresses.
        balancers: the tables of that network's load balancer, read right after the requests: on a node
            without a task of the service it exists only while the job runs.
    """

    names: Names
    traffic: Traffic
    mesh: PortMatrix
    balancers: Balancers
    skipped: tuple[tuple[str, str], ...]


def look(swarm: JobSwarm, service: Asked, how: Ask) -> HostLook:
    """Look at every node's own side of the mesh, while ``service`` is published; journals the evidence.

    Raises:
        RequestError: the engine refuses a job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    job = _host_job(swarm, service, how)
    return _keep_host(swarm, service, job, _keep_balancers(swarm, job), ())


def ask(swarm: JobSwarm, service: Asked, network: Network, how: Ask) -> OverlayLook:
    """Ask ``service`` from a task on every node of ``network``; journals the evidence.

    Raises:
        RequestError: the engine refuses a job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    job = _overlay_job(swarm, service, network, how)
    return _keep_overlay(swarm, service, network, job, _keep_balancers(swarm, job))


def both(
    swarm: JobSwarm, service: Asked, network: Network, how: Ask, *, stop: threading.Event | None = None
) -> tuple[HostLook, OverlayLook]:
    """:func:`look` and :func:`ask` side by side, which takes little longer than one of them.

    An echo over the overlay also proves the data path between two nodes where the host job heard nothing, and
    both looks carry the same balancers: those of the nodes, and of the network's load balancer on every node.

    Raises:
        RequestError: the engine refuses a job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    host_job, overlay_job = together(
        lambda over: _host_job(swarm, service, how, over),
        lambda over: _overlay_job(swarm, service, network, how, over),
        stop=stop,
    )
    tables = _keep_balancers(swarm, host_job, overlay_job)
    seen = _keep_overlay(swarm, service, network, overlay_job, tables)
    return _keep_host(swarm, service, host_job, tables, seen.mesh.links), seen


def _listen(nodes: int) -> float:
    """Seconds within which gossip has probed every pair: each node probes another one every second."""
    return 4.0 + 2.0 * nodes


def _bound(nodes: int, how: Ask) -> float:
    """Seconds a script may take; a request takes some 20 ms, a dead backend costs a timeout now and then."""
    return _listen(nodes) + 4.0 + 0.1 * how.requests + 6 * how.timeout


def _host_job(swarm: JobSwarm, service: Asked, how: Ask, stop: threading.Event | None = None) -> JobAnswers:
    nodes = [node for node in swarm.nodes() if node.ready]
    ingress = [network.id for network in swarm.engine.networks() if network.ingress]
    args: Mapping[str, Any] = {
        "peers": [
            [node.hostname, node.address, node.role is Role.MANAGER, node.takes_tasks] for node in nodes
        ],
        "data_port": swarm.engine.info().data_path_port,
        "ingress": ingress[0] if ingress else "",
        "requests": [[service.port, how.requests, how.expect]],
        "timeout": how.timeout,
        "listen": _listen(len(nodes)),
    }
    return run_job(swarm, Job("host", how.image, args, bound=_bound(len(nodes), how)), stop)


def _overlay_job(
    swarm: JobSwarm, service: Asked, network: Network, how: Ask, stop: threading.Event | None = None
) -> JobAnswers:
    nodes, _ = expected(swarm.nodes())
    args: Mapping[str, Any] = {
        "service": service.name,
        "port": how.target_port,
        "requests": how.requests,
        "expect": how.expect,
        "replicas": len(service.replicas()),
        "nodes": len(nodes),
        "network": network.id,
        "timeout": how.timeout,
        "listen": _listen(len(nodes)),
    }
    bound = _bound(len(nodes), how)
    return run_job(swarm, Job("overlay", how.image, args, networks=(network.id,), bound=bound), stop)


def _keep_host(
    swarm: JobSwarm, service: Asked, job: JobAnswers, tables: Balancers, overlay: tuple[Link, ...]
) -> HostLook:
    journal = swarm.journal
    nodes = [node for node in swarm.nodes() if node.ready]
    port = swarm.engine.info().data_path_port
    links = ways.links(job, _managers(nodes), hostnames(nodes), port)
    unsure = [*parse.troubles(job.answers, "ports"), *parse.troubles(job.answers, "udp")]
    matrix = PortMatrix(
        id=journal.new_id("portmatrix"),
        at=job.ended,
        links=ways.with_mesh(links, overlay, port),
        missing=(*job.missing, *unsure),
        began=job.began,
    )
    traffic = _traffic(swarm, service, job, Path.LOCALHOST)
    return HostLook(journal.keep(matrix), tables, traffic, parse.kernels(job), job.skipped)


def _keep_overlay(
    swarm: JobSwarm, service: Asked, network: Network, job: JobAnswers, tables: Balancers
) -> OverlayLook:
    journal = swarm.journal
    names = Names(
        id=journal.new_id("names"),
        service=service.name,
        at=job.ended,
        answers=parse.names(job),
        vips=_vips(swarm, service, network),
        missing=job.missing,
    )
    asked, _ = expected(swarm.nodes())
    mesh = PortMatrix(
        journal.new_id("portmatrix"),
        job.ended,
        ways.mesh(job, hostnames(asked)),
        missing=job.missing,
        began=job.began,
    )
    traffic = _traffic(swarm, service, job, Path.VIP)
    return OverlayLook(journal.keep(names), traffic, journal.keep(mesh), tables, job.skipped)


def _keep_balancers(swarm: JobSwarm, *jobs: JobAnswers) -> Balancers:
    """What jobs read of the nodes' tables; of what several read, the last one's word counts."""
    servers = {(one.node, one.namespace, one.mark): one for job in jobs for one in balancers.servers(job)}
    return swarm.journal.keep(
        Balancers(
            id=swarm.journal.new_id("balancers"),
            at=max(job.ended for job in jobs),
            servers=tuple(servers[key] for key in sorted(servers)),
            marks=tuple(sorted({mark for job in jobs for mark in balancers.marks(job)})),
            missing=tuple(dict.fromkeys(gap for job in jobs for gap in balancers.unread_tables(job))),
        )
    )


def _traffic(swarm: JobSwarm, service: Asked, job: JobAnswers, path: Path) -> Traffic:
    samples = parse.samples(job, path)
    entries = {answer.node for answer in job.answers} | {node for node, _ in job.missing}
    traffic = Traffic(
        id=swarm.journal.new_id("traffic"),
        service=service.name,
        path=path,
        entries=tuple(sorted(entries)),
        began=min((sample.planned for sample in samples), default=job.began),
        ended=max((sample.ended for sample in samples), default=job.ended),
        samples=samples,
    )
    swarm.journal.samples(traffic.id, samples)
    return swarm.journal.keep(traffic)


def _vips(swarm: JobSwarm, service: Asked, network: Network) -> tuple[Attachment, ...]:
    """The service's VIP on this network: other networks have VIPs of their own."""
    found = [one for one in swarm.engine.services() if one.id == service.id]
    vips = found[0].vips if found else ()
    return tuple(vip for vip in vips if vip.network in {network.id, network.name})


def _managers(nodes: list[Node]) -> tuple[str, ...]:
    return tuple(node.hostname for node in nodes if node.role is Role.MANAGER)
