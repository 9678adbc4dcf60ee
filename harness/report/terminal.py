"""The one way to a person's terminal: colours only there, plain whole lines elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave what to do to the caller: rich would exit with 1, which means a broken promise here."""
        raise BrokenPipeError


def console(stream: TextIO | None = None) -> Console:
    """A console on ``stream`` (stdout by default): colours only on a terminal and without ``NO_COLOR``.

    Printing raises BrokenPipeError when nobody reads any more.
    """
    stream = sys.stdout if stream is None else stream
    return _Console(file=stream, force_terminal=stream.isatty(), highlight=False, soft_wrap=True, emoji=False)


def harmless(text: str) -> str:
    """``text`` without control characters: a node's words must not steer a person's terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if seconds < 10:  # noqa: PLR2004  below that the tenths matter
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"  # noqa: PLR2004  s per minute
