"""The one door to subprocesses: argv lists, a bound on every call, the command in every error."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError, Unmeasurable

_TAIL = 400  # characters of output that an error may carry: it stays one line


@dataclasses.dataclass(frozen=True)
class Done:
    """A finished command and what it printed."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether it exited 0."""
        return self.code == 0


class CommandError(HarnessError):
    """A command that had to succeed did not."""

    def __init__(self, done: Done, *, remedy: str = "") -> None:
        said = (done.err.strip() or done.out.strip())[-_TAIL:]
        super().__init__(f"{shlex.join(done.argv)} exited {done.code}: {said}", remedy=remedy)
        self.done = done


def run(  # one parameter per thing a process inherits
    argv: Sequence[str | Path],
    *,
    bound: float = 60.0,
    check: bool = True,
    stdin: str | bytes | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    remedy: str = "",
) -> Done:
    """Run ``argv`` to its end and return what it printed.

    Args:
        argv: the program and its arguments; never a shell string.
        bound: seconds after which it is killed.
        check: whether a non-zero exit raises.
        stdin: what it reads.
        cwd: its working directory.
        env: variables added to ours.
        remedy: appended to the error, for the person who reads it.

    Raises:
        CommandError: it exited non-zero and ``check`` holds.
        Unmeasurable: the program is not there, or it ran longer than ``bound``.
    """
    words = tuple(str(word) for word in argv)
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        finished = subprocess.run(
            words,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            timeout=bound,
            cwd=cwd,
            env={**os.environ, **env} if env is not None else None,
            check=False,
        )
    except FileNotFoundError as error:
        raise Unmeasurable(f"the program {words[0]} was not found", remedy=remedy) from error
    except subprocess.TimeoutExpired as error:
        raise Unmeasurable(f"{shlex.join(words)} did not finish within {bound:g} s", remedy=remedy) from error
    done = Done(
        words,
        finished.returncode,
        finished.stdout.decode(errors="replace"),
        finished.stderr.decode(errors="replace"),
    )
    if check and not done.ok:
        raise CommandError(done, remedy=remedy)
    return done
