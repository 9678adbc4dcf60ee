"""dockersamples/example-voting-app as its stack file deploys it: vote, redis, worker, db, result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.engine.spec import RUN_LABEL, Mount, NetworkLink, ServiceSpec
from harness.model import Port

TARGET: Final = 80  # where both pages are served
DATA: Final = "/var/lib/postgresql/data"
PARTS: Final = ("redis", "db", "vote", "worker", "result")
_LOGIN: Final = "postgres"  # the worker and the result page have it built in: no secret


def name(run: str, part: str) -> str:
    """The name of a part's service in this run."""
    return f"h-{run}-voting-{part}"


def volume(run: str) -> str:
    """The name of the local volume that keeps the votes."""
    return f"h-{run}-votes"


def services(
    run: str,
    *,
    images: Mapping[str, str],
    networks: tuple[str, str],
    ports: tuple[int, int],
    node: str,
) -> dict[str, ServiceSpec]:
    """Every part's service.

    Args:
        run: id of the run.
        images: of each part: the originals', or ones that keep their contracts.
        networks: overlay networks (names or ids) of the front and of the back.
        ports: published ports of the two pages: vote, result.
        node: hostname of the node whose local volume keeps the votes.
    """
    front, back = networks

    def part(
        which: str,
        joins: tuple[str, ...],
        *,
        replicas: int = 1,
        port: int = 0,
        constraints: tuple[str, ...] = (),
    ) -> ServiceSpec:
        at_home = which == "db"
        return ServiceSpec(
            name=name(run, which),
            image=images[which],
            env={"POSTGRES_USER": _LOGIN, "POSTGRES_PASSWORD": _LOGIN} if at_home else {},
            replicas=replicas,
            ports=(Port(port, TARGET),) if port else (),
            networks=tuple(NetworkLink(network, (which,)) for network in joins),
            mounts=(Mount(DATA, volume(run), "volume", read_only=False, labels={RUN_LABEL: run}),)
            if at_home
            else (),
            constraints=constraints,
            stop_grace=5.0 if at_home else 2.0,
        )

    return {
        "redis": part("redis", (front,)),
        "db": part("db", (back,), constraints=(f"node.hostname == {node}",)),
        "vote": part("vote", (front,), replicas=2, port=ports[0]),
        "worker": part("worker", (front, back)),
        "result": part("result", (back,), port=ports[1]),
    }
