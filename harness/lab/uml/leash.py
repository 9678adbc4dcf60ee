"""Running set-up work that cannot outlive us: ``python -m harness.lab.uml.leash ARGV...``.

The leash adopts whatever its program starts (it is their subreaper), and kills all of it, by process id, when
its own standard input closes. It closes however we end, so even SIGKILL leaves no package manager behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36
_KILLED: Final = 137


def command(argv: Sequence[str | Path]) -> list[str]:
    """The command line that runs ``argv`` on a leash; give it a pipe as standard input and keep that open."""
    return [sys.executable, "-m", __name__, *(str(word) for word in argv)]


def descendants(root: int) -> list[int]:
    """All processes below ``root``, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(after_name[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def kill_all_below(root: int, *, bound: float = 10.0) -> None:
    """Kill everything below ``root`` until nothing is left, or ``bound`` seconds have passed."""
    until = time.monotonic() + bound
    while time.monotonic() < until:
        left = descendants(root)
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def main() -> None:
    """Run the program; exit as it did, or 137 when we were let go."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    watch = os.pidfd_open(child.pid)
    ready, _, _ = select.select([0, watch], [], [])
    code = _KILLED
    if watch in ready:
        code = child.wait()
    kill_all_below(os.getpid())
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
