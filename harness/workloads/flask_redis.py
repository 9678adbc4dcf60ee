"""xiaopeng163/flask-redis and its Redis: the counter that says how many requests were really served."""

from __future__ import annotations

import dataclasses

from harness.engine.spec import RUN_LABEL, Mount, NetworkLink, ServiceSpec
from harness.model import Port

PORT = 8081  # published
TARGET = 5000  # where flask listens
_REDIS_HOST = "redis"  # an alias on the network of the run
_KEPT = "-kept"  # what tells the pair apart whose Redis keeps its data


def names(run: str) -> tuple[str, str]:
    """The names of the two services in this run: flask, redis."""
    return f"h-{run}-flask", f"h-{run}-redis"


def redis(run: str, *, image: str, network: str) -> ServiceSpec:
    """Redis, one task; it asks for the run's password as the original stack does.

    Args:
        run: id of the run.
        image: the official image, or one that keeps its contract.
        network: overlay network (name or id) that it shares with flask.
    """
    return ServiceSpec(
        name=names(run)[1],
        image=image,
        args=("redis-server", "--requirepass", password(run)),
        networks=(NetworkLink(network, (_REDIS_HOST,)),),
        stop_grace=2.0,
    )


def flask(run: str, *, image: str, network: str, port: int = PORT, replicas: int = 3) -> ServiceSpec:
    """The web tier; each replica's hostname is its task's id.

    Args:
        run: id of the run.
        image: upstream's, or one that keeps its contract.
        network: overlay network (name or id) that it shares with Redis.
        port: published port.
        replicas: tasks at the start.
    """
    return ServiceSpec(
        name=names(run)[0],
        image=image,
        env={"REDIS_HOST": _REDIS_HOST, "REDIS_PASS": password(run)},
        replicas=replicas,
        ports=(Port(port, TARGET),),
        networks=(network,),
        # as process 1 it ignores SIGTERM, and would cost the engine's whole grace
        stop_signal="SIGINT",
        stop_grace=2.0,
    )


def volume(run: str) -> str:
    """The name of the local volume in which a Redis keeps its data, on every node that it runs on."""
    return f"h-{run}-data"


def keeping(spec: ServiceSpec, run: str, *, node: str) -> ServiceSpec:
    """A Redis that writes each change to a local volume before it answers, on one node.

    Args:
        spec: from :func:`redis`.
        run: id of the run.
        node: hostname of the node that its task runs on.
    """
    links = tuple(NetworkLink(link.name, (_REDIS_HOST + _KEPT,)) for link in _links(spec))
    return dataclasses.replace(
        spec,
        name=spec.name + _KEPT,
        args=(*spec.args, "--appendonly", "yes", "--appendfsync", "always", "--dir", "/data"),
        networks=links,
        mounts=(Mount("/data", volume(run), "volume", read_only=False, labels={RUN_LABEL: run}),),
        constraints=on(node),
    )


def over_kept(spec: ServiceSpec, *, port: int) -> ServiceSpec:
    """A web tier (from :func:`flask`) over the Redis that keeps its data, published at another port."""
    return dataclasses.replace(
        spec,
        name=spec.name + _KEPT,
        env={**spec.env, "REDIS_HOST": _REDIS_HOST + _KEPT},
        ports=(Port(port, TARGET),),
    )


def refused(spec: ServiceSpec, *, port: int) -> ServiceSpec:
    """A web tier (from :func:`flask`) that Redis refuses, published at another port."""
    env = {**spec.env, "REDIS_PASS": "another"}
    ports = (Port(port, TARGET),)
    return dataclasses.replace(spec, name=f"{spec.name}-refused", env=env, ports=ports, replicas=1)


def on(node: str) -> tuple[str, ...]:
    """The constraint to one node (hostname)."""
    return (f"node.hostname == {node}",)


def _links(spec: ServiceSpec) -> tuple[NetworkLink, ...]:
    return tuple(link if isinstance(link, NetworkLink) else NetworkLink(link) for link in spec.networks)


def password(run: str) -> str:
    """Redis' password: it keeps strangers on the network from counting, and is no secret."""
    return f"count-{run}"
