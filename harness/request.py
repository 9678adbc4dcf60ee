"""What a run was asked to do; travels as ``request.json`` in the run's folder to the process that does it."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import time
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import RequestError

# where runs are saved: beside the suites, or where the environment says
REPORTS = Path(
    os.environ.get("HARNESS_REPORTS") or Path(__file__).resolve().parents[1] / "reports"
).absolute()
MORE_TIME = "give more with --deadline, or verify less with --only"  # what to do about a deadline


@dataclasses.dataclass(frozen=True)
class Request:
    """The request of one run.

    Attributes:
        checks: ids of the checks to verify.
        config: the configuration file in force, None for the defaults.
        deadline: point on the monotonic clock at which the run stops and reports what is known.
        pause_after: step after which the run waits for ``<run>/continue`` to appear.
        stack: compose file to deploy and verify; None: none of the user's.
        services: names of services that run already and are to be verified.
        identity: where they say who they are: ``[SERVICE=]header:NAME`` or ``[SERVICE=]body:REGEX``.
        lab_goes: the lab was brought up for this run and is taken down after it, with all that is on it.
    """

    target: str
    profile: str
    checks: tuple[str, ...]
    config: Path | None = None
    deadline: float | None = None
    keep: bool = False
    keep_workloads: bool = False
    pause_after: str | None = None
    managers: int = 1
    workers: int = 2
    stack: Path | None = None
    services: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    lab_goes: bool = False

    def save(self, folder: Path) -> None:
        """Write ``request.json`` into the run's folder."""
        data = TypeAdapter(Request).dump_python(self, mode="json")
        (folder / "request.json").write_text(json.dumps(data, indent=2) + "\n")


def load(folder: Path) -> Request:
    """Read ``request.json`` of a run's folder.

    Raises:
        RequestError: it is missing or not a request.
    """
    try:
        return TypeAdapter(Request).validate_json((folder / "request.json").read_bytes())
    except (OSError, ValidationError) as error:
        told = str(error).splitlines()[0]
        raise RequestError(f"{folder} holds no request of a run", remedy=told) from error


def new_run(reports: Path) -> Path:
    """Make the folder of a new run: ``<reports>/<date>-<time>-<six hex digits>``.

    Raises:
        RequestError: the folder cannot be written.
    """
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    try:
        (reports / name / "artifacts").mkdir(parents=True)
    except OSError as error:
        raise RequestError(
            f"{reports} cannot be written ({error.strerror})", remedy="run it elsewhere"
        ) from error
    return reports / name


def short_id(folder: Path) -> str:
    """The six hex digits of a run, which name its objects on the swarm."""
    return folder.name.rsplit("-", 1)[-1]
