"""Progress for a person: a live line per step on a terminal, one plain line per finished step elsewhere."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from harness.progress import Progress, Silent
from harness.report.terminal import console, duration, harmless


class Plain:
    """One line per finished step, for logs; says nothing while a step is under way."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def begin(self, step: str) -> None:
        """Wait for its end."""

    def note(self, step: str, text: str) -> None:
        """Ignore what matters only to those who watch; a pause waits for somebody, so it is told."""
        if step == "paused":
            self._print(f"{step} {text}")

    def end(self, step: str, seconds: float, *, ok: bool) -> None:
        """Print the step and how long it took."""
        self._print(f"{step}  {duration(seconds)}{'' if ok else '  (failed)'}")

    def _print(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a reader that went away is no reason to stop
            self._out.print(Text(harmless(line)))


class Spinners:
    """A spinner per step under way, with its latest news; steps may overlap. Safe from several threads."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._lock = threading.Lock()
        self._tasks: dict[str, list[TaskID]] = {}  # a name may be under way twice

    def begin(self, step: str) -> None:
        """Show a spinner for the step."""
        with self._lock:
            task = self._bars.add_task(_plain(step), total=None, note="")
            self._tasks.setdefault(step, []).append(task)

    def note(self, step: str, text: str) -> None:
        """Show the news behind the step; of a step that is not under way, as a line."""
        with self._lock:
            for task in self._tasks.get(step, []):
                self._bars.update(task, note=_plain(text), refresh=True)
            if not self._tasks.get(step):
                self._bars.console.print(Text(harmless(f"{step}: {text}"), style="dim"))

    def end(self, step: str, seconds: float, *, ok: bool) -> None:
        """Replace the spinner by a line that stays."""
        with self._lock:
            tasks = self._tasks.get(step)
            if tasks:
                self._bars.remove_task(tasks.pop())
            mark = ("✓ ", "green") if ok else ("✗ ", "red")
            self._bars.console.print(Text.assemble(mark, harmless(step), (f"  {duration(seconds)}", "dim")))


@contextlib.contextmanager
def live(*, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Progress]:
    """A listener for the length of the block.

    Args:
        quiet: tell nothing at all, such as with ``--json``.
        stream: where to; stdout by default.
    """
    out = console(stream)
    if quiet:
        yield Silent()
    elif not out.is_terminal:
        yield Plain(out)
    else:
        bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("{task.fields[note]}", style="dim"),
            TimeElapsedColumn(),
            console=out,
            transient=True,
        )
        with bars:
            yield Spinners(bars)


def _plain(text: str) -> str:
    """Text that rich takes literally, whatever brackets a node's words hold."""
    return harmless(text).replace("[", "\\[")
