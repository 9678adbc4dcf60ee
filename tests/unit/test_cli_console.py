"""Progress on a terminal, in a log, and not at all."""

from __future__ import annotations

import io
import threading

import pytest

from harness.cli.console import live


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture(autouse=True)
def ordinary_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a person's terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def tell(stream: io.StringIO, *, quiet: bool = False) -> str:
    """Two overlapping steps, the second fails."""
    with live(quiet=quiet, stream=stream) as progress:
        progress.begin("swarm-manager")
        progress.begin("swarm-worker1")
        progress.note("swarm-manager", "engine [answers]")
        progress.end("swarm-worker1", 3.2, ok=False)
        progress.end("swarm-manager", 11.2, ok=True)
    return stream.getvalue()


def test_without_a_terminal_one_plain_line_per_finished_step() -> None:
    """No news, no colours, no cursor movement."""
    assert tell(io.StringIO()) == "swarm-worker1  3.2 s  (failed)\nswarm-manager  11 s\n"


@pytest.mark.parametrize("stream", [io.StringIO, Terminal], ids=["pipe", "terminal"])
def test_quiet_says_nothing(stream: type[io.StringIO]) -> None:
    """Such as with --json."""
    assert tell(stream(), quiet=True) == ""


def test_on_a_terminal_finished_steps_stay_with_their_mark() -> None:
    """And news about a step is shown literally while it is under way."""
    text = tell(Terminal())

    assert "✗ " in text
    assert "✓ " in text
    assert "\x1b[32m" in text
    assert "engine [answers]" in text


def test_no_color_keeps_the_spinners_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org."""
    monkeypatch.setenv("NO_COLOR", "1")

    text = tell(Terminal())

    assert "✓ " in text
    assert "\x1b[32m" not in text


def test_news_of_a_step_that_is_not_under_way_is_a_line() -> None:
    """Such as how to go on after --pause-after, whose escape sequences are taken out."""
    stream = Terminal()
    with live(stream=stream) as progress:
        progress.note("paused", "after deploy\x1b[2J")

    assert "paused: after deploy�[2J" in stream.getvalue()


def test_the_end_of_an_unknown_step_and_a_closed_pipe_do_not_stop_the_work() -> None:
    """A listener must not raise."""

    class Closed(io.StringIO):
        def write(self, text: str, /) -> int:
            raise BrokenPipeError(text)

    with live(stream=Terminal()) as progress:
        progress.end("never begun", 1.0, ok=True)
    with live(stream=Closed()) as progress:
        progress.end("lab", 1.0, ok=True)


def test_steps_may_come_from_several_threads() -> None:
    """Nodes boot side by side; the same name may be under way twice."""
    stream = Terminal()
    with live(stream=stream) as progress:

        def work(number: int) -> None:
            for _ in range(5):
                progress.begin(f"node {number % 2}")
                progress.end(f"node {number % 2}", 0.1, ok=True)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert stream.getvalue().count("✓") == 20
