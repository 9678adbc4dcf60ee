"""Taking the evidence of an audit: the manager's word, every kernel, the manager's word again."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Iterator, Sequence

from harness.evidence import KernelLook, Truth
from harness.inside import kernel
from harness.inside.allowed import Inspection
from harness.inside.job import JobSwarm
from harness.judge.verdict import Verdict
from harness.mesh import explain
from harness.mesh.audit_inspected import GOSSIP_PORT, MANAGER_PORT
from harness.mesh.findings import Audit
from harness.mesh.symptoms import RECENT, TEXTS
from harness.mesh.verdict import Held, held, tables_agree
from harness.swarm import truth


@dataclasses.dataclass(frozen=True)
class Taken:
    """What was read: the look, and the manager's word right before and right after it."""

    look: KernelLook
    before: Truth
    after: Truth

    def judged(self, services: Sequence[str] = ()) -> Verdict:
        """Whether the kernels hold what the manager says; of all services, or of those named."""
        return tables_agree(self.look, self.before, self.after, services=list(services))

    @functools.cached_property
    def _held(self) -> Held:
        return held(self.look, self.before, self.after)

    def audit(self) -> Audit:
        """All findings, and the table of services and nodes."""
        return self._held.audit

    def walks(self, service: str) -> Iterator[tuple[str, tuple[explain.Step, ...]]]:
        """A packet's way to a service on every node that could be read."""
        for node in sorted(self._held.scene.kernels):
            yield node, explain.walk(service, node, self._held.scene, self._held.audit)


def inspection(truth: Truth) -> Inspection:
    """What nodes are asked for of a swarm where ``node-inspect`` is allowed."""
    networks = tuple(one.id for one in truth.networks if one.driver == "overlay" and one.scope == "swarm")
    swarm = (("tcp", GOSSIP_PORT), ("udp", GOSSIP_PORT), ("tcp", MANAGER_PORT))
    ports = {(port.protocol, port.published) for service in truth.services for port in service.ports}
    return Inspection(networks, (*swarm, *sorted(ports - set(swarm))), TEXTS, RECENT)


def take(swarm: JobSwarm, image: str, *, inspect: bool = False, stop: threading.Event | None = None) -> Taken:
    """Read everything; all of it is in the journal.

    Args:
        swarm: whose nodes are asked.
        image: of the job that reads on every node.
        inspect: whether ``node-inspect`` is allowed: ask each node's engine and processes, too.
        stop: set by another thread, it ends the job early.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
        Interrupted: ``stop`` was set.
    """
    before = truth.read(swarm.engine, swarm.journal)
    encrypted = any(network.encrypted for network in before.networks)
    asked = inspection(before) if inspect else None
    look = kernel.look(swarm, image, encrypted=encrypted, inspect=asked, stop=stop)
    return Taken(look, before, truth.read(swarm.engine, swarm.journal))
