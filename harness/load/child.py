"""Becomes the command it is given, in such a way that it cannot outlive the process that asked for it.

Runs as a script (``child.py PARENT COMMAND...``) with nothing but the standard library. It also drops the
variables by which Locust or a proxy would be configured behind our back.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_FOREIGN = ("LOCUST_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONWARNINGS")


def environment(inherited: dict[str, str]) -> dict[str, str]:
    """What the command inherits: no options for Locust, no proxies."""
    return {name: value for name, value in inherited.items() if not name.upper().startswith(_FOREIGN)}


def main(parent: int, command: list[str]) -> None:
    """Tie this process to ``parent`` (a process id) and turn into ``command``; does not return.

    Raises:
        SystemExit: the parent is gone already.
        OSError: the command cannot be run.
    """
    os.setsid()  # Ctrl-C is for the harness, which then ends us
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(f"process {parent} is gone")
    os.execve(command[0], command, environment(dict(os.environ)))  # noqa: S606  an argv list; there is no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
