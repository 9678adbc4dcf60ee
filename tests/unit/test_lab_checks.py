"""A machine that cannot run the lab is told why, and what to do, before anything starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import shell
from harness.errors import RequestError, Unmeasurable
from harness.lab.uml import checks


@pytest.mark.parametrize(("system", "machine"), [("darwin", "x86_64"), ("linux", "aarch64")])
def test_other_machines_are_pointed_to_an_attached_target(system: str, machine: str) -> None:
    """Not Linux on amd64: one line that says what works instead."""
    with pytest.raises(Unmeasurable, match="--target"):
        checks.require_platform(system, machine)
    checks.require_platform("linux", "x86_64")


def none_of(*missing: str) -> Callable[..., str | None]:
    """A ``which`` that finds all programs but these."""
    return lambda name, **_: None if name in missing else f"/usr/bin/{name}"


def test_missing_programs_are_named_as_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names Debian packages for an administrator; what set-up alone needs is asked only then."""
    monkeypatch.setattr(shutil, "which", none_of("mmdebstrap", "nsenter"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(RequestError, match="apt-get install mmdebstrap util-linux"):
        checks.require_programs(setting_up=True)
    monkeypatch.setattr(shutil, "which", none_of("mmdebstrap"))
    checks.require_programs(setting_up=False)


def test_an_ordinary_user_needs_newuidmap_for_the_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root, building a root needs the package uidmap; root does not need it."""
    monkeypatch.setattr(shutil, "which", none_of("newuidmap"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RequestError, match="uidmap"):
        checks.require_programs(setting_up=True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    checks.require_programs(setting_up=True)


def test_forbidden_namespaces_come_with_the_way_to_allow_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's refusal is quoted, and Ubuntu's rule, the sysctl and containers are named."""
    refused = shell.Done(("unshare",), 1, "", "unshare: unshare failed: Operation not permitted\n")
    monkeypatch.setattr(shell, "run", lambda *_, **__: refused)
    with pytest.raises(Unmeasurable, match="Operation not permitted") as caught:
        checks.require_namespaces()
    for word in ("apparmor_restrict_unprivileged_userns", "max_user_namespaces", "--privileged"):
        assert word in caught.value.remedy


def room(
    monkeypatch: pytest.MonkeyPatch, free_mb: dict[str, int], memory_mb: int = 100_000, flags: int = 0
) -> None:
    """A machine with so much room in these places."""

    def statvfs(place: Path) -> os.statvfs_result:
        blocks = free_mb[str(place)]
        return os.statvfs_result((1 << 20, 1 << 20, blocks, blocks, blocks, 0, 0, 0, flags, 255))

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(checks, "_available_mb", lambda: memory_mb)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A cache and a place for guests' memory that exist."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HARNESS_LAB_MEMORY", str(tmp_path))
    return str(tmp_path / "cache")


def test_too_little_room_for_guests_memory(
    monkeypatch: pytest.MonkeyPatch, cache: str, tmp_path: Path
) -> None:
    """A container's 64 MB of /dev/shm are not enough, and the error says how to get more."""
    room(monkeypatch, {str(tmp_path): 64, cache: 100_000})
    with pytest.raises(Unmeasurable, match=r"1800 MB needed, 64 MB free: .*--shm-size"):
        checks.require_room(3, setting_up=False)


def test_guests_memory_must_be_executable(
    monkeypatch: pytest.MonkeyPatch, cache: str, tmp_path: Path
) -> None:
    """A /dev/shm that is mounted noexec cannot hold a kernel's memory."""
    room(monkeypatch, {str(tmp_path): 100_000, cache: 100_000}, flags=os.ST_NOEXEC)
    with pytest.raises(Unmeasurable, match="noexec"):
        checks.require_room(3, setting_up=False)


def test_too_little_room_in_the_cache(monkeypatch: pytest.MonkeyPatch, cache: str, tmp_path: Path) -> None:
    """A first set-up needs more than a warm start; each is asked for what it needs."""
    room(monkeypatch, {str(tmp_path): 100_000, cache: 1000})
    checks.require_room(3, setting_up=False)
    with pytest.raises(Unmeasurable, match="HARNESS_CACHE"):
        checks.require_room(3, setting_up=True)


def test_too_little_memory(monkeypatch: pytest.MonkeyPatch, cache: str, tmp_path: Path) -> None:
    """Nine nodes on a machine for three are refused before they make it swap."""
    room(monkeypatch, {str(tmp_path): 100_000, cache: 100_000}, memory_mb=2000)
    checks.require_room(3, setting_up=False)
    with pytest.raises(Unmeasurable, match="fewer nodes"):
        checks.require_room(9, setting_up=False)


def test_a_place_that_is_not_there(monkeypatch: pytest.MonkeyPatch, cache: str) -> None:
    """A wrong HARNESS_LAB_MEMORY is named."""
    monkeypatch.setenv("HARNESS_LAB_MEMORY", "/nowhere/at/all")
    with pytest.raises(Unmeasurable, match="/nowhere/at/all"):
        checks.require_room(1, setting_up=False)


def test_the_list_of_host_packages_covers_every_program() -> None:
    """Each package that an error can name is one that ``./run`` installs as root."""
    named = {*checks._PROGRAMS.values(), *checks._SETUP_PROGRAMS.values(), *checks._USER_PROGRAMS.values()}
    assert named <= set(checks.host_packages())
