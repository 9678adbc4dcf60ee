"""The two Debian roots: the tools that the lab itself runs, and what every node's disk is made from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from harness import shell
from harness.errors import Unmeasurable
from harness.lab.uml import scope

SUITE: Final = "trixie"
RECIPE: Final = "3"  # raise it when what this module or `disk` makes changes
BOUND: Final = 900.0  # seconds for one root; a slow mirror, not a slow machine, decides
_DEFAULT_MIRROR: Final = "http://deb.debian.org/debian"
_DEFAULT_SECURITY: Final = "http://deb.debian.org/debian-security"
_PACKAGE_LIST: Final = "lab-packages.txt"

KERNEL_PACKAGE: Final = "user-mode-linux"
# mke2fs reads a tar archive (so that owners survive without privileges) with libarchive's help
TOOLS: Final = (KERNEL_PACKAGE, "docker-registry", "e2fsprogs", "libarchive13t64", "kmod")
NODE: Final = (
    "docker.io", "docker-cli", "iproute2", "iptables", "ipvsadm", "kmod", "procps", "conntrack", "curl",
    "ca-certificates",
)  # fmt: skip
_LEGACY_TABLES: Final = tuple(  # none of Debian's UML kernels has nf_tables for IPv4
    f'chroot "$1" update-alternatives --set {name} /usr/sbin/{name}-legacy'
    for name in ("iptables", "ip6tables")
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A root: its packages, and shell lines run at its end with the root as ``$1``."""

    name: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Changes when the root would."""
        return digest([RECIPE, SUITE, *sorted(self.packages), *self.hooks])


def tools_recipe(more: Iterable[str]) -> Recipe:
    """The tools root, with what building the images needs besides."""
    return Recipe("tools", tuple(sorted({*TOOLS, *more})))


NODE_RECIPE: Final = Recipe("node", NODE, _LEGACY_TABLES)


def digest(parts: Iterable[str | bytes]) -> str:
    """A short hash of ``parts``, in order."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()[:12]


@dataclasses.dataclass(frozen=True)
class Mirrors:
    """Where packages come from."""

    main: str
    security: str

    def sources(self) -> str:
        """The lines for apt."""
        return (
            f"deb {self.main} {SUITE} main\n"
            f"deb {self.main} {SUITE}-updates main\n"
            f"deb {self.security} {SUITE}-security main\n"
        )


def host_mirrors(apt: Path = Path("/etc/apt")) -> Mirrors:
    """The mirrors this machine uses for Debian, or Debian's own where it is none or uses others."""
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    texts = [
        path.read_text(errors="replace")
        for path in files
        if path.suffix in {".list", ".sources"} and path.is_file()
    ]
    found: dict[str, str] = {}
    known = r"(?:bookworm|trixie|forky|stable|testing|sid|unstable)"
    for text in texts:
        entries = re.findall(r"^deb(?:\s+\[[^\]]*\])?\s+(\S+)\s+(\S+)\s+.*\bmain\b", text, re.MULTILINE)
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"^(\w[\w-]*):[ \t]*(.*)$", stanza, re.MULTILINE))
            if "deb" in fields.get("Types", "").split() and "main" in fields.get("Components", "").split():
                uris, suites = fields.get("URIs", "").split(), fields.get("Suites", "").split()
                entries += [(uri, suite) for uri in uris for suite in suites]
        for uri, suite in entries:
            if not uri.startswith(("http://", "https://")) or "snapshot" in uri:
                continue
            if re.fullmatch(known, suite) and uri.rstrip("/").endswith("/debian"):
                found.setdefault("main", uri.rstrip("/"))
            if re.fullmatch(rf"{known}-security", suite):
                found.setdefault("security", uri.rstrip("/"))
    return Mirrors(found.get("main", _DEFAULT_MIRROR), found.get("security", _DEFAULT_SECURITY))


def _apt_proxies() -> list[str]:
    """The proxies that this machine's apt is configured with, as options for another apt."""
    try:
        dumped = shell.run(["apt-config", "dump"], check=False, bound=20.0).out
    except Unmeasurable:
        return []
    found = re.findall(r'^(Acquire::https?::Proxy(?:::\S+)?) "([^"]+)";', dumped, re.MULTILINE)
    return [f'--aptopt={name} "{value}"' for name, value in found]


