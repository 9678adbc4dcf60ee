"""Load on whoami through every node's address, the split per node and per replica counted here.

Started by ``harness.load.run``; by hand: write a plan (``harness.load.plan.Plan`` as JSON) and run
``HARNESS_LOAD_PLAN=plan.json locust -f locustfiles/whoami.py --headless --users 24 --spawn-rate 24``.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]  # ships no types
import geventhttpclient.client
from locust import FastHttpUser, constant, events, task
from locust.env import Environment

from harness.probe.answers import parse

_SHOWN = 160  # characters of an error that are worth counting apart
PLAN = json.loads(Path(os.environ["HARNESS_LOAD_PLAN"]).read_text())
TARGETS: list[tuple[str, str]] = [(entry, url) for entry, url in PLAN["targets"]]
HEADERS = {} if PLAN["kept_alive"] else {"Connection": "close"}

# The client repeats a GET whose connection broke, up to eleven times and in silence: the very loss that we
# are here to count. Fail loudly if a newer release has moved the switch.
if not hasattr(geventhttpclient.client, "_may_retry_after_send_error"):
    raise SystemExit("this geventhttpclient hides lost requests: install the release in constraints.txt")
geventhttpclient.client._may_retry_after_send_error = lambda method: False  # noqa: ARG005, SLF001  the name is its own; there is no option


class Tally:
    """What was asked and what came of it."""

    def __init__(self) -> None:
        self.nodes: Counter[str] = Counter()
        self.node_failures: Counter[str] = Counter()
        self.replicas: Counter[str] = Counter()
        self.replica_failures: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        """The time of the run counts from now."""
        self.began = self.last = time.monotonic()
        self.cpu = time.process_time()

    def add(self, entry: str, replica: str, error: BaseException | None) -> None:
        """Count one request."""
        self.last = time.monotonic()
        self.nodes[entry] += 1
        if replica:
            self.replicas[replica] += 1
        if error is not None:
            self.node_failures[entry] += 1
            self.replica_failures[replica] += 1
            self.errors[f"{type(error).__name__}: {error}"[:_SHOWN]] += 1

    def result(self, environment: Environment) -> dict[str, Any]:
        """As ``harness.load.plan.Result``."""
        total = environment.stats.total
        seconds = self.last - self.began
        return {
            "seconds": seconds,
            **{
                f"p{percent}": (total.get_response_time_percentile(percent / 100) or 0) / 1000
                for percent in (50, 95, 99)
            },
            "nodes": [(name, count, self.node_failures[name]) for name, count in self.nodes.items()],
            "replicas": [(name, count, self.replica_failures[name]) for name, count in self.replicas.items()],
            "errors": list(self.errors.items()),
            "cpu": (time.process_time() - self.cpu) / max(seconds, 0.001),
        }


TALLY = Tally()
STARTS = itertools.count()


class Visitor(FastHttpUser):
    """Asks every node in turn, as fast as it is answered; each user begins at another node."""

    host = TARGETS[0][1]
    wait_time = constant(0)
    connection_timeout = PLAN["timeout"]
    network_timeout = PLAN["timeout"]
    max_retries = 0

    def on_start(self) -> None:
        """Choose where to begin."""
        first = next(STARTS) % len(TARGETS)
        self.turns = itertools.cycle(TARGETS[first:] + TARGETS[:first])

    @task
    def visit(self) -> None:
        """One request to the next node."""
        entry, url = next(self.turns)
        seen: list[str] = []  # the listener is called when the block ends, with what stands here by then
        with self.client.get(
            url, name=entry, headers=HEADERS, catch_response=True, context={"seen": seen}
        ) as response:
            answer = parse(response.content or b"")
            seen.append(answer.replica)
            if response.status_code == 200 and not answer.replica:  # noqa: PLR2004  HTTP's OK
                response.failure("no hostname in the answer")
            elif answer.replica and PLAN["expect_name"] and answer.name != PLAN["expect_name"]:
                response.failure(f"answered by {answer.name!r}, not {PLAN['expect_name']!r}")
        if not PLAN["kept_alive"]:
            self.client.client.clientpool.close()


@events.request.add_listener  # type: ignore[untyped-decorator]  # Locust's own is untyped
def count(name: str, context: dict[str, Any], exception: BaseException | None = None, **_rest: Any) -> None:
    """Count a finished request."""
    TALLY.add(name, "".join(context.get("seen", [])), exception)


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust's own is untyped
def begin(environment: Environment, **_rest: Any) -> None:
    """Start the count, and the watch that ends the run."""
    TALLY.start()
    gevent.spawn(watch, environment)


def watch(environment: Environment) -> None:
    """End the run when it has been long enough and asked enough, or twice as long."""
    while (passed := time.monotonic() - TALLY.began) < 2 * PLAN["seconds"]:
        if passed >= PLAN["seconds"] and TALLY.nodes.total() >= PLAN["requests"]:
            break
        gevent.sleep(0.1)
    if environment.runner is not None:
        environment.runner.quit()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]  # Locust's own is untyped
def save(environment: Environment, **_rest: Any) -> None:
    """Write the result, whole or not at all."""
    path = Path(PLAN["result"])
    part = path.with_suffix(".part")
    part.write_text(json.dumps(TALLY.result(environment)))
    part.replace(path)
