"""The whole way from packages to a registry's storage."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.lab.images import programs
from harness.lab.images.debs import Apt, package_of, unpack
from harness.lab.images.layers import Blob, Files, Registry
from harness.lab.images.recipes import IMAGES, LAYERS, UNWANTED, WARM, WORK, Layer
from harness.progress import Progress, Silent, step


def build(tools_root: Path, into: Path, progress: Progress = Silent()) -> None:  # noqa: B008 - stateless
    """Build every stand-in and store it in ``into``, as docker-registry's file system storage.

    Needs uid 0 (a user namespace's will do), the right to chroot, and package mirrors. Nothing is left in
    ``tools_root``.

    Args:
        tools_root: a Debian trixie root with ``TOOLS_PACKAGES``, its sources and resolver set.
        into: the folder that ``docker-registry`` is to serve (``rootdirectory``); created.
        progress: told of each step.

    Raises:
        CommandError: a mirror did not answer, a package is gone, or a program did not compile.
        Unmeasurable: a tool is missing from the tools root, or took too long.
    """
    work = tools_root / WORK
    shutil.rmtree(work, ignore_errors=True)
    try:
        with step(progress, "images: packages"):
            layers = _unpacked(Apt(tools_root))
        with step(progress, "images: layers"):
            _complete(layers, work / "tree")
            into.mkdir(parents=True, exist_ok=True)
            registry = Registry(into)
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                blobs = dict(zip(layers, pool.map(registry.layer, layers.values()), strict=True))
            for image in IMAGES:
                own = programs.own_files(image.names[0], tools_root)
                stack = [blobs[layer.name] for layer in _stack(image.layer)]
                registry.image(image.names, image.tags, [*stack, *_last(registry, own)], image.config)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _last(registry: Registry, own: Files) -> tuple[Blob, ...]:
    return (registry.layer(own),) if own else ()


def _stack(name: str) -> tuple[Layer, ...]:
    """The layers from the lowest up to ``name``."""
    by_name = {layer.name: layer for layer in LAYERS}
    found: list[Layer] = []
    while name:
        found.insert(0, by_name[name])
        name = by_name[name].below
    return tuple(found)


def _unpacked(apt: Apt) -> dict[str, Files]:
    """Every layer's own files, as its packages bring them."""
    apt.prepare()
    wanted: dict[str, tuple[str, ...]] = {}
    for layer in LAYERS:
        needed = {name for name in apt.closure(layer.packages) if package_of(name) not in UNWANTED}
        below = {name for each in _stack(layer.below) for name in wanted[each.name]}
        wanted[layer.name] = tuple(sorted(needed - below))

    debs = apt.download(sorted({package for layer in LAYERS for package in layer.packages}))

    def files(layer: Layer) -> Files:
        merged: Files = {}
        for name in wanted[layer.name]:
            merged.update(unpack(debs[name], layer.only))
        return merged

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(wanted, pool.map(files, LAYERS), strict=True))


def _complete(layers: dict[str, Files], tree: Path) -> None:
    """Add what maintainer scripts would have made: users, links, byte code."""
    programs.materialise(layers["base"], tree)
    layers["base"].update(programs.base_files(tree))
    for layer in LAYERS:
        below = _paths(layers, layer.below)
        if layer.below:
            layers[layer.name].update(programs.links(layer.name, layers[layer.name], below))
        if layer.name in WARM:
            programs.materialise(layers[layer.name], tree)
            layers[layer.name].update(programs.compiled(tree, WARM[layer.name], below))


def _paths(layers: Mapping[str, Files], name: str) -> set[str]:
    return {path for layer in _stack(name) for path in layers[layer.name]}
