"""A run's folder, and the commands that work on it with the swarm gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import journal
from harness.cli import offline
from harness.errors import Exit, RequestError
from harness.report import redraw, write_all
from harness.report.verdicts import Document
from harness.report.write import phases, put
from tests.saved_runs import saved_run


def alter_one_sample(folder: Path) -> None:
    """Turn one answered request into a timeout."""
    path = folder / "journal.jsonl"
    lines = path.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if '"in":"traffic-1"' in line)
    lines[place] = json.dumps(json.loads(lines[place]) | {"outcome": "connect-timeout", "replica": ""})
    path.write_text("\n".join(lines) + "\n")


def test_all_files_are_written_and_latest_points_at_the_run(tmp_path: Path) -> None:
    """And no draft stays behind."""
    folder = saved_run(tmp_path)

    written = write_all(folder)

    assert sorted(path.name for path in folder.iterdir()) == [
        "journal.jsonl",
        "junit.xml",
        "report.html",
        "verdicts.json",
    ]
    assert (tmp_path / "latest").resolve() == folder.resolve()
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name, "latest"]
    assert written.exit is Exit.UPHELD
    assert written.document == json.loads((folder / "verdicts.json").read_text())


def test_latest_moves_to_the_newest_run(tmp_path: Path) -> None:
    """Also when it names a run that is gone."""
    (tmp_path / "latest").symlink_to("gone")

    folder = saved_run(tmp_path)
    write_all(folder)

    assert (tmp_path / "latest").resolve() == folder.resolve()


def test_the_summary_reads_steps_that_ended_after_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drawing the report is a step too, and the whole is known last."""
    folder = saved_run(tmp_path)
    written = write_all(folder)
    with journal.Journal(folder / "journal.jsonl") as log:
        log.write("phase", name="all", seconds=75.0)

    written.summary()

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "upheld 13 of 13"
    assert any(line.startswith("time    1 min 15 s: lab 11 s") for line in said)
    assert said[-1].endswith("report.html")


def test_a_torn_last_line_is_no_reason_to_stay_silent(tmp_path: Path) -> None:
    """The run was killed: what it claimed is reported, and that it was killed."""
    folder = saved_run(tmp_path)
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"kind":"phase","na')

    write_all(folder)

    assert "The run was killed" in (folder / "report.html").read_text()
    assert phases(folder / "journal.jsonl")[0].name == "lab"


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A reader sees the old or the new one."""
    target = tmp_path / "verdicts.json"
    put(target, b"old")

    with pytest.raises(TypeError):
        put(target, "new")  # type: ignore[arg-type]  # what fails in the middle of a write

    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_no_journal_is_one_line(tmp_path: Path) -> None:
    """The folder is no run's."""
    with pytest.raises(RequestError, match=r"journal\.jsonl cannot be read"):
        write_all(tmp_path)


def test_judge_says_what_changed_and_exits_with_the_new_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Altering one sample in a saved journal changes the verdict, in every file."""
    folder = saved_run(tmp_path)
    write_all(folder)
    alter_one_sample(folder)

    code = offline.judge_command(str(folder))

    assert code == Exit.REFUTED
    said = capsys.readouterr().out
    assert said.startswith("refuted 1 of 13")
    assert "spread.even: upheld when it ran, refuted now" in said
    assert Document.model_validate_json((folder / "verdicts.json").read_bytes()).exit is Exit.REFUTED
    assert 'data-verdict="refuted"' in (folder / "report.html").read_text()
    assert "<failure" in (folder / "junit.xml").read_text()


def test_judge_prints_the_document_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json nothing else stands on stdout."""
    folder = saved_run(tmp_path)

    assert offline.judge_command(str(folder), as_json=True) == 0

    assert json.loads(capsys.readouterr().out) == json.loads((folder / "verdicts.json").read_text())


def test_report_draws_what_verdicts_json_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page's verdict is the document's, and the path is printed."""
    folder = saved_run(tmp_path)
    write_all(folder)
    data = json.loads((folder / "verdicts.json").read_text())
    (folder / "verdicts.json").write_text(json.dumps(data | {"verdict": "unknown"}))
    (folder / "report.html").unlink()

    assert offline.report_command(str(folder)) == 0

    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    assert 'data-verdict="unknown"' in (folder / "report.html").read_text()


def test_report_draws_a_run_that_was_killed_before_its_verdicts(tmp_path: Path) -> None:
    """Then from the journal's claims."""
    assert 'data-verdict="upheld"' in redraw(saved_run(tmp_path)).read_text()


def test_a_broken_verdicts_file_is_one_line_with_the_remedy(tmp_path: Path) -> None:
    """Not guessed at."""
    folder = saved_run(tmp_path)
    (folder / "verdicts.json").write_text('{"schema": 9}')

    with pytest.raises(RequestError, match="harness judge writes it anew"):
        redraw(folder)


def test_a_run_is_found_by_name_folder_or_latest(tmp_path: Path) -> None:
    """All three name the same folder."""
    folder = saved_run(tmp_path)
    (tmp_path / "latest").symlink_to(folder.name)

    for name in (folder.name, str(folder), "latest"):
        assert offline.find_run(name, (tmp_path,)) == folder.resolve()


def test_an_unknown_run_is_one_line_with_those_known(tmp_path: Path) -> None:
    """Or that there is none yet."""
    with pytest.raises(RequestError, match="no saved run yet"):
        offline.find_run("latest", (tmp_path,))
    with pytest.raises(RequestError, match="there is none"):
        offline.find_run("nonesuch", (tmp_path,))
    folder = saved_run(tmp_path)
    with pytest.raises(RequestError, match=folder.name):
        offline.find_run("nonesuch", (tmp_path,))
