"""What can go wrong, and what each kind means for the exit code.

The table of exit codes is part of the interface: 0 upheld, 1 the swarm broke a promise,
2 the request is wrong, 3 it could not be measured, 130 interrupted after cleaning up.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class Exit(enum.IntEnum):
    """Exit codes of every command and of pytest under the plugin."""

    UPHELD = 0
    REFUTED = 1
    BAD_REQUEST = 2
    UNKNOWN = 3
    INTERRUPTED = 130


class HarnessError(Exception):
    """One line for a person, with the remedy; never raised itself.

    Args:
        message: what is wrong, in one line, naming the thing (file, node, port).
        remedy: what the person can do about it, in one line; printed after the message.
    """

    exit: ClassVar[Exit] = Exit.UNKNOWN

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = " ".join(message.split())
        self.remedy = " ".join(remedy.split())

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class RequestError(HarnessError):
    """The request cannot be carried out as asked: options, configuration, or a target of the wrong kind."""

    exit = Exit.BAD_REQUEST


class Unmeasurable(HarnessError):
    """The harness could not look: unreachable, refused, out of room; says nothing about the swarm."""

    exit = Exit.UNKNOWN


class WaitTimeout(HarnessError):
    """A condition did not come true within its bound; carries the last state that was seen.

    Whether that refutes a promise or leaves it unknown is for the claim to say.
    """

    exit = Exit.UNKNOWN

    def __init__(self, message: str, *, last: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.last = last
        if last:
            self.add_note(f"last seen: {last}")


class Interrupted(HarnessError):
    """Ctrl-C or SIGTERM; raised after the undo stack has run."""

    exit = Exit.INTERRUPTED
