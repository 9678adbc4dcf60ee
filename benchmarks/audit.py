"""How long ``harness audit`` takes: on an empty lab, and with many services on it.

    python benchmarks/audit.py [--services 20] [--runs 3]

Given in seconds and as a ratio of the two in the same run, so that machines can be compared. Exits 1 when a
median exceeds what is promised: 10 s on an empty lab, 15 s with 20 services on three nodes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time

from harness import lab, shell
from harness.lab.uml.lab import UmlLab

EMPTY, FULL = 10.0, 15.0  # seconds
BOUND = 300.0
DEPLOY = """
docker network create --driver overlay many >/dev/null
for n in $(seq {count}); do
  docker service create --detach --quiet --name many-$n --network many --publish $((9000 + n)):80 \\
    traefik/whoami >/dev/null
done
until test "$(docker service ls --format '{{{{.Replicas}}}}' | grep -c 1/1)" = {count}; do sleep 1; done
"""


def audited(runs: int) -> list[float]:
    """Seconds that each of so many audits takes as a process.

    Raises:
        CommandError: one was not content.
    """
    found = []
    for _ in range(runs):
        began = time.monotonic()
        shell.run([sys.executable, "-m", "harness", "audit"], bound=BOUND)
        found.append(time.monotonic() - began)
    return found


def deploy(running: UmlLab, count: int) -> None:
    """Many services, all running.

    Raises:
        CommandError: the manager refused one, or they did not come to run.
    """
    done = running.exec("swarm-manager", ["sh", "-ec", DEPLOY.format(count=count)], bound=BOUND)
    if not done.ok:
        raise shell.CommandError(done)


def main() -> int:
    """Measure and print; the exit code says whether the promises held."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    os.environ["HARNESS_LAB"] = f"audit-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="audit-") as reports:
        os.environ["HARNESS_REPORTS"] = reports
        running = lab.up()
        try:
            empty = audited(asked.runs)
            deploy(running, asked.services)
            full = audited(asked.runs)
        finally:
            lab.down()
    for title, seconds in (("empty", empty), (f"{asked.services} services", full)):
        median = statistics.median(seconds)
        print(f"{title}: {' '.join(f'{one:.1f}' for one in seconds)} s, median {median:.1f} s")
    print(f"ratio: {statistics.median(full) / statistics.median(empty):.2f}")
    return int(statistics.median(empty) > EMPTY or statistics.median(full) > FULL)


if __name__ == "__main__":
    sys.exit(main())
