"""What the harness tells the locustfile, and what it tells back: two JSON files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import Unmeasurable
from harness.evidence import Load, LoadCell

BUSY = 0.9  # share of a core from which Locust itself is what limits the rate


@dataclasses.dataclass(frozen=True)
class Plan:
    """A load run as asked for; read by ``locustfiles/``.

    Attributes:
        targets: (entry node, URL) of every address.
        kept_alive: whether connections are kept; otherwise each request opens one.
        seconds: the run lasts at least this long, and at most twice as long.
        requests: between the two it ends as soon as this many have been made.
        expect_name: what whoami's ``Name:`` must say; empty: any answer with a hostname will do.
        timeout: seconds for connecting, and for each read.
        result: the file to write.
    """

    targets: tuple[tuple[str, str], ...]
    kept_alive: bool
    seconds: float
    requests: int
    expect_name: str
    timeout: float
    result: str


@dataclasses.dataclass(frozen=True)
class Result:
    """What the locustfile counted; times in seconds, cells as (name, requests, failures).

    Attributes:
        replicas: by the hostname in the answer; requests without one appear in ``nodes`` only.
        errors: (text, count).
        cpu: share of one core that Locust used.
    """

    seconds: float
    p50: float
    p95: float
    p99: float
    nodes: tuple[tuple[str, int, int], ...]
    replicas: tuple[tuple[str, int, int], ...]
    errors: tuple[tuple[str, int], ...]
    cpu: float


def write(plan: Plan, path: Path) -> None:
    """Write ``plan`` for the locustfile.

    Raises:
        OSError: it cannot be written.
    """
    path.write_bytes(TypeAdapter(Plan).dump_json(plan))


def read(path: Path) -> Result:
    """Read what the locustfile counted.

    Raises:
        Unmeasurable: there is no such file, it holds something else, or no request was made.
    """
    try:
        result = TypeAdapter(Result).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise Unmeasurable(f"Locust left no result in {path}", remedy=str(error).splitlines()[0]) from error
    if not any(requests for _, requests, _ in result.nodes):
        raise Unmeasurable("Locust made no request", remedy=f"{path.parent}/locust.log tells more")
    return result


def evidence(result: Result, *, load: str, service: str, plan: Plan, warnings: str) -> Load:
    """The result as evidence.

    Args:
        result: what was counted.
        load: id of the evidence.
        service: name of the service asked.
        plan: what had been asked for: a node that got no request appears with 0.
        warnings: what Locust itself complained of.
    """
    seen = {name for name, _, _ in result.nodes}
    nodes = [*result.nodes, *((entry, 0, 0) for entry, _ in plan.targets if entry not in seen)]
    requests = sum(count for _, count, _ in result.nodes)
    busy = f"Locust used {result.cpu:.0%} of one core" if result.cpu >= BUSY else ""
    return Load(
        id=load,
        service=service,
        kept_alive=plan.kept_alive,
        seconds=result.seconds,
        requests=requests,
        failures=sum(failed for _, _, failed in result.nodes),
        rate=requests / result.seconds if result.seconds > 0 else 0.0,
        p50=result.p50,
        p95=result.p95,
        p99=result.p99,
        nodes=tuple(LoadCell(*cell) for cell in sorted(nodes)),
        replicas=tuple(LoadCell(*cell) for cell in sorted(result.replicas)),
        errors=tuple(sorted(result.errors, key=lambda error: (-error[1], error[0]))),
        generator="; ".join(filter(None, (busy, warnings))),
    )
