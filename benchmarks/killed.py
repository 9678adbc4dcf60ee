"""SIGKILL at seeded moments spread over all phases of ``release``: what is left after sweep and lab down.

    python benchmarks/killed.py [--moments 20] [--seed 1] [--length SECONDS] [--first 1]

One run to its end tells how long ``release`` takes here, unless ``--length`` does; each moment is drawn
from a slice of that length of its own, so that no phase is left out. ``tox -e killed`` runs it.
Exits 1 if anything was left.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.lab.uml import state
from tests.lab.processes import Box, labelled

KEY = f"killed-{os.getpid()}"  # a lab of its own
NO_LAB = "no lab is running"  # what sweep says when the lab died with the gate
GATE = ("gate", "--profile", "release")


def whole(folder: Path) -> float:
    """Seconds that release takes from lab boot to lab down, by running it once."""
    box = Box(folder, lab=KEY)
    began = time.monotonic()
    done = box.run(*GATE, bound=1200)
    seconds = time.monotonic() - began
    print(f"a whole run: exit {done.code} after {seconds:.0f} s", flush=True)
    return seconds


def moments(count: int, length: float, seed: int) -> list[float]:
    """When to kill, in seconds from the start: one in each of ``count`` equal slices of ``length``."""
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    return [(number + dice.random()) * length / count for number in range(count)]


def kill_at(moment: float, folder: Path) -> tuple[str, list[str]]:
    """Kill one run and clean up after it.

    Returns:
        The last step that had ended, and what was left, one line each.
    """
    box = Box(folder, lab=KEY)
    with box.started(*GATE) as gate:
        until = time.monotonic() + moment
        while time.monotonic() < until and gate.process.poll() is None:
            time.sleep(0.01)
        gate.send(signal.SIGKILL)
        steps = [line.rpartition("  ")[0] for line in gate.ended().out.splitlines() if "  " in line]
    return steps[-1].strip() if steps else "the start", list(_clean(box))


def _clean(box: Box) -> Iterator[str]:
    """Sweep and take the lab down; yields what is left or went wrong."""
    swept = box.run("sweep")
    if swept.code != 0 and NO_LAB not in swept.err:
        yield f"sweep ended with {swept.code}: {swept.err.strip()}"
    if state.holder_pid(state.Places(box.lab_folder)) is not None:
        yield from labelled(box.attach())
    down = box.run("lab", "down")
    if down.code != 0:
        yield f"lab down ended with {down.code}: {down.err.strip()}"
    yield from box.left(runs=1)


def main() -> int:
    """Kill, clean, look; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=float, help="seconds that release takes here")
    parser.add_argument("--first", type=int, default=1, help="begin with this moment")
    asked = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="killed-") as place:
        length = asked.length or whole(Path(place) / "whole")
        for number, moment in enumerate(moments(asked.moments, length, asked.seed), start=1):
            if number < asked.first:
                continue
            step, left = kill_at(moment, Path(place) / str(number))
            failed += bool(left)
            told = "nothing left" if not left else "LEFT: " + "; ".join(left)
            print(f"{number} of {asked.moments}: {moment:.1f} s, after {step}: {told}", flush=True)
    print(f"left something: {failed} of {asked.moments - asked.first + 1}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
