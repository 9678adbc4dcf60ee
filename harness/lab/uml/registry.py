"""The lab's registry: Debian's ``docker-registry`` serving what the images builder stored on disk.

A second one beside it serves the tutorial's images. Every engine knows both from its start, and asks the
second for what the first does not have; as long as nobody has started it, it refuses at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.lab.uml import control, state

PORT: Final = 5000
ADDRESSES: Final = tuple(f"{state.GATEWAY}:{port}" for port in (PORT, PORT + 1))
NAME: Final = "registry"
_SECOND: Final = "registry-"  # and what it serves


def config(storage: str, address: str) -> str:
    """A registry's configuration, for read-only storage at this path as the tools root sees it."""
    return (
        "version: 0.1\n"
        "log: {level: warn, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {storage}}}, "
        "maintenance: {readonly: {enabled: true}}}\n"
        f"http: {{addr: '{address}'}}\n"
    )


def start(where: state.Places, storage: Path) -> None:
    """Start the first inside the lab; returns at once.

    Raises:
        Unmeasurable: the holder is gone or could not start it.
    """
    _spawn(where, storage, NAME, ADDRESSES[0])


def start_second(where: state.Places, storage: Path) -> None:
    """Start the second, unless it serves this storage already; returns at once.

    Raises:
        Unmeasurable: the holder is gone or could not start it.
    """
    exits: dict[str, int | None] = control.ask(where, "list")["exits"]
    running = [name for name in exits if name.startswith(_SECOND) and exits[name] is None]
    wanted = f"{_SECOND}{storage.name}"
    for name in running:
        if name != wanted:  # of another version of this checkout
            control.ask(where, "kill", name=name)
    if wanted not in running:
        _spawn(where, storage, wanted, ADDRESSES[1])


def _spawn(where: state.Places, storage: Path, name: str, address: str) -> None:
    """Start one inside the lab.

    Raises:
        Unmeasurable: the holder is gone or could not start it.
    """
    file = where.root / f"{name}.yml"
    cache = state.cache_root()
    file.write_text(config(f"/cache/{storage.relative_to(cache)}", address))
    control.ask(
        where,
        "spawn",
        name=name,
        argv=["/usr/bin/docker-registry", "serve", f"/cache/{file.relative_to(cache)}"],
        log=str(where.root / f"{name}.log"),
        env={"OTEL_TRACES_EXPORTER": "none"},
    )


def images(storage: Path) -> Iterator[str]:
    """Every ``name:tag`` that the storage holds, as users write them (no ``library/``)."""
    repositories = storage / "docker/registry/v2/repositories"
    for tags in sorted(repositories.rglob("_manifests/tags")):
        name = str(tags.parent.parent.relative_to(repositories)).removeprefix("library/")
        for tag in sorted(tags.iterdir()):
            yield f"{name}:{tag.name}"
