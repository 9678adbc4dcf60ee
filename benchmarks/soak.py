"""Audit and smoke again and again on healthy labs: how often they are called anything but upheld.

    python benchmarks/soak.py [--runs 30] [--only calm,scale-up,update,drain]

Each run is `harness audit` and `harness gate --profile smoke` on a lab of its own. In three of four somebody
else's service moves meanwhile, as on a swarm that is in use: it is scaled up and down, it is updated task by
task, or a worker is drained. Nodes are drained and activated again under the audit; smoke, which needs
to know where its tasks are, begins on a swarm whose node is drained and stays so. Prints a line per run, then
the false alarms; exits 1 if there was one. ``tox -e soak`` runs it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

from harness import lab
from harness.lab.uml.lab import UmlLab

MANAGER, WORKER = "swarm-manager", "swarm-worker2"
BOUND = 300.0  # seconds for one command
DEPLOY = """
docker network create --driver overlay moving >/dev/null
for name in still mover; do
  docker service create --quiet --name $name --replicas 3 --network moving traefik/whoami >/dev/null
done
"""
CALM = "sleep 1"
SCALE = "docker service scale --detach mover=$((3 + n % 2 * 3)) >/dev/null; sleep 6"
UPDATE = "docker service update --quiet --env-add TURN=$n --update-delay 1s mover >/dev/null; sleep 1"
DRAIN = (
    f"docker node update --availability $(test $((n % 2)) = 0 && echo drain || echo active) {WORKER}; sleep 8"
)
DRAINED = f"docker node update --availability drain {WORKER}"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What moves while the swarm is looked at: shell on the manager, again and again; ``$n`` counts.

    Attributes:
        audited: meanwhile the audit looks, twice.
        smoked: meanwhile smoke looks.
        before: done once before smoke.
    """

    name: str
    audited: str
    smoked: str
    before: str = ""


KINDS = {
    one.name: one
    for one in (
        Kind("calm", CALM, CALM),
        Kind("scale-up", SCALE, SCALE),
        Kind("update", UPDATE, UPDATE),
        Kind("drain", DRAIN, CALM, before=DRAINED),
    )
}


@contextlib.contextmanager
def moving(found: UmlLab, script: str) -> Iterator[None]:
    """Somebody runs ``script`` on the manager, again and again, until the end of the block.

    Raises:
        RuntimeError: it failed: then nothing moved, and what was seen meanwhile shows nothing.
    """
    over = threading.Event()

    def turn() -> None:
        n = 0
        while not over.is_set():
            n += 1
            on_manager(found, f"n={n}\n{script}")

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        somebody = pool.submit(turn)
        try:
            yield
        finally:
            over.set()
        somebody.result()


def on_manager(found: UmlLab, script: str) -> None:
    """Run shell on the manager.

    Raises:
        RuntimeError: it failed.
    """
    done = found.exec(MANAGER, ["sh", "-ec", script], bound=BOUND)
    if not done.ok:
        raise RuntimeError(done.err or done.out)


def asked(*words: str) -> str:
    """Run the harness; empty when it was content, else what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )
    return f"{words[0]} exit {done.returncode}: {done.stdout}{done.stderr}" if done.returncode else ""


def run(kind: Kind) -> list[str]:
    """One run on a fresh lab; the false alarms."""
    found = lab.up()
    try:
        on_manager(found, DEPLOY)
        with moving(found, kind.audited):
            told = [asked("audit"), asked("audit")]
        if kind.before:
            on_manager(found, kind.before)
        with moving(found, kind.smoked):
            told.append(asked("gate", "--profile", "smoke"))
    finally:
        lab.down()
    return [one for one in told if one]


def main() -> int:
    """Soak; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of runs, taken in turn")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := sorted(set(names) - set(KINDS)):
        parser.error(f"no such kind: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    kinds = [KINDS[name] for name in names]
    os.environ["HARNESS_LAB"] = f"soak-{os.getpid()}"
    failed = 0
    with tempfile.TemporaryDirectory(prefix="soak-") as reports:
        os.environ["HARNESS_REPORTS"] = reports
        for number in range(options.runs):
            kind, began = kinds[number % len(kinds)], time.monotonic()
            told = run(kind)
            failed += bool(told)
            words = "; ".join(told) or "upheld"
            print(
                f"{number + 1} of {options.runs}: {kind.name}, {time.monotonic() - began:.0f} s: {words}",
                flush=True,
            )
    print(f"false alarms: {failed} of {options.runs}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
