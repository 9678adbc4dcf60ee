"""Where the lab keeps its files, and the one way to know whether a lab is alive: locks die with processes.

A record on disk is never believed by itself. The holder process keeps a POSIX lock for as long as it lives,
and the kernel tells who has it; whatever a killed run left behind is found, or found gone, that way.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import select
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import harness
from harness.errors import RequestError, Unmeasurable
from harness.lab.protocol import LabNode, Role

SUBNET: Final = "192.168.200"
GATEWAY: Final = f"{SUBNET}.1"
MOST_NODES: Final = 9
_FLOCK: Final = "hhqqi4x"  # struct flock on 64-bit Linux: type, whence, start, length, pid


def cache_root() -> Path:
    """The cache: ``HARNESS_CACHE``, or ``swarm-harness`` in the user's cache directory."""
    given = os.environ.get("HARNESS_CACHE")
    if given:
        return Path(given).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "swarm-harness"


def lab_key() -> str:
    """Which lab is ours: one per checkout, or the one that ``HARNESS_LAB`` names."""
    given = os.environ.get("HARNESS_LAB")
    if given:
        if not given.replace("-", "").isalnum():
            raise RequestError(f"HARNESS_LAB={given!r} is no name for a lab", remedy="use letters and digits")
        return given
    checkout = Path(harness.__file__).resolve().parent.parent
    return hashlib.sha256(str(checkout).encode()).hexdigest()[:8]


def plan(managers: int, workers: int) -> tuple[LabNode, ...]:
    """The nodes of a lab, managers first, with the names and addresses that the documentation uses.

    Raises:
        RequestError: no manager, a negative number, or more than nine nodes together.
    """
    if managers < 1 or workers < 0 or managers + workers > MOST_NODES:
        raise RequestError(
            f"a lab of {managers} managers and {workers} workers is not possible",
            remedy=f"ask for at least 1 manager and at most {MOST_NODES} nodes together",
        )
    lead = [LabNode("swarm-manager", f"{SUBNET}.10", Role.MANAGER)]
    others = [
        LabNode(f"swarm-manager{n}", f"{SUBNET}.{18 + n}", Role.MANAGER) for n in range(2, managers + 1)
    ]
    hands = [LabNode(f"swarm-worker{n}", f"{SUBNET}.{10 + n}", Role.WORKER) for n in range(1, workers + 1)]
    return (*lead, *others, *hands)


@dataclasses.dataclass(frozen=True)
class Places:
    """The files of one lab, all in one directory of the cache."""

    root: Path

    @property
    def alive(self) -> Path:
        """Locked by the holder for as long as it lives."""
        return self.root / "alive.lock"

    @property
    def turn(self) -> Path:
        """Locked by whoever changes the lab (up, down, power), so that two do not at once."""
        return self.root.with_name(f"{self.root.name}.turn")

    @property
    def control(self) -> Path:
        """The holder's socket."""
        return self.root / "control"

    @property
    def certs(self) -> Path:
        """The lab's CA, and the certificates made with it."""
        return self.root / "certs"

    @property
    def record(self) -> Path:
        """What the lab was asked to be: describes it, never proves that it runs."""
        return self.root / "lab.json"

    def node(self, hostname: str) -> Path:
        """The files of one node: disk, seed, console log, channels."""
        return self.root / "nodes" / hostname


def places(key: str | None = None) -> Places:
    """The files of our lab, or of the one called ``key``."""
    return Places(cache_root() / "labs" / (key or lab_key()))


@contextlib.contextmanager
def locked(path: Path, *, bound: float, busy: str) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; dies with the process.

    Args:
        path: the lock file, made if it is not there.
        bound: seconds to wait for another holder.
        busy: what the other one is doing, for the error.

    Raises:
        Unmeasurable: another process still has it after ``bound``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + bound
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise Unmeasurable(
                        f"another process is {busy} ({path})", remedy="wait for it to end, or stop it"
                    ) from None
                time.sleep(0.05)
        yield


def keep_alive_lock(path: Path) -> int:
    """Take the lock that says that this process, the holder, lives.

    Returns:
        The open descriptor; the lock is lost when any descriptor of that file is closed in this process.

    Raises:
        OSError: another process has it.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return fd


def holder_pid(where: Places) -> int | None:
    """The process id of the lab's holder, from the kernel's own book of locks; None when none lives."""
    try:
        fd = os.open(where.alive, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    finally:
        os.close(fd)
    return None if kind == fcntl.F_UNLCK or pid <= 0 else int(pid)


def kill_holder(where: Places, *, bound: float = 20.0) -> bool:
    """Kill the holder, and with it (it is the first process of its pid namespace) all that the lab runs.

    Returns:
        Whether there was one. When this returns, none of its processes is left.

    Raises:
        Unmeasurable: it was not gone within ``bound`` seconds.
    """
    pid = holder_pid(where)
    if pid is None:
        return False
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if holder_pid(where) != pid:  # the number was given to another process meanwhile
            return True
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        # A pidfd becomes readable only when the whole pid namespace is empty.
        if not select.select([fd], [], [], bound)[0]:
            raise Unmeasurable(f"the lab's holder process {pid} did not end within {bound:g} s of SIGKILL")
    finally:
        os.close(fd)
    return True


@dataclasses.dataclass(frozen=True)
class Record:
    """What a lab was asked to be, and what it was made from."""

    managers: int
    workers: int
    disk: str
    tools: str
    memory_mb: int
    versions: dict[str, str]

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """The nodes that follow from the numbers."""
        return plan(self.managers, self.workers)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Record | None:
        """Read it back; None when it is missing or not one of ours."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
