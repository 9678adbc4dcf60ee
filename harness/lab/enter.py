"""The one door into the lab's network: run a program there with the host's files and process ids."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.errors import RequestError
from harness.lab.uml import state

NO_LAB = "no lab is running"
START_ONE = "harness lab up"


def inside() -> bool:
    """Whether this process is in the network namespace of our running lab."""
    pid = state.holder_pid(state.places())
    return pid is not None and _same_network(pid)


def command(argv: Sequence[str | Path]) -> list[str]:
    """The command line that runs ``argv`` as root in the lab's network; ``argv`` itself from within.

    Raises:
        RequestError: no lab is running.
    """
    return command_for(state.places(), argv)


def command_for(where: state.Places, argv: Sequence[str | Path]) -> list[str]:
    """`command` for the lab with its files at ``where``.

    Raises:
        RequestError: no lab is running there.
    """
    words = [str(word) for word in argv]
    pid = state.holder_pid(where)
    if pid is None:
        raise RequestError(NO_LAB, remedy=START_ONE)
    if _same_network(pid):
        return words
    return ["nsenter", f"--target={pid}", "--user", "--net", "--preserve-credentials", "--", *words]


def enter(argv: Sequence[str | Path]) -> NoReturn:
    """Become ``argv`` inside the lab's network.

    Raises:
        RequestError: no lab is running.
    """
    words = command(argv)
    os.execvp(words[0], words)  # noqa: S606 -- no shell is the point


def _same_network(pid: int) -> bool:
    try:
        return Path("/proc/self/ns/net").readlink() == Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:
        return False
