"""How long the lab takes, warm: from ``harness lab up`` to a swarm that accepts services, and down again.

    python benchmarks/lab_boot.py [--runs 5] [--managers 1] [--workers 2]

The figure is given twice: in seconds, and as a ratio to what one node alone takes in the same run, so that it
can be compared between machines. Exits 1 when the median of ``up`` exceeds the promised 12 seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

from harness import lab, shell

PROMISED = 12.0  # seconds, for three nodes on two cores
BOUND = 900.0


def timed(*words: str) -> float:
    """Seconds that ``harness lab ...`` takes as a process."""
    began = time.monotonic()
    shell.run([sys.executable, "-m", "harness", "lab", *words], bound=BOUND)
    return time.monotonic() - began


def accepts_services() -> None:
    """Create a service through the engine of the running lab, as proof.

    Raises:
        CommandError: the manager refused it.
    """
    created = lab.require().exec("swarm-manager", ["docker", "service", "create", "-d", "traefik/whoami"])
    if not created.ok:
        raise shell.CommandError(created)


def main() -> int:
    """Measure and print; the exit code says whether the promise held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--managers", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    os.environ["HARNESS_LAB"] = "lab-boot"
    timed("down")
    timed("up", "--workers", "0")  # first set-up, if there is none yet, is not what this measures
    timed("down")
    ups, downs = [], []
    for _ in range(asked.runs):
        ups.append(timed("up", "--managers", str(asked.managers), "--workers", str(asked.workers)))
        accepts_services()
        downs.append(timed("down"))
    alone = timed("up", "--workers", "0")
    timed("down")
    median = statistics.median(ups)
    print(f"up:   {' '.join(f'{one:.1f}' for one in ups)} s, median {median:.1f} s")
    print(f"down: {' '.join(f'{one:.1f}' for one in downs)} s, median {statistics.median(downs):.1f} s")
    nodes = asked.managers + asked.workers
    print(f"{nodes} nodes take {median / alone:.2f} times what one node takes ({alone:.1f} s)")
    return 0 if median <= PROMISED else 1


if __name__ == "__main__":
    sys.exit(main())
