"""Smoke again and again, each time on a fresh lab: how often a healthy swarm is called anything but upheld.

``tox -e soak`` or ``python benchmarks/soak.py``; SOAK_RUNS (10) runs. Prints one line per run and the rate of
false alarms; exits 1 if there was one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run the soak; returns the exit code."""
    runs = int(os.environ.get("SOAK_RUNS", "10"))
    failed = 0
    for number in range(1, runs + 1):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "harness", "gate", "--profile", "smoke"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        failed += done.returncode != 0
        told = (done.stdout + done.stderr).strip() if done.returncode else ""
        print(f"run {number} of {runs}: exit {done.returncode} after {time.monotonic() - began:.1f} s", told)
    print(f"false alarms: {failed} of {runs}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
