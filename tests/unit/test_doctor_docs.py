"""The page on the preflight names what the code does."""

from __future__ import annotations

from pathlib import Path

from harness.doctor.cluster import KNOWN_BAD
from harness.doctor.lines import CHECKS, State
from harness.errors import Exit

PAGE = (Path(__file__).resolve().parents[2] / "docs/doctor.md").read_text()
NEVER = {"offload", "outside", "verifies"}  # have no stop


def test_every_check_has_its_row_in_order() -> None:
    """Id and question stand there."""
    rows = [line.split("|")[1].strip(" `") for line in PAGE.splitlines() if line.startswith("| `")]

    assert [row for row in rows if row not in set(State)] == [check.id for check in CHECKS]


def test_the_exit_codes_are_those_of_the_table() -> None:
    """Which stop means what."""
    rows = {line[2]: line.split("|")[3] for line in PAGE.splitlines() if line[:3] in {"| 1", "| 2"}}
    for code, fault in (("1", Exit.REFUTED), ("2", Exit.BAD_REQUEST)):
        stops = {check.id for check in CHECKS if check.fault is fault and check.id not in NEVER}
        assert stops == {word for word in rows[code].split("`")[1::2] if word in {one.id for one in CHECKS}}
    excepted = next(line for line in PAGE.splitlines() if line.startswith("| 3"))
    spared = {check.id for check in CHECKS if not check.vital}
    assert spared == set(excepted.split("`")[1::2])


def test_versions_that_are_known_to_be_bad_are_listed() -> None:
    """All of them."""
    row = next(line for line in PAGE.splitlines() if line.startswith("| `versions`"))

    for bad in KNOWN_BAD:
        assert all(".".join(map(str, version)) in row for version in bad.versions)
