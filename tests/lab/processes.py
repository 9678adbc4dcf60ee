"""The installed command run as a process in a box of its own, and what it leaves behind.

A box has its own home, working directory, temporary directory and reports, all empty, so that whatever is in
them afterwards was left there. Processes are known by a mark in their environment, which their children
inherit; kernels and holders of a lab, which start with a clean environment, by the lab's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from harness.lab.uml import disk, state
from harness.lab.uml.lab import UmlLab

COMMAND: Final = Path(sys.executable).with_name("harness")
_MARK: Final = "HARNESS_TEST_MARK"
_KINDS: Final = ("service", "config", "secret", "network")
_PASSED_ON: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "HARNESS_LAB_MEMORY")
_SETTLE: Final = 10.0  # seconds for the kernel to bury what was killed


def eventually(holds: Callable[[], bool], within: float) -> bool:
    """Whether ``holds`` becomes true within so many seconds."""
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code and both outputs."""

    code: int
    out: str
    err: str

    def told(self, code: int, *words: str) -> str:
        """The one line on stderr of a command that ended with ``code``; it contains all ``words``."""
        assert (self.code, self.err.count("\n")) == (code, 1), self
        assert self.err.startswith("harness: "), self
        missing = [word for word in words if word not in self.err]
        assert not missing, f"{missing} not in {self.err!r}"
        return self.err


