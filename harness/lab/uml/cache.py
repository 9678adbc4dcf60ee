"""What first set-up leaves for every later run, keyed by what it was made from."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from harness.errors import Unmeasurable
from harness.lab import images
from harness.lab.uml import control, leash, roots, state
from harness.progress import Progress

MANIFEST: Final = "manifest.json"
_SETUP_BOUND: Final = 1800.0
_BUSY: Final = "making the lab's first set-up"
_CLAUSE: Final = 160  # characters of a complaint that are told
_TUTORIAL: Final = "tutorial"  # the folder of the sources, and how the entry in the cache begins


@dataclasses.dataclass(frozen=True)
class Parts:
    """Where the finished parts are, or will be."""

    tools_recipe: roots.Recipe
    tools: Path
    node: Path
    images: Path
    disk: Path
    tutorial: Path

    @property
    def complete(self) -> bool:
        """Whether nothing is missing that every lab needs; the tutorial's images are not."""
        return self.tools.is_dir() and self.images.is_dir() and self.disk.is_dir()

    @property
    def versions(self) -> dict[str, str]:
        """Package -> version: the node's, and of the tools the kernel and the registry."""
        tools = roots.read_manifest(self.tools / MANIFEST)
        outside: dict[str, str] = {
            str(name): tools[name] for name in (roots.KERNEL_PACKAGE, "docker-registry") if name in tools
        }
        return {**roots.read_manifest(self.disk / MANIFEST), **outside}


def parts() -> Parts:
    """What this checkout's lab is made from."""
    root = state.cache_root()
    recipe = roots.tools_recipe(images.TOOLS_PACKAGES)
    guest = resources.files("harness.lab.uml") / "guest" / "lab-init"
    sources = resources.files("harness.lab.images")
    made_from = roots.digest([recipe.key, *_sources(sources, without=_TUTORIAL)])
    tutorial = roots.digest([made_from, *_sources(sources / _TUTORIAL)])
    disk_key = roots.digest([roots.NODE_RECIPE.key, made_from, guest.read_bytes()])
    return Parts(
        recipe,
        root / f"tools-{recipe.key}",
        root / f"node-{roots.NODE_RECIPE.key}",
        root / f"images-{made_from}",
        root / f"disk-{disk_key}",
        root / f"{_TUTORIAL}-{tutorial}",
    )


def _sources(folder: Traversable, without: str = "") -> Iterator[bytes]:
    """Names and contents of all files below ``folder``, in a fixed order, but for one entry of it."""
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name in {"__pycache__", without} or entry.name.endswith(".pyc"):
            continue
        yield entry.name.encode()
        if entry.is_dir():
            yield from _sources(entry)
        else:
            yield entry.read_bytes()


def work_directory() -> Path:
    """Where a set-up works."""
    return state.cache_root() / "tmp"


def clean_work(work: Path) -> None:
    """Remove what an interrupted set-up left."""
    roots.remove_scratch(work)
    shutil.rmtree(work, ignore_errors=True)


def ensure(progress: Progress) -> Parts:
    """The finished parts; sets up what is missing, which takes minutes, and waits for another that does.

    Raises:
        Unmeasurable: it could not be set up; whatever was complete stays for the next time.
    """
    wanted = parts()
    _ensure(lambda: wanted.complete, progress)
    return wanted


def ensure_tutorial(progress: Progress) -> Path:
    """The storage of the tutorial's images; builds them if they are missing, which takes a minute.

    Raises:
        Unmeasurable: they could not be built.
    """
    wanted = parts()
    _ensure(lambda: wanted.complete, progress)
    try:
        _ensure(wanted.tutorial.is_dir, progress, _TUTORIAL)
    except Unmeasurable as error:
        # apt's own complaint, without the long command line before it
        why = error.message[max(0, error.message.find("E: ")) :][:_CLAUSE]
        raise Unmeasurable(f"the tutorial's images could not be built: {why}", remedy=error.remedy) from error
    return wanted.tutorial


def _ensure(there: Callable[[], bool], progress: Progress, *words: str) -> None:
    if there():
        return
    with state.locked(state.cache_root() / "setup.lock", bound=_SETUP_BOUND, busy=_BUSY):
        if not there():
            try:
                with contextlib.closing(_set_up(*words)) as documents:
                    for document in documents:
                        relay(document, progress)
            finally:
                clean_work(work_directory())  # after Ctrl-C too: what is half made is of no use
    if not there():
        raise Unmeasurable("the lab's set-up ended without a word", remedy="try again with an empty cache")


def _set_up(*words: str) -> Generator[dict[str, Any]]:
    """Run `harness.lab.uml.setup` on a leash and yield what it prints."""
    process = subprocess.Popen(
        leash.command([sys.executable, "-m", "harness.lab.uml.setup", *words]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=control.environment(),
        start_new_session=True,  # Ctrl-C is for us; the leash follows
    )
    try:
        for line in process.stdout or ():
            yield json.loads(line)
    finally:
        if process.stdin:
            process.stdin.close()  # lets the leash go: whatever still runs is killed
        if process.stdout:
            process.stdout.close()
        process.wait(timeout=60)


def relay(document: dict[str, Any], progress: Progress) -> None:
    """Pass on one line of another process's progress.

    Raises:
        Unmeasurable: the line says that it failed.
    """
    match document:
        case {"begin": name}:
            progress.begin(name)
        case {"note": name, "text": text}:
            progress.note(name, text)
        case {"end": name, "seconds": seconds, "ok": ok}:
            progress.end(name, seconds, ok=ok)
        case {"failed": message, "remedy": remedy}:
            raise Unmeasurable(message, remedy=remedy)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One thing in the cache: its path, bytes on disk, and whether the present version uses it."""

    path: Path
    size: int
    used: bool


def report() -> tuple[Entry, ...]:
    """What the cache holds."""
    root = state.cache_root()
    wanted = parts()
    live = {wanted.tools, wanted.node, wanted.images, wanted.disk, wanted.tutorial}
    for record in (root / "labs").glob("*/lab.json"):
        if state.holder_pid(state.Places(record.parent)) is not None:
            live.add(record.parent)
            loaded = state.Record.load(record)
            live |= {root / Path(loaded.disk).parent, root / loaded.tools} if loaded else set()
    entries = [path for path in sorted(root.glob("*")) if path.is_dir() and path.name != "labs"]
    entries += [path for path in sorted((root / "labs").glob("*")) if path.is_dir()]
    return tuple(Entry(path, _size(path), path in live) for path in entries)


def prune(*, everything: bool = False) -> tuple[Entry, ...]:
    """Remove what the present version does not use, or all but running labs; returns what was removed.

    Raises:
        Unmeasurable: a set-up is under way.
    """
    with state.locked(state.cache_root() / "setup.lock", bound=1.0, busy=_BUSY):
        labs_run = any(
            state.holder_pid(state.Places(path)) is not None
            for path in (state.cache_root() / "labs").glob("*")
        )
        going = [entry for entry in report() if not entry.used or (everything and not labs_run)]
        for entry in going:
            if entry.path == work_directory():
                clean_work(entry.path)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(entry.path)
        return tuple(going)


def _size(path: Path) -> int:
    total = 0
    for entry in path.rglob("*"):
        with contextlib.suppress(OSError):
            total += entry.lstat().st_blocks * 512
    return total
