"""Debian packages as files: chosen and fetched by apt in the tools root, unpacked without running any."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.errors import Unmeasurable
from harness.lab.images.layers import Files
from harness.lab.images.recipes import UNWANTED_FILES, UNWANTED_FOLDERS, WORK
from harness.shell import run

_MIRROR = "see whether the package mirror answers: deb.debian.org, or what the machine's proxy settings name"
_HEADER = 60  # bytes of a member's header in an ar archive


class Apt:
    """apt in the tools root, asked as if nothing were installed."""

    def __init__(self, tools_root: Path) -> None:
        self._root = tools_root
        self._work = tools_root / WORK

    def prepare(self) -> None:
        """Fetch the package lists.

        Raises:
            CommandError: no mirror answered.
        """
        for folder in ("debs/partial", "lists/partial"):
            (self._work / folder).mkdir(parents=True, exist_ok=True)
        (self._work / "status").write_text("")
        self._apt("update", bound=120)

    def closure(self, packages: Iterable[str]) -> tuple[str, ...]:
        """Return the file names of ``packages`` and of all they depend on, as ``download`` will name them.

        Ask before anything is downloaded: apt leaves out what it has.
        """
        listed = self._apt("install", "--print-uris", "-y", *packages, bound=60)
        return tuple(line.split()[1] for line in listed.splitlines() if line.startswith("'"))

    def download(self, packages: Iterable[str]) -> dict[str, Path]:
        """Fetch ``packages`` and all they depend on; return package file name to path.

        Raises:
            CommandError: no mirror answered, or a package is not there.
        """
        self._apt("install", "--download-only", "-y", *packages, bound=300)
        return {path.name: path for path in (self._work / "debs").glob("*.deb")}

    def _apt(self, *words: str, bound: float) -> str:
        options = {
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false",
            "APT::Get::AllowUnauthenticated": "false",
            "Acquire::Retries": "3",
            "Acquire::Languages": "none",
            # all of apt's own folders: those of the root may belong to a user id that is not mapped here
            "Dir::State": f"/{WORK}",
            "Dir::State::status": f"/{WORK}/status",
            "Dir::Cache": f"/{WORK}",
            "Dir::Cache::archives": f"/{WORK}/debs",
        }
        given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        argv: list[str | Path] = ["chroot", self._root, "/usr/bin/apt-get", "-q", *given, *words]
        return run(
            argv, bound=bound, env={"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}, remedy=_MIRROR
        ).out


def package_of(filename: str) -> str:
    """The package's name: ``bash`` of ``bash_5.2.37-2_amd64.deb``."""
    return filename.split("_", 1)[0]


def unpack(deb: Path, only: Mapping[str, tuple[str, ...]]) -> Files:
    """Return what a package installs and a container needs, by path.

    Raises:
        Unmeasurable: the file is no Debian package.
    """
    endings = only.get(package_of(deb.name))
    found: Files = {}
    with tarfile.open(fileobj=io.BytesIO(_data(deb)), mode="r:*") as archive:
        for member in archive:
            path = member.name.removeprefix("./").rstrip("/")
            if not path or path == "." or not _wanted(path):
                continue
            if endings and not path.endswith(endings):
                continue
            member.name = path
            if member.islnk():
                member.linkname = member.linkname.removeprefix("./")
            content = archive.extractfile(member) if member.isreg() else None
            found[path] = (member, content.read() if content else b"")
    return found


def _wanted(path: str) -> bool:
    return path not in UNWANTED_FILES and not any(
        path == folder or path.startswith(folder + "/") for folder in UNWANTED_FOLDERS
    )


def _data(deb: Path) -> bytes:
    for name, content in _members(deb):
        if name.startswith("data.tar"):
            return content
    raise Unmeasurable(f"{deb.name} is no Debian package", remedy="remove the lab's cache and try again")


def _members(deb: Path) -> Iterator[tuple[str, bytes]]:
    raw = deb.read_bytes()
    at = len(b"!<arch>\n")
    while at + _HEADER <= len(raw):
        header = raw[at : at + _HEADER]
        size = int(header[48:58])
        yield header[:16].decode().strip().rstrip("/"), raw[at + _HEADER : at + _HEADER + size]
        at += _HEADER + size + size % 2
