"""The terminal summary: counts first, broken promises next, nothing decorative without a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from harness.judge.verdict import State
from harness.report.summary import Phase, headline, show, time_line
from harness.report.terminal import console, duration, harmless
from harness.report.verdicts import About, Checked, Document, Skipped


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def made(*states: str, skipped: int = 0, finding: str = "") -> Document:
    """A document of checks with these verdicts."""
    checks = tuple(
        Checked(
            id=f"spread.c{number}",
            claim="every replica answers",
            verdict=State(state),
            sentence=f"seen {number}",
            subject=About(node="swarm-worker1"),
            finding=finding if state == "refuted" else "",
            remedy="look there" if state == "refuted" else "",
            modes=("B2",) if finding and state == "refuted" else (),
        )
        for number, state in enumerate(states, start=1)
    )
    weight = ("refuted", "unknown", "upheld")
    verdict = min(states, key=weight.index) if states else "unknown"
    left = tuple(Skipped(id=f"node-loss.s{number}", why="not allowed here") for number in range(skipped))
    return Document(run="r", target={}, verdict=State(verdict), checks=checks, skipped=left)


def told(sentence: str) -> Document:
    """A document of one unknown check with this reason."""
    check = Checked(id="a.b", claim="first", verdict=State.UNKNOWN, sentence=sentence)
    return Document(run="r", target={}, verdict=State.UNKNOWN, checks=(check,))


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (made(*["upheld"] * 24), "upheld 24 of 24"),
        (made(*["upheld"] * 20, skipped=4), "upheld 20 of 24; 4 skipped: not allowed here"),
        (
            made("refuted", "upheld", "refuted", finding="dead-backend-at-entry"),
            "refuted 2 of 3: dead-backend-at-entry at swarm-worker1",
        ),
        (made("refuted", "unknown"), "refuted 1 of 2: spread.c1; 1 unknown"),
        (made("unknown", "upheld"), "unknown 1 of 2: seen 1"),
        (made("unknown", "unknown"), "unknown 2 of 2: spread.c1, spread.c2"),
        (told("no route " * 40), "unknown 1 of 1: " + ("no route " * 40)[:159] + "…"),
        (made(), "unknown: nothing was verified"),
        (made(*["refuted"] * 5), "refuted 5 of 5: spread.c1, spread.c2, spread.c3, and 2 more"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_first_line_has_the_counts(document: Document, line: str) -> None:
    """Skipped checks are counted in the total, and change no verdict."""
    assert headline(document) == line


def shown(document: Document, stream: io.StringIO, page_folder: Path) -> str:
    """What is printed on this stream."""
    phases = (Phase("lab", 11.2), Phase("spread", 3.0), Phase("all", 75.0))
    show(document, phases, page_folder / "report.html", console(stream))
    return stream.getvalue()


def test_without_a_terminal_it_is_plain_and_short(tmp_path: Path) -> None:
    """No colours, no list of what held; broken promises whole, one fact per line."""
    text = shown(made("upheld", "refuted", finding="entry-dead"), io.StringIO(), tmp_path)

    assert "\x1b" not in text
    assert text.splitlines() == [
        "refuted 1 of 2: entry-dead at swarm-worker1",
        "✗ spread.c2  every replica answers",
        "    seen 2",
        "    cause   entry-dead at swarm-worker1 (B2)",
        "    remedy  look there",
        "time    1 min 15 s: lab 11 s, spread 3.0 s, between steps 1 min 01 s",
        f"report  {tmp_path}/report.html",
    ]


def test_what_was_kept_is_named_before_the_report(tmp_path: Path) -> None:
    """One line per failure: the folder, and which test had failed."""
    stream = io.StringIO()
    where = ((tmp_path / "artifacts/1-test-even", "test_even[vip]"),)
    show(made("refuted"), (), tmp_path / "report.html", console(stream), where)

    assert stream.getvalue().splitlines()[-2:] == [
        f"kept    {tmp_path}/artifacts/1-test-even  when test_even[vip] failed",
        f"report  {tmp_path}/report.html",
    ]


def test_what_several_checks_tell_in_the_same_words_is_printed_once(tmp_path: Path) -> None:
    """A run that ended early has one reason for everything that it never reached."""
    first = told("never reached: port 8080 is taken").checks[0]
    both = told("").model_copy(
        update={"checks": (first, first.model_copy(update={"id": "c.d", "claim": "second"}))}
    )

    lines = shown(both, io.StringIO(), tmp_path).splitlines()

    assert lines[:4] == [
        "unknown 2 of 2: never reached: port 8080 is taken",
        "? a.b  first",
        "? c.d  second",
        "    never reached: port 8080 is taken",
    ]


def test_on_a_terminal_it_is_coloured_and_lists_what_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person sees every check."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    text = shown(made("upheld", "refuted"), Terminal(), tmp_path)

    assert "\x1b[" in text
    assert "spread.c1" in text


def test_no_color_is_honoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org: also on a terminal."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")

    text = shown(made("upheld", "refuted"), Terminal(), tmp_path)

    assert "\x1b[3" not in text
    assert "\x1b[1;3" not in text


def test_force_color_colours_no_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours only on a terminal, whatever the environment says."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert "\x1b" not in shown(made("refuted"), io.StringIO(), tmp_path)


def test_the_words_of_a_node_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """An answer may hold escape sequences and rich's markup."""
    check = Checked(id="a.b", claim="c", verdict=State.REFUTED, sentence="[bold]\x1b[2Jgone\nnew line")
    document = Document(run="r", target={}, verdict=State.REFUTED, checks=(check,))

    text = shown(document, io.StringIO(), tmp_path)

    assert "    [bold]�[2Jgone�new line" in text


def test_harmless_keeps_what_can_be_printed() -> None:
    """Letters of any script stay."""
    assert harmless("naïve 节点 ✓") == "naïve 节点 ✓"


def test_steps_of_one_name_are_added_and_the_longest_comes_first() -> None:
    """The line tells where the time went."""
    phases = (Phase("load", 20.0), Phase("wait", 1.0), Phase("load", 21.0))

    assert time_line(phases) == "load 41 s, wait 1.0 s"
    assert time_line(()) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s")],
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    """Tenths only where they matter."""
    assert duration(seconds) == text
