"""The table of promises and how a request narrows it."""

from __future__ import annotations

import pytest

from harness import checks
from harness.errors import RequestError


def test_a_profile_contains_those_before_it() -> None:
    """Release verifies all that smoke verifies, and full all that release does."""
    assert set(checks.of_profile("smoke")) < set(checks.of_profile("release"))
    assert set(checks.of_profile("release")) < set(checks.of_profile("full"))


def test_ids_are_unique() -> None:
    """An id names one promise."""
    ids = [check.id for check in checks.CHECKS]

    assert len(ids) == len(set(ids))


def test_smoke_breaks_nothing() -> None:
    """Only smoke runs on swarms that are not ours, so none of it may be disruptive."""
    assert not [check.id for check in checks.of_profile("smoke") if check.disruptive]


def test_a_group_stands_for_its_checks() -> None:
    """``spread`` selects ``spread.covered`` and ``spread.even``."""
    chosen = checks.select("smoke", only=["spread"])

    assert [check.id for check in chosen] == ["spread.covered", "spread.even"]


def test_a_group_stands_for_those_of_the_profile() -> None:
    """What a larger profile has of it besides is no reason to refuse the smaller one."""
    assert [check.id for check in checks.select("smoke", only=["vip"])] == ["vip.resolves"]
    assert len(checks.select("full", only=["vip"])) > 1


def test_skip_takes_away() -> None:
    """What is skipped is not selected."""
    chosen = checks.select("smoke", only=["spread,vip"], skip=["spread.even"])

    assert [check.id for check in chosen] == ["spread.covered", "vip.resolves"]


@pytest.mark.parametrize(
    ("profile", "only", "skip", "says"),
    [
        ("nightly", [], [], "unknown profile 'nightly'"),
        ("smoke", ["spred"], [], "unknown check 'spred'"),
        ("smoke", [""], [], "unknown check ''"),
        ("smoke", ["load.fresh"], [], "not in profile smoke"),
        ("smoke", ["spread"], ["spread"], "no check is left"),
    ],
)
def test_a_wrong_request_is_refused_with_its_reason(
    profile: str, only: list[str], skip: list[str], says: str
) -> None:
    """A person who mistypes learns what and where the right words stand."""
    with pytest.raises(RequestError, match=says):
        checks.select(profile, only=only, skip=skip)


def test_every_check_belongs_to_a_chapter() -> None:
    """Reports head them; an id of a later version has at least its first word."""
    assert {one.id for one in checks.CHECKS if one.id.partition(".")[0] not in checks.CHAPTERS} == set()
    assert checks.chapter_of("volume.kept") == "Local volumes"
    assert checks.chapter_of("teleport.works") == "teleport"
