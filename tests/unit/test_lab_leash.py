"""Work on a leash does not outlive the hand that holds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from harness.lab.uml import leash

# a grandchild in a session of its own, whose parent is gone: out of reach of groups and sessions
ESCAPE = """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(1, f"{os.getpid()}\\n".encode())
        os.execvp("sleep", ["sleep", "600"])
    os._exit(0)
os.wait()
os.execvp("sleep", ["sleep", "600"])
"""


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_exit_codes_pass_through() -> None:
    """The leash ends as its program did."""
    with subprocess.Popen(
        leash.command([sys.executable, "-c", "raise SystemExit(5)"]), stdin=subprocess.PIPE
    ) as process:
        assert process.wait(timeout=15) == 5


def test_letting_go_kills_even_a_daemon() -> None:
    """A grandchild that left group and session and lost its parent dies when the leash is let go."""
    with subprocess.Popen(
        leash.command([sys.executable, "-c", ESCAPE]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        daemon = int(process.stdout.readline())
        assert not gone(daemon)
        process.stdin.close()
        assert process.wait(timeout=15) == 137
    assert gone(daemon)


def test_descendants_are_found_by_parenthood() -> None:
    """A child of ours is listed, we ourselves are not."""
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            found = leash.descendants(os.getpid())
        finally:
            child.kill()
    assert child.pid in found
    assert os.getpid() not in found
