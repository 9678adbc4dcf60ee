"""Errors, the clock, the door to subprocesses, configuration, requests: what everything stands on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness import config, request, shell
from harness.clock import Deadline
from harness.errors import Exit, HarnessError, RequestError, Unmeasurable, WaitTimeout
from harness.progress import step


class FakeClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        """The time set."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.time += seconds


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.news: list[tuple[str, bool | None]] = []

    def begin(self, step: str) -> None:
        """Remember."""
        self.news.append((step, None))

    def note(self, step: str, text: str) -> None:
        """Remember."""

    def end(self, step: str, seconds: float, *, ok: bool) -> None:
        """Remember."""
        self.news.append((step, ok))


def test_an_error_is_one_line_with_its_remedy() -> None:
    """Whatever line breaks its parts had."""
    error = RequestError("no such\nfile", remedy="name\n another")

    assert (str(error), error.exit) == ("no such file: name another", Exit.BAD_REQUEST)


@pytest.mark.parametrize(
    ("kind", "code"), [(HarnessError, 3), (RequestError, 2), (Unmeasurable, 3), (WaitTimeout, 3)]
)
def test_each_kind_of_error_has_its_exit_code(kind: type[HarnessError], code: int) -> None:
    """The table of exit codes is part of the interface."""
    assert kind("x").exit == code


def test_a_wait_that_gave_up_carries_what_it_saw_last() -> None:
    """The last state is a note of the exception, for whoever reads the traceback."""
    error = WaitTimeout("not running", last="5 of 6 running")

    assert error.__notes__ == ["last seen: 5 of 6 running"]


def test_a_deadline_passes_with_the_clock() -> None:
    """Never negative, passed exactly at its point."""
    clock = FakeClock()
    deadline = Deadline.after(5.0, clock)
    left_at_first = deadline.left
    clock.sleep(7.0)

    assert (left_at_first, deadline.left, deadline.passed) == (5.0, 0.0, True)


def test_a_step_that_fails_is_reported_as_failed() -> None:
    """And the error goes on."""
    heard = Heard()
    with pytest.raises(ValueError, match="x"), step(heard, "boot"):
        raise ValueError("x")

    assert heard.news == [("boot", None), ("boot", False)]


def test_a_command_that_fails_says_what_it_was_and_what_it_said() -> None:
    """The error carries argv, exit code and the end of stderr."""
    with pytest.raises(shell.CommandError, match=r"exited 3: sorry") as caught:
        shell.run([sys.executable, "-c", "import sys; sys.stderr.write('sorry'); sys.exit(3)"])

    assert caught.value.done.code == 3


def test_a_command_reads_what_it_is_given() -> None:
    """Standard input is passed; without any there is none to wait for."""
    echo = [sys.executable, "-c", "import sys; print(sys.stdin.read())"]

    assert [shell.run(echo, stdin="hello").out.strip(), shell.run(echo).out.strip()] == ["hello", ""]


def test_a_missing_program_is_named() -> None:
    """With the remedy that the caller knows."""
    with pytest.raises(Unmeasurable, match="no-such-program was not found: install it"):
        shell.run(["no-such-program"], remedy="install it")


def test_a_command_that_takes_too_long_is_killed() -> None:
    """Every call has a bound."""
    with pytest.raises(Unmeasurable, match=r"did not finish within 0.05 s"):
        shell.run([sys.executable, "-c", "import signal; signal.pause()"], bound=0.05)


def test_no_configuration_file_means_the_defaults(tmp_path: Path) -> None:
    """harness.toml is optional, unless it was named."""
    assert config.load(tmp_path / "harness.toml") == config.Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("target = ", "is not TOML"),
        ("targt = 'lab'", "targt: unknown key"),
        ("[limits]\nperiods = 'many'", "limits.periods"),
        ("[limits]\nrequest_timeout = 0", "limits.request_timeout"),
        ("[limits]\nwarp = 9", "limits.warp: unknown key"),
        ("published_port = 70000", "published_port"),
        ("nodes = 3", "nodes"),
    ],
)
def test_a_wrong_configuration_is_refused_with_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    """One line that names the key; nothing is guessed."""
    path = tmp_path / "harness.toml"
    path.write_text(text)

    with pytest.raises(RequestError, match=says):
        config.load(path)


def test_a_named_configuration_must_be_there(tmp_path: Path) -> None:
    """--config with a typing error is not silently the defaults."""
    with pytest.raises(RequestError, match="cannot be read"):
        config.load(tmp_path / "other.toml", required=True)


def test_every_limit_is_documented() -> None:
    """Each default that decides a verdict says what it means, in the code and in the documentation."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()
    fields = config.Limits.model_fields

    assert [name for name, field in fields.items() if not field.description or f"`{name}`" not in page] == []


def test_a_request_survives_the_way_to_the_process_that_runs_it(tmp_path: Path) -> None:
    """What is saved is what is loaded."""
    asked = request.Request("lab", "smoke", ("spread.even",), config=Path("x.toml"), deadline=12.5)
    asked.save(tmp_path)

    assert request.load(tmp_path) == asked


def test_a_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Two runs of one second do not meet."""
    first, second = request.new_run(tmp_path), request.new_run(tmp_path)

    assert first != second
    assert len(request.short_id(first)) == 6


def test_a_folder_without_a_request_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(RequestError, match="holds no request"):
        request.load(tmp_path)
