"""Can the lab run here at all? Asked before anything is started, answered with what to do about it."""

from __future__ import annotations

import importlib.resources
import os
import platform
import pwd
import shutil
import sys
from pathlib import Path
from typing import Final

from harness import shell
from harness.errors import RequestError, Unmeasurable
from harness.lab.uml import disk, state

RESIDENT_MB: Final = 600  # what a node's kernel and engine really use, with a margin over the measured 450
SETUP_MB: Final = 4000  # what a first set-up needs in the cache, at its widest
RUNNING_MB: Final = 150  # what a node writes to its own disk in an ordinary run

_PROGRAMS: Final = {"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "openssl": "openssl"}
_SETUP_PROGRAMS: Final = {"mmdebstrap": "mmdebstrap", "tar": "tar"}
_USER_PROGRAMS: Final = {"newuidmap": "uidmap"}
_ELSEWHERE: Final = "attach to a swarm instead, with --target tcp://HOST:2376 or --target context:NAME"
_ALLOW: Final = (
    "allow them with `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu 24.04), "
    "`sysctl -w user.max_user_namespaces=10000`, or for a container `--privileged`"
)


def host_packages() -> tuple[str, ...]:
    """The Debian packages that this machine needs, from ``host-packages.txt``."""
    text = (importlib.resources.files("harness.lab") / "host-packages.txt").read_text()
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


def require_platform(system: str = sys.platform, machine: str | None = None) -> None:
    """Refuse where the lab's kernel cannot run.

    Raises:
        Unmeasurable: this is not Linux on amd64.
    """
    machine = machine or platform.machine()
    if system != "linux" or machine not in {"x86_64", "AMD64"}:
        raise Unmeasurable(f"the lab needs Linux on amd64, this is {system} on {machine}", remedy=_ELSEWHERE)


def require_programs(*, setting_up: bool) -> None:
    """Refuse where programs of the host are missing.

    Raises:
        RequestError: names the Debian packages to install.
    """
    wanted = dict(_PROGRAMS)
    if setting_up:
        wanted |= _SETUP_PROGRAMS
        if os.geteuid() != 0:
            wanted |= _USER_PROGRAMS
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    missing = sorted({package for name, package in wanted.items() if shutil.which(name, path=path) is None})
    if missing:
        raise RequestError(
            f"the lab needs Debian packages that are not installed: {' '.join(missing)}",
            remedy=f"an administrator installs them with `apt-get install {' '.join(missing)}`",
        )
    if setting_up and os.geteuid() != 0:
        _require_sub_ids()


def _require_sub_ids() -> None:
    name = pwd.getpwuid(os.geteuid()).pw_name
    for file in ("/etc/subuid", "/etc/subgid"):
        try:
            owners = {line.split(":")[0] for line in Path(file).read_text().splitlines()}
        except OSError:
            owners = set()
        if not owners & {name, str(os.geteuid())}:
            raise RequestError(
                f"{name} has no range in {file}, so no Debian root can be built without root",
                remedy=f"an administrator runs `usermod --add-subuids 100000-165535 "
                f"--add-subgids 100000-165535 {name}`",
            )


def require_namespaces() -> None:
    """Refuse where user namespaces are forbidden.

    Raises:
        Unmeasurable: says how to allow them.
    """
    words = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "true"]
    done = shell.run(words, check=False, bound=10.0)
    if not done.ok:
        why = done.err.strip().splitlines()[-1:] or [f"exit {done.code}"]
        raise Unmeasurable(f"user namespaces are forbidden here ({why[0]})", remedy=_ALLOW)


def require_room(nodes: int, *, setting_up: bool) -> None:
    """Refuse where guests' memory or the cache would not fit.

    Args:
        nodes: how many kernels will run.
        setting_up: whether the roots and the base disk are still to be made.

    Raises:
        Unmeasurable: names the place, what is free and what is needed.
    """
    memory = disk.guest_memory()
    elsewhere = "free some, or name another place with HARNESS_LAB_MEMORY (a container: --shm-size=4g)"
    _require_free(memory, nodes * RESIDENT_MB, f"the memory of {nodes} nodes", elsewhere)
    if not os.access(memory, os.W_OK):
        raise Unmeasurable(f"{memory} is not writable, and guests' memory lives there", remedy=elsewhere)
    if os.statvfs(memory).f_flag & os.ST_NOEXEC:
        raise Unmeasurable(f"{memory} is mounted noexec, and kernels run code from there", remedy=elsewhere)
    available = _available_mb()
    if available < nodes * RESIDENT_MB:
        raise Unmeasurable(
            f"{nodes} nodes need about {nodes * RESIDENT_MB} MB of memory, {available} MB are available",
            remedy="ask for fewer nodes with --managers and --workers, or free some memory",
        )
    cache = state.cache_root()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unmeasurable(
            f"the cache {cache} cannot be made: {error.strerror}", remedy="set HARNESS_CACHE"
        ) from error
    need = (SETUP_MB if setting_up else 0) + nodes * RUNNING_MB
    _require_free(cache, need, "the lab's cache", "free some, or set HARNESS_CACHE to a place with more room")


def _require_free(place: Path, need_mb: int, what: str, remedy: str) -> None:
    try:
        found = os.statvfs(place)
    except OSError as error:
        raise Unmeasurable(f"{place} is needed for {what}: {error.strerror}", remedy=remedy) from error
    free_mb = found.f_bavail * found.f_frsize // (1 << 20)
    if free_mb < need_mb:
        raise Unmeasurable(
            f"no room for {what} in {place}: {need_mb} MB needed, {free_mb} MB free", remedy=remedy
        )


def _available_mb() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0
