"""SIGKILL at seeded moments spread over all phases of ``release``: what is left after sweep and lab down.

    python benchmarks/killed.py [--moments 20] [--seed 1] [--timeline FILE] [--first 1] [--last 20]

One run to its end tells when each step of ``release`` ends here, unless FILE holds that of an earlier one;
each moment is drawn from a slice of its length of its own, so that no phase is left out, and counted from
the step before it, so that a slower run is killed in the same phase. ``tox -e killed`` runs it.
Exits 1 if anything was left.
"""

from __future__ import annotations

import argparse
import bisect
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.lab.uml import state
from tests.lab.processes import Box, Running, labelled

KEY = f"killed-{os.getpid()}"  # a lab of its own
NO_LAB = "no lab is running"  # what sweep says when the lab died with the gate
GATE = ("gate", "--profile", "release")
_TICK = 0.02  # seconds
_BOUND = 1200.0  # seconds for a run


def timeline(folder: Path) -> list[float]:
    """Seconds after which each step of one whole run was over; the last is the end of the run itself.

    Raises:
        RuntimeError: the run was not green: its phases are not those of a whole one.
    """
    box, ends = Box(folder, lab=KEY), list[float]()
    began = time.monotonic()
    with box.started(*GATE) as gate:
        while gate.process.poll() is None and time.monotonic() - began < _BOUND:
            ends += [time.monotonic() - began] * (_steps(gate) - len(ends))
            time.sleep(_TICK)
        seconds, code = time.monotonic() - began, gate.process.poll()
    print(f"a whole run: exit {code} after {seconds:.0f} s", flush=True)
    if code != 0:
        raise RuntimeError("no timeline: a green run is needed, on a machine that has nothing else to do")
    return [*ends, seconds]


def moments(count: int, ends: list[float], seed: int) -> list[tuple[int, float]]:
    """When to kill: one moment in each of ``count`` equal slices of the whole.

    Returns:
        How many steps have ended by then, and the seconds since the last of them.
    """
    dice = random.Random(seed)  # noqa: S311  repeatable on purpose
    drawn = [(number + dice.random()) * ends[-1] / count for number in range(count)]
    over = [bisect.bisect_right(ends, moment) for moment in drawn]
    return [
        (steps, moment - (ends[steps - 1] if steps else 0.0))
        for moment, steps in zip(drawn, over, strict=True)
    ]


def kill_at(steps: int, later: float, folder: Path) -> tuple[str, list[str]]:
    """Kill one run ``later`` seconds after so many of its steps have ended, and clean up after it.

    Returns:
        The last step that had ended, and what was left, one line each.
    """
    box = Box(folder, lab=KEY)
    last = time.monotonic() + _BOUND
    with box.started(*GATE) as gate:
        while _steps(gate) < steps and gate.process.poll() is None and time.monotonic() < last:
            time.sleep(_TICK)
        until = time.monotonic() + later
        while time.monotonic() < until and _steps(gate) == steps and gate.process.poll() is None:
            time.sleep(_TICK)  # not beyond the step: a faster run is killed at its end
        alive = gate.process.poll() is None
        gate.send(signal.SIGKILL)
        ended = [line.rpartition("  ")[0].strip() for line in gate.ended().out.splitlines() if "  " in line]
    left = list(_clean(box))
    return ended[-1] if ended else "the start", left if alive else [
        *left,
        "it had ended before it was killed",
    ]


def _steps(gate: Running) -> int:
    """How many lines the run has printed: one for each step that is over."""
    return gate.output.read_bytes().count(b"\n")


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
    parser.add_argument("--timeline", type=Path, help="of an earlier whole run; written when it is not there")
    parser.add_argument("--first", type=int, default=1, help="begin with this moment")
    parser.add_argument("--last", type=int, help="end with this moment")
    asked = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="killed-") as place:
        saved: Path = asked.timeline or Path(place) / "timeline.json"
        if not saved.exists():
            saved.write_text(json.dumps(timeline(Path(place) / "whole")))
        drawn = moments(asked.moments, json.loads(saved.read_text()), asked.seed)
        chosen = list(enumerate(drawn, start=1))[asked.first - 1 : asked.last]
        for number, (steps, later) in chosen:
            step, left = kill_at(steps, later, Path(place) / str(number))
            failed += bool(left)
            told = "nothing left" if not left else "LEFT: " + "; ".join(left)
            print(f"{number} of {asked.moments}: {later:.1f} s after {step}: {told}", flush=True)
    print(f"left something: {failed} of {len(chosen)}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
