"""Which mirror, which packages, and when a root must be made anew."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from pathlib import Path

import pytest

from harness.errors import Unmeasurable
from harness.lab.uml import roots

DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
"""


def apt(tmp_path: Path, name: str, text: str) -> Path:
    """An apt configuration directory with one file."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return tmp_path


def test_the_machines_mirror_is_used(tmp_path: Path) -> None:
    """A Debian mirror named in deb822 sources serves trixie too."""
    found = roots.host_mirrors(apt(tmp_path, "sources.list.d/debian.sources", DEB822))
    assert found == roots.Mirrors("http://mirror.example/debian", "http://mirror.example/security")


def test_the_machines_mirror_is_found_in_one_line_sources(tmp_path: Path) -> None:
    """The older format, with options, is read as well."""
    line = "deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian/ trixie main non-free\n"
    assert roots.host_mirrors(apt(tmp_path, "sources.list", line)).main == "https://mirror.example/debian"


@pytest.mark.parametrize(
    "line",
    [
        "deb http://archive.ubuntu.com/ubuntu noble main",
        "deb https://deb.nodesource.com/node_20.x nodistro main",
        "deb http://snapshot.debian.org/archive/debian/20250520T000000Z bookworm main",
        "deb file:///srv/debian bookworm main",
        "# deb http://mirror.example/debian bookworm main",
    ],
)
def test_other_sources_are_not_taken_for_debian(tmp_path: Path, line: str) -> None:
    """Another distribution, another vendor, a frozen snapshot or a comment leave Debian's own mirror."""
    found = roots.host_mirrors(apt(tmp_path, "sources.list", line + "\n"))
    assert found.main == "http://deb.debian.org/debian"


def test_no_sources_at_all(tmp_path: Path) -> None:
    """A machine without apt uses Debian's own mirrors."""
    assert roots.host_mirrors(tmp_path / "none").main == "http://deb.debian.org/debian"


def test_a_root_is_made_anew_when_its_recipe_changes() -> None:
    """Another package or hook gives another key; the order of packages does not."""
    recipe = roots.Recipe("node", ("a", "b"))
    assert recipe.key == roots.Recipe("node", ("b", "a")).key
    assert recipe.key != dataclasses.replace(recipe, packages=("a", "b", "c")).key
    assert recipe.key != dataclasses.replace(recipe, hooks=("true",)).key


def test_a_digest_knows_where_parts_end() -> None:
    """Moving a letter from one part to the next changes it."""
    assert roots.digest(["ab", "c"]) != roots.digest(["a", "bc"])


def test_the_builder_gets_packages_suite_and_sources() -> None:
    """The command line names suite, target and sources last, and every package of the recipe."""
    words = roots.mmdebstrap(roots.NODE_RECIPE, Path("/w/node.list"), "/w/node.tar")
    assert words[-3:] == ["trixie", "/w/node.tar", "/w/node.list"]
    included = next(word for word in words if word.startswith("--include="))
    assert {"docker.io", "docker-cli", "ipvsadm"} <= set(included.removeprefix("--include=").split(","))
    assert sum("iptables-legacy" in word for word in words) == 1


def test_versions_are_read_from_the_archive(tmp_path: Path) -> None:
    """The list that the builder left in the root gives package and version."""
    path = tmp_path / "node.tar"
    text = b"docker.io 26.1.5+dfsg1-9\ncontainerd 1.7.24\n"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("./lab-packages.txt")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    assert roots.packages_of_tar(path) == {"docker.io": "26.1.5+dfsg1-9", "containerd": "1.7.24"}


def test_a_manifest_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Versions are written and read back; a missing or broken file tells nothing."""
    path = tmp_path / "manifest.json"
    assert roots.read_manifest(path) == {}
    roots.write_manifest(path, {"a": "1"})
    assert roots.read_manifest(path) == {"a": "1"}
    path.write_text("{")
    assert roots.read_manifest(path) == {}


def test_only_the_modules_that_a_node_needs_are_taken(tmp_path: Path) -> None:
    """Network, overlay and crypto modules go along, sound does not; a root without a kernel is an error."""
    tools = tmp_path / "tools"
    with pytest.raises(Unmeasurable, match="no User-mode Linux kernel"):
        roots.kernel_modules(tools, tmp_path / "none")
    source = tools / "usr/lib/uml/modules/6.12.1"
    for name in ("net", "drivers/net", "fs/overlayfs", "crypto", "lib", "sound"):
        (source / "kernel" / name).mkdir(parents=True)
        (source / "kernel" / name / "x.ko").touch()
    (source / "modules.dep").touch()
    roots.kernel_modules(tools, tmp_path / "into")
    target = tmp_path / "into/usr/lib/modules/6.12.1"
    assert (target / "modules.dep").exists()
    assert (target / "kernel/net/x.ko").exists()
    assert not (target / "kernel/sound").exists()
