"""traefik/whoami: the replica that says who it is, on a published port and behind a VIP."""

from __future__ import annotations

import dataclasses

from harness.engine.spec import ConfigFile, ServiceSpec
from harness.model import Port
from harness.workloads import healthcheck

PORT = 8080  # published
TARGET = 80  # where its tasks listen


def name(run: str) -> str:
    """The service's name in this run."""
    return f"h-{run}-whoami"


def identity(run: str) -> str:
    """What a replica of this run answers as ``Name:``, so that nobody else's is taken for it."""
    return f"{run}/{name(run)}"


def service(
    run: str,
    *,
    image: str,
    networks: tuple[str, ...] = (),
    port: int = PORT,
    replicas: int = 6,
) -> ServiceSpec:
    """The service; each replica's hostname is its task's id.

    Args:
        run: id of the run.
        image: upstream's, or one that keeps its contract.
        networks: overlay networks (name or id) on which it has a VIP.
        port: published port.
        replicas: tasks at the start.
    """
    return ServiceSpec(
        name=name(run),
        image=image,
        env={"WHOAMI_NAME": identity(run)},
        replicas=replicas,
        ports=(Port(port, TARGET),),
        networks=networks,
        stop_grace=2.0,
    )


def health_config(run: str) -> tuple[str, bytes]:
    """Name and data of the swarm config that :func:`healthy` needs."""
    return f"{name(run)}-health", healthcheck.program()


def healthy(spec: ServiceSpec, config: str, *, interval: float = 5.0) -> ServiceSpec:
    """The same service with a health check on ``/health``.

    Args:
        spec: from :func:`service`.
        config: name of the swarm config made from :func:`health_config`.
        interval: seconds between checks once a task is healthy.
    """
    return dataclasses.replace(
        spec,
        health=healthcheck.check(interval=interval),
        configs=(*spec.configs, ConfigFile(config, healthcheck.PATH, healthcheck.MODE)),
        constraints=(*spec.constraints, healthcheck.CONSTRAINT),
    )