def mmdebstrap(recipe: Recipe, sources: Path, target: str) -> list[str]:
    """The command line that builds ``recipe`` into ``target`` (a tar archive, ``-`` for standard output)."""
    root = os.geteuid() == 0
    words = [
        # as root, in a mount namespace: whatever is mounted in the new root must be gone when we are killed
        *(["unshare", "--mount", "--"] if root else []),
        "mmdebstrap",
        "--mode=root" if root else "--mode=unshare",
        "--variant=minbase",
        "--format=tar",
        "--architectures=amd64",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/info/*",
        '--aptopt=Acquire::Languages "none"',
        *_apt_proxies(),
        f"--include={','.join(recipe.packages)}",
    ]
    query = "dpkg-query -W -f '${Package} ${Version}\\n'"
    hooks = [*recipe.hooks, f'chroot "$1" {query} > "$1/{_PACKAGE_LIST}"']
    words += [f"--customize-hook={hook}" for hook in hooks]
    return [*words, SUITE, target, str(sources)]


def build_tar(recipe: Recipe, work: Path) -> Path:
    """Build ``recipe`` as ``work/<name>.tar`` and return its path.

    Raises:
        Unmeasurable: the packages could not be had.
    """
    tar = work / f"{recipe.name}.tar"
    _bootstrap(recipe, work, str(tar), None)
    return tar


def build_directory(recipe: Recipe, work: Path) -> Path:
    """Build ``recipe`` as the directory ``work/<name>``, all files ours, and return its path.

    Raises:
        Unmeasurable: the packages could not be had.
    """
    directory = work / recipe.name
    directory.mkdir()
    unpack = ["tar", "--extract", "--no-same-owner", "--exclude=./dev/*", f"--directory={directory}"]
    _bootstrap(recipe, work, "-", unpack)
    for mountpoint in ("cache", "memory", "work"):
        (directory / mountpoint).mkdir()
    return directory


def _bootstrap(recipe: Recipe, work: Path, target: str, unpack: list[str] | None) -> None:
    sources, log = work / f"{recipe.name}.list", work / f"{recipe.name}.log"
    sources.write_text(host_mirrors().sources())
    environment = {**os.environ, "TMPDIR": str(scratch(work)), "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("wb") as errors:
        maker = subprocess.Popen(
            mmdebstrap(recipe, sources, target),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if unpack else errors,
            stderr=errors,
            env=environment,
            cwd=work,
        )
        try:
            if unpack:
                subprocess.run(unpack, stdin=maker.stdout, stderr=errors, check=False, timeout=BOUND)
            code = maker.wait(timeout=BOUND)
        except subprocess.TimeoutExpired as error:
            raise Unmeasurable(
                f"the {recipe.name} root was not built within {BOUND:g} s (log: {log})"
            ) from error
        finally:
            maker.kill()
            if maker.stdout:
                maker.stdout.close()
            maker.wait()
    if code != 0:
        text = log.read_text(errors="replace")
        why = [line for line in text.splitlines() if line.startswith("E:")] or text.splitlines()[-1:]
        raise Unmeasurable(
            f"the {recipe.name} root could not be built: {' '.join(why)[:300]}",
            remedy="check that a Debian mirror can be reached (http_proxy and apt's settings are honoured)",
        )


def scratch(work: Path) -> Path:
    """Where a root is unpacked while it is built.

    Sub-ids own it there when we are an ordinary user, and a home directory is often closed to them; so it is
    in /tmp then, under a name that `remove_scratch` finds again.
    """
    if os.geteuid() == 0:
        return work
    place = Path(f"/tmp/swarm-harness-{os.geteuid()}-{digest([str(work.parent)])}")  # noqa: S108 -- see above
    place.mkdir(mode=0o755, exist_ok=True)
    if place.stat().st_uid != os.geteuid():
        raise Unmeasurable(f"{place} belongs to somebody else", remedy="have it removed")
    return place


def remove_scratch(work: Path) -> None:
    """Remove what an interrupted build left, whoever owns it."""
    place = scratch(work)
    if place == work:
        return
    shell.run(["unshare", *scope.user_flags(), "--", "rm", "-rf", place], bound=120.0, check=False)


def packages_of_tar(tar: Path) -> dict[str, str]:
    """Package -> version of a root built as a tar archive."""
    with tarfile.open(tar) as archive:
        member = archive.extractfile(f"./{_PACKAGE_LIST}")
        return _parse(member.read().decode() if member else "")


def packages_of_directory(root: Path) -> dict[str, str]:
    """Package -> version of a root built as a directory."""
    return _parse((root / _PACKAGE_LIST).read_text())


def _parse(text: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


def kernel_modules(tools: Path, into: Path) -> None:
    """Lay out, under ``into``, the modules of the tools root's kernel that a Swarm node can need.

    Raises:
        Unmeasurable: the tools root has no such kernel.
    """
    found = sorted((tools / "usr/lib/uml/modules").glob("*/modules.dep"))
    if not found:
        raise Unmeasurable(f"{tools} has no User-mode Linux kernel")
    source = found[-1].parent
    target = into / "usr/lib/modules" / source.name
    target.mkdir(parents=True)
    for path in source.glob("modules.*"):
        shutil.copy2(path, target)
    for part in ("net", "drivers/net", "fs/overlayfs", "crypto", "lib"):
        shutil.copytree(source / "kernel" / part, target / "kernel" / part)


def write_manifest(path: Path, versions: dict[str, str]) -> None:
    """Record package versions."""
    path.write_text(json.dumps(versions, indent=1, sort_keys=True) + "\n")


def read_manifest(path: Path) -> dict[str, str]:
    """Package -> version as `write_manifest` recorded them; empty when there is no such file."""
    try:
        document: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document
