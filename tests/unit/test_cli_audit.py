"""``harness audit`` and what it may do beyond reading kernels: said first, refused if unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import app, audit
from harness.inside.allowed import WARNING


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, where reports are written too; signals stay as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audit, "REPORTS", tmp_path / "reports")
    monkeypatch.setattr(app, "_listen", list)
    return tmp_path


def test_an_unknown_permission_is_a_wrong_request(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is asked, with the one that there is."""
    assert app.run(["audit", "--target", "unix:///none", "--allow", "everything"]) == 2

    seen = capsys.readouterr()
    assert (seen.out, seen.err.count("\n")) == ("", 1)
    assert "unknown permission 'everything'" in seen.err
    assert "node-inspect" in seen.err


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        (["--allow", "node-inspect"], WARNING + "\n", ""),
        (["--allow", "node-inspect", "--json"], "", WARNING + "\n"),
        ([], "", ""),
    ],
)
def test_what_it_takes_is_printed_before_it_is_used(
    capsys: pytest.CaptureFixture[str], words: list[str], out: str, err: str
) -> None:
    """Even where the engine then does not answer; programs read the document alone from stdout."""
    assert app.run(["audit", "--target", "unix:///none/docker.sock", *words]) == 3

    seen = capsys.readouterr()
    assert seen.out == out
    assert seen.err.startswith(err)
    assert ("root" in seen.out + seen.err) is bool(words)
