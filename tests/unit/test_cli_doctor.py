"""``harness doctor`` as a command: bad input in one line, and what it prints and exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import report
from harness.cli import app, doctor
from harness.doctor.lines import Line, ok, stop, unknown
from harness.report.doctor import DoctorDocument


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, where reports are written too; signals stay as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr(app, "_listen", list)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--frobnicate",), 2, "--frobnicate"),
        (("here",), 2, "here"),
        (("--config", "none.toml"), 2, "check --config"),
        (("--target", "swarm"), 2, "'swarm' is of no known kind"),
        (("--target", "ssh://host"), 2, "ssh:// targets are not supported"),
        (("--target", "context:none"), 2, "no docker context 'none'"),
        (("--target", "tcp://127.0.0.1:1"), 3, "cannot be reached"),
        (("--target", "unix:///none/docker.sock", "--json"), 3, "docker.sock"),
    ],
)
def test_bad_input_is_one_line(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, told: str
) -> None:
    """With its exit code, nothing on stdout and no folder left."""
    assert app.run(["doctor", *words]) == code

    seen = capsys.readouterr()
    assert (seen.out, seen.err.count("\n")) == ("", 1)
    assert told in seen.err
    assert not list(place.glob("reports/*"))


def test_a_wrong_key_in_the_configuration(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked."""
    (place / "harness.toml").write_text("target = 'tcp://127.0.0.1:1'\nreplica = 3\n")

    assert app.run(["doctor"]) == 2
    assert "replica: unknown key" in capsys.readouterr().err


FINE = ok("kernel", "ip_vs, vxlan work", "a", "b")


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ((FINE,), 0),
        ((FINE, stop("firewall", "both", "use one", "a")), 1),
        ((FINE, stop("ports", "taken", "free it")), 2),
        ((FINE, unknown("mtu", "untold", "look", "a")), 3),
    ],
)
def test_the_exit_code_and_both_ways_to_read_it(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lines: tuple[Line, ...],
    code: int,
) -> None:
    """A line per check for people, a checked document for programs; the run's folder stays."""
    monkeypatch.setattr(doctor, "_examined", lambda *_, **__: (1.0, lines))
    monkeypatch.setattr(report, "write_all", lambda folder: None)

    assert app.run(["doctor", "--target", "tcp://127.0.0.1:1"]) == code
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "ok       kernel        2 nodes: ip_vs, vxlan work"
    assert printed[-1].startswith("took    1.0 s; evidence in ")

    assert app.run(["doctor", "--target", "tcp://127.0.0.1:1", "--json"]) == code
    found = DoctorDocument.model_validate(json.loads(capsys.readouterr().out))
    runs = {path.name for path in place.glob("reports/*")}
    assert (found.exit, len(runs)) == (code, 2)
    assert found.run in runs
