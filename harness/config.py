"""``harness.toml``, the environment and the defaults, checked once and frozen.

Every default that decides a verdict stands in ``[limits]``; the report prints those in force.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import RequestError

Seconds = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Section):
    """What a healthy swarm must keep to; every field is a default that decides a verdict."""

    request_timeout: Seconds = Field(2.0, description="a request not answered within this is lost")
    steady_rate: float = Field(50.0, gt=0, description="fresh requests/s per entry node of steady traffic")
    periods: int = Field(4, ge=2, description="full rounds over the replicas sampled per entry node and path")
    closed_within: Seconds = Field(2.0, description="a removed port is closed this long after the last task")
    dead_task_traffic: Seconds = Field(2.0, description="no request goes to a dead task later than this")
    names_within: Seconds = Field(
        2.0, description="a dead task is named, and a new one is not, for no longer than this"
    )
    kill_lost_share: float = Field(
        0.05, ge=0, le=1, description="share of requests per entry node that a task kill may cost"
    )
    update_lost_share: float = Field(
        0.01, ge=0, le=1, description="share of requests per entry node that an update may cost"
    )
    update_lost_share_unchecked: float = Field(
        0.05, ge=0, le=1, description="the same for a service without a health check"
    )
    kill_outage: Seconds = Field(2.0, description="outage per entry node that a task kill may cost")
    even_again: Seconds = Field(5.0, description="evenness is back this long after the last replica serves")
    start_margin: Seconds = Field(
        4.0, description="a replacement may take this much longer to start than the slowest start measured"
    )
    gossip: float | None = Field(
        None, gt=0, description="outage per entry node that a node loss may cost; computed when unset"
    )
    redis_requests: int = Field(300, ge=1, description="requests per node against flask-redis' counter")
    load_seconds: Seconds = Field(20.0, description="length of each Locust run")
    load_requests: int = Field(5000, ge=1, description="requests that each Locust run must reach")
    load_users: int = Field(24, ge=1, description="concurrent Locust users")
    load_rate: float = Field(250.0, ge=0, description="requests/s that each Locust run must reach")
    load_failures: float = Field(0.0, ge=0, le=1, description="share of failed requests under load")
    load_p99: Seconds = Field(1.0, description="99th percentile of latency under load")
    false_alarm: float = Field(1e-6, gt=0, lt=1, description="chance of a false alarm per run, all checks")
    miss: float = Field(1e-3, gt=0, lt=1, description="chance to miss a fault per entry node")
    share_margin: float = Field(
        0.2, gt=0, lt=1, description="at random choice, shares this much off the fair one count as equal"
    )
    share_confidence: float = Field(
        0.99, gt=0, lt=1, description="confidence that all shares of a sentence lie where it says"
    )


class Images(_Section):
    """What is deployed; on a swarm with a registry these are the upstream images."""

    whoami: str = "traefik/whoami:v1.10.3"
    redis: str = "redis:7"
    flask: str = "xiaopeng163/flask-redis:latest"
    job: str = "nicolaka/netshoot:v0.13"
    haproxy: str = "haproxy:3.0"
    nginx: str = "nginx:1.27"
    mysql: str = "mysql:5.7"
    postgres: str = "postgres:15-alpine"
    vote: str = "dockersamples/examplevotingapp_vote:latest"
    worker: str = "dockersamples/examplevotingapp_worker:latest"
    result: str = "dockersamples/examplevotingapp_result:latest"


class Stack(_Section):
    """A stack or services of the user's own (``gate --stack``, ``--service``)."""

    within: Seconds = Field(300.0, description="all of it runs this long after it was deployed")
    path: str = Field("/", pattern=r"^/[!-~]*$", description="what is requested of its published ports")
    rate: float = Field(10.0, gt=0, description="requests/s per entry node while it is updated")
    identity: dict[str, str] = Field(
        default_factory=dict, description="by service: header:NAME or body:REGEX, where it says who it is"
    )


class Tls(_Section):
    """Files for a ``tcp://`` target."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Settings(_Section):
    """All of ``harness.toml``."""

    target: str = "lab"
    published_port: int = Field(8080, ge=1, le=65535)
    replicas: int = Field(6, ge=2, le=100)
    tls: Tls = Tls()
    nodes: dict[str, str] = Field(default_factory=dict, description="address of each node by its hostname")
    images: Images = Images()
    limits: Limits = Limits()
    stack: Stack = Stack()


def load(path: Path | None, *, required: bool = False) -> Settings:
    """Read the configuration; a missing default file means the defaults.

    Args:
        path: the file, or None for the defaults.
        required: whether the person named the file, so that it must be there.

    Raises:
        RequestError: the file is missing though named, is not TOML, or holds unknown or wrong keys.
    """
    if path is None or (not required and not path.exists()):
        return Settings()
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror})", remedy="check --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is not TOML", remedy=str(error)) from error
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        told = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise RequestError(
            f"{path}: {where}: {told}", remedy="docs/configuration.md lists the keys"
        ) from error
    files = {
        part: path.parent / file for part, file in settings.tls if file is not None
    }  # beside harness.toml
    return settings.model_copy(update={"tls": Tls(**files)})