@dataclasses.dataclass(frozen=True)
class Running:
    """A command under way in a box."""

    box: Box
    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command alone, as the harness must cope with."""
        self.process.send_signal(number)

    def reaches(self, moment: Callable[[], bool], within: float = 90.0) -> None:
        """Wait for a moment of the run; fails if the command ends before."""

        def come() -> bool:
            assert self.process.poll() is None, f"ended too early: {self.ended()}"
            return moment()

        assert eventually(come, within), f"never came: {self.output.read_text()}"

    def ended(self, within: float = 120.0) -> Ended:
        """Wait for its end."""
        code = self.process.wait(within)
        return Ended(code, self.output.read_text(), self.errors.read_text())


class Box:
    """Where commands of one test run; ``lab`` is the key of the lab they see, by default the checkout's."""

    def __init__(self, folder: Path, *, lab: str | None = None, cache: Path | None = None) -> None:
        self.folder = folder
        self.home, self.work, self.temporary, self.reports = (
            folder / name for name in ("home", "work", "tmp", "reports")
        )
        for place in (self.home, self.work, self.temporary, self.reports):
            place.mkdir(parents=True)
        self.lab = lab or state.lab_key()
        self.cache = cache or state.cache_root()
        self.mark = uuid.uuid4().hex
        self._before = _mounts() | _shared_memory()
        self._count = 0

    def environment(self, **more: str) -> dict[str, str]:
        """What the commands see of the environment."""
        passed = {name: value for name, value in os.environ.items() if _passes(name)}
        own = {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "HARNESS_CACHE": str(self.cache),
            "HARNESS_LAB": self.lab,
            "HARNESS_REPORTS": str(self.reports),
            _MARK: self.mark,
        }
        return passed | own | more

    @property
    def lab_folder(self) -> Path:
        """The files of the lab that the commands see, while there is one."""
        return self.cache / "labs" / self.lab

    def attach(self) -> UmlLab:
        """The lab that the commands brought up."""
        where = state.Places(self.lab_folder)
        record = state.Record.load(where.record)
        assert record is not None
        return UmlLab(where, record)

    def configure(self, text: str) -> None:
        """Write ``harness.toml`` where the commands look for it."""
        (self.work / "harness.toml").write_text(text)

    @contextlib.contextmanager
    def started(self, *words: str, wrap: Sequence[str] = (), **environment: str) -> Iterator[Running]:
        """The command under way; killed at the end of the block if it still is.

        Args:
            words: what follows ``harness``.
            wrap: a command line that runs what follows it, elsewhere.
            environment: variables besides.
        """
        self._count += 1
        output, errors = (self.folder / f"{self._count}.{name}" for name in ("out", "err"))
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                [*wrap, COMMAND, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.work,
                env=self.environment(**environment),
            )
        try:
            yield Running(self, process, output, errors)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def run(self, *words: str, wrap: Sequence[str] = (), bound: float = 180.0, **environment: str) -> Ended:
        """Run the command to its end; see :meth:`started`."""
        with self.started(*words, wrap=wrap, **environment) as running:
            return running.ended(bound)

    def runs(self) -> list[Path]:
        """Folders of the runs that were saved, oldest first."""
        return sorted(path for path in self.reports.glob("*-*") if path.is_dir() and not path.is_symlink())

    def records(self, kind: str = "") -> list[dict[str, Any]]:
        """What the journal of the newest run holds by now, of one kind."""
        found: list[dict[str, Any]] = []
        for folder in self.runs()[-1:]:
            for line in _read(folder / "journal.jsonl").splitlines():
                with contextlib.suppress(ValueError):  # the last line may be on its way
                    found.append(json.loads(line))
        return [record for record in found if kind in {"", record["kind"]}]

    def verdicts(self) -> dict[str, Any]:
        """``verdicts.json`` of the newest run."""
        document: dict[str, Any] = json.loads((self.runs()[-1] / "verdicts.json").read_text())
        return document

    def processes(self) -> list[str]:
        """Command lines of processes that our commands started, and of kernels of their lab."""
        return [words for _, words in self._alive()]

    def networks(self) -> set[str]:
        """Network namespaces that those processes are in, besides our own."""
        return {network for network, _ in self._alive()} - {_network("self")}

    def _alive(self) -> Iterator[tuple[str, str]]:
        # kernels of the lab that all tests share are not ours to count
        ours = f"/labs/{self.lab}/" if self.lab != state.lab_key() else None
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                words = _read(entry / "cmdline").replace("\0", " ").strip()
                marked = f"{_MARK}={self.mark}" in _read(entry / "environ")
                if words and (marked or (ours and ours in words)):
                    yield _network(entry.name), f"process {words}"

    def left(self, lab: UmlLab | None = None, *, runs: int = 0) -> list[str]:
        """What the commands left behind, one line each; empty is how it must be.

        Looks at processes and the network namespaces they hold, mounts (a namespace that is kept without a
        process is one), guests' memory, files in home, working, temporary and reports directory, the lab's
        folder in the cache, and objects with our label on the swarm of ``lab``.

        Args:
            lab: whose swarm to look at.
            runs: how many runs may have left a report.
        """
        eventually(lambda: not self.processes(), _SETTLE)
        found = self.processes()
        found += [f"namespace {network}" for network in self.networks()]
        found += [f"mount or memory {line}" for line in (_mounts() | _shared_memory()) - self._before]
        places = (self.home, self.work, self.temporary)
        found += [f"file {path}" for place in places for path in sorted(place.rglob("*"))]
        found = [line for line in found if not line.endswith("/harness.toml")]
        if lab is None and self.lab_folder.exists() and self.lab != state.lab_key():
            found.append(f"file {self.lab_folder}")
        if len(self.runs()) > runs:
            found += [f"run {path}" for path in self.runs()]
        return found + (labelled(lab) if lab else [])


def labelled(lab: UmlLab) -> list[str]:
    """Services, configs, secrets and networks with our label on the swarm of ``lab``."""
    lines = [
        f"docker {kind} ls --filter label=harness.run --format '{kind} {{{{.Name}}}}'" for kind in _KINDS
    ]
    done = lab.exec(lab.nodes[0].hostname, ["sh", "-ec", "\n".join(lines)])
    assert done.ok, done.err
    return done.out.splitlines()


def _passes(name: str) -> bool:
    return name in _PASSED_ON or name.lower().endswith("_proxy")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _network(process: str) -> str:
    try:
        return str(Path(f"/proc/{process}/ns/net").readlink())
    except OSError:
        return _network("self") if process != "self" else ""


def _mounts() -> set[str]:
    return set(_read(Path("/proc/self/mountinfo")).splitlines())


def _shared_memory() -> set[str]:
    return {str(path) for path in disk.guest_memory().glob("vm_file-*")}
