"""All the ways to ask a service of the run from outside."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from harness.evidence import PortClosure, Traffic
from harness.probe import sampler
from harness.probe.target import Target
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle


class Asking:
    """Traffic from outside to a service's published port, through every entry node or some of them."""

    def __init__(
        self, stage: Stage, swarm: Swarm, works: Workloads, entries: tuple[str, ...], requests: int
    ) -> None:
        self._stage, self._swarm, self._works = stage, swarm, works
        self._entries, self._requests = entries, requests
        self._timeout = stage.settings.limits.request_timeout

    def targets(self, service: ServiceHandle, through: tuple[str, ...] = ()) -> list[Target]:
        """The service's published port on the entry nodes."""
        return self._works.targets(service, through or self._entries)

    def burst(
        self,
        service: ServiceHandle,
        requests: int = 0,
        through: tuple[str, ...] = (),
        enough: Mapping[str, sampler.Enough] | None = None,
    ) -> Traffic:
        """Fresh connections, one after the other per entry node, until ``enough`` says so of it."""
        with self._stage.steps(f"ask {self._stage.short(service.name)}"):
            return sampler.burst(
                self.targets(service, through),
                requests or self._requests,
                journal=self._stage.journal,
                timeout=self._timeout,
                enough=enough,
            )

    def kept(self, service: ServiceHandle) -> Traffic:
        """Connections that are kept, ten requests on each."""
        return sampler.kept(self.targets(service), 6, 10, journal=self._stage.journal, timeout=self._timeout)

    def steady(
        self, service: ServiceHandle, through: tuple[str, ...] = (), rate: float = 0.0
    ) -> contextlib.AbstractContextManager[sampler.Steady]:
        """Fresh connections at a steady rate, in the background, for a ``with`` block."""
        return sampler.steady(
            self.targets(service, through),
            rate or self._stage.settings.limits.steady_rate,
            journal=self._stage.journal,
            timeout=self._timeout,
        )

    def settle(self, service: ServiceHandle, through: tuple[str, ...] = ()) -> None:
        """Ask until these nodes have reached every replica, or the time is up; judged by nobody."""
        self._works.settle(service, through or self._entries)

    def removal(self, service: ServiceHandle) -> PortClosure:
        """Remove the service while knocking at its port on every node."""
        within = self._stage.settings.limits.closed_within
        with (
            self._stage.steps(f"remove {self._stage.short(service.name)}"),
            sampler.closing(self.targets(service), journal=self._stage.journal) as knocking,
        ):
            return knocking.closure(service.remove(), within=within)
