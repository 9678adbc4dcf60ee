"""The report opened in a real browser: Debian's Chromium, offline."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.report import write_all
from tests.saved_pairs import pairs_run
from tests.saved_runs import saved_run

pytestmark = pytest.mark.parametrize("broken", [False, True], ids=["healthy", "broken"])


def browse(page: Path, profile: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    """Open the page with a fresh profile and no network; scripts have run when this returns."""
    program = shutil.which("chromium")
    assert program is not None, "chromium is missing: apt-get install chromium"
    return subprocess.run(
        [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1280,2400",
            "--virtual-time-budget=10000",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}",
            "--enable-logging=stderr",
            *extra,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path, broken: bool) -> Path:
    """A run's folder with its report; the broken run's answers hold HTML."""
    made = saved_run(tmp_path / "reports", broken=broken, hostile=broken)
    write_all(made)
    return made


def test_the_page_opens_without_a_console_error_and_says_what_verdicts_json_says(
    folder: Path, tmp_path: Path
) -> None:
    """Heat-map cells = nodes x replicas, every figure drawn, no answer became part of the page."""
    verdicts = json.loads((folder / "verdicts.json").read_text())

    seen = browse(folder / "report.html", tmp_path / "profile", "--dump-dom")

    assert [line for line in seen.stderr.splitlines() if ":CONSOLE" in line] == []
    shown = re.search(r'<span id="verdict">(\w+)</span>', seen.stdout)
    assert shown is not None
    assert shown[1] == verdicts["verdict"]
    ingress, vip, *_ = re.findall(
        r'<table class="heat" data-path="(\w+)".*?>(.*?)</table>', seen.stdout, re.DOTALL
    )
    for path, table in (ingress, vip):
        assert path in {"ingress", "vip"}
        assert len(re.findall(r'<td class="cell\b', table)) == len(verdicts["target"]["nodes"]) * 6
    assert len(re.findall(r'<svg class="main-svg"[^>]*>', seen.stdout)) >= 3
    assert 'data-drawn="3"' in seen.stdout
    assert "<img" not in seen.stdout


def test_what_was_asked_pair_by_pair_is_drawn(tmp_path: Path, broken: bool) -> None:
    """Four tables without a console error; red where something was lost, and nowhere else."""
    folder = pairs_run(tmp_path / "reports", broken=broken)
    write_all(folder)

    seen = browse(folder / "report.html", tmp_path / "profile", "--dump-dom")

    assert [line for line in seen.stderr.splitlines() if ":CONSOLE" in line] == []
    assert re.findall(r'data-pairs="(\w+)"', seen.stdout) == ["mesh", "sizes", "vantages", "mesh"]
    assert ('class="pair lost"' in seen.stdout) == broken
    assert "<img" not in seen.stdout


def test_a_picture_of_it_can_be_taken(folder: Path, tmp_path: Path) -> None:
    """As for the README: the page is drawn, not blank."""
    picture = tmp_path / "report.png"

    browse(folder / "report.html", tmp_path / "profile", f"--screenshot={picture}")

    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 100_000
