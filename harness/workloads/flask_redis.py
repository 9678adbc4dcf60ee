"""xiaopeng163/flask-redis and its Redis: the counter that says how many requests were really served."""

from __future__ import annotations

from harness.engine.spec import NetworkLink, ServiceSpec
from harness.model import Port

PORT = 8081  # published
TARGET = 5000  # where flask listens
_REDIS_HOST = "redis"  # an alias on the network of the run


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


def password(run: str) -> str:
    """Redis' password: it keeps strangers on the network from counting, and is no secret."""
    return f"count-{run}"
