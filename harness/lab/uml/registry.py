"""The lab's registry: Debian's ``docker-registry`` serving what the images builder stored on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness.lab.uml import control, state

PORT: Final = 5000
ADDRESS: Final = f"{state.GATEWAY}:{PORT}"
NAME: Final = "registry"


def config(storage: str) -> str:
    """The registry's configuration, for read-only storage at this path as the tools root sees it."""
    return (
        "version: 0.1\n"
        "log: {level: warn, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {storage}}}, "
        "maintenance: {readonly: {enabled: true}}}\n"
        f"http: {{addr: '{ADDRESS}'}}\n"
    )


def start(where: state.Places, storage: Path) -> None:
    """Start it inside the lab; returns at once.

    Raises:
        Unmeasurable: the holder is gone or could not start it.
    """
    file = where.root / "registry.yml"
    cache = state.cache_root()
    file.write_text(config(f"/cache/{storage.relative_to(cache)}"))
    control.ask(
        where,
        "spawn",
        name=NAME,
        argv=["/usr/bin/docker-registry", "serve", f"/cache/{file.relative_to(cache)}"],
        log=str(where.root / "registry.log"),
        env={"OTEL_TRACES_EXPORTER": "none"},
    )


def images(storage: Path) -> Iterator[str]:
    """Every ``name:tag`` that the storage holds, as users write them (no ``library/``)."""
    repositories = storage / "docker/registry/v2/repositories"
    for tags in sorted(repositories.rglob("_manifests/tags")):
        name = str(tags.parent.parent.relative_to(repositories)).removeprefix("library/")
        for tag in sorted(tags.iterdir()):
            yield f"{name}:{tag.name}"
