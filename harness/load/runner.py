"""One Locust run: plan in, process, result out."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import shell
from harness.errors import RequestError, Unmeasurable
from harness.evidence import Load
from harness.journal import Journal
from harness.load import child, plan
from harness.probe.target import Target

_ROOT = Path(__file__).parents[2]
_LOCUSTFILE = _ROOT / "locustfiles" / "whoami.py"
_START = 40.0  # seconds that Locust may take to begin and to end, on a busy machine
_SAID = 200  # characters of Locust's last words that an error repeats


def run(
    targets: Sequence[Target],
    *,
    journal: Journal,
    service: str,
    kept_alive: bool,
    users: int,
    seconds: float,
    requests: int,
    expect_name: str = "",
    timeout: float = 2.0,
    locustfile: Path = _LOCUSTFILE,
) -> Load:
    """Load every target from ``users`` concurrent users and keep what came of it.

    Runs until both ``seconds`` have passed and ``requests`` have been made, at most twice ``seconds``. Plan,
    result and log stay in ``artifacts/<id>/`` beside the journal. The process lives in this process's network
    namespace and dies with the calling thread.

    Args:
        targets: the entry nodes' addresses; each user asks them in turn.
        journal: where the evidence goes.
        service: name of the service asked.
        kept_alive: whether each user keeps a connection to every node; otherwise one connection per request.
        users: concurrent users, each with one request under way.
        seconds: least length of the run.
        requests: least number of requests.
        expect_name: what whoami's ``Name:`` must say; by default what the first target expects.
        timeout: seconds for connecting, and for each read.
        locustfile: what Locust runs; speaks :class:`harness.load.plan.Plan`.

    Raises:
        RequestError: no target, or no user.
        Unmeasurable: Locust did not run to its end, or left no result; the message has its last words.
    """
    if not targets or users < 1:
        raise RequestError("a load run needs an address and a user", remedy="raise load_users in [limits]")
    load = journal.new_id("load")
    folder = journal.path.parent.resolve() / "artifacts" / load
    folder.mkdir(parents=True, exist_ok=True)
    asked = plan.Plan(
        targets=tuple((target.entry, target.url) for target in targets),
        kept_alive=kept_alive,
        seconds=seconds,
        requests=requests,
        expect_name=expect_name or targets[0].expect_name,
        timeout=timeout,
        result=str(folder / "result.json"),
    )
    plan.write(asked, folder / "plan.json")
    warnings = _locust(folder, locustfile, users=users, longest=2 * seconds)
    result = plan.read(folder / "result.json")
    found = plan.evidence(result, load=load, service=service, plan=asked, warnings=warnings)
    return journal.keep(dataclasses.replace(found, ended=journal.clock.now()))


def _locust(folder: Path, locustfile: Path, *, users: int, longest: float) -> str:
    """Run Locust in ``folder`` to its end; what it complained of about itself, in one line."""
    locust = [
        sys.executable, "-m", "locust", "-f", str(locustfile),
        "--headless", "--users", str(users), "--spawn-rate", str(min(users, 100)),
        "--run-time", f"{math.ceil(longest) + 5}s", "--stop-timeout", "3", "--exit-code-on-error", "0",
        "--loglevel", "WARNING", "--only-summary",
    ]  # fmt: skip
    done = shell.run(
        [sys.executable, child.__file__, str(os.getpid()), *locust],
        bound=longest + _START,
        check=False,
        cwd=folder,
        env={
            "HOME": str(folder),  # ~/.locust.conf of the person who runs us is not ours
            "HARNESS_LOAD_PLAN": str(folder / "plan.json"),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", "")))),
        },
    )
    (folder / "locust.log").write_text(f"{done.out}{done.err}")
    lines = [line.strip() for line in done.err.splitlines() if line.strip()]
    if not done.ok:
        last = lines[-1] if lines else "it said nothing"
        raise Unmeasurable(
            f"Locust ended with {done.code}: {last[-_SAID:]}", remedy=f"{folder}/locust.log tells more"
        )
    return next((line[-_SAID:] for line in lines if "CPU usage" in line), "")
