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
from harness.lab.images.recipes import UNWANTED, WARM, WORK, Layer, Recipe
from harness.progress import Progress, Silent, step


def build(
    recipe: Recipe,
    tools_root: Path,
    into: Path,
    progress: Progress = Silent(),  # noqa: B008 - stateless
) -> None:
    """Build every stand-in of ``recipe`` and store it in ``into``, as docker-registry's file system storage.

    Needs uid 0 (a user namespace's will do), the right to chroot, and package mirrors. Nothing is left in
    ``tools_root``.

    Args:
        recipe: which images.
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
            layers = _unpacked(recipe, Apt(tools_root))
        with step(progress, "images: layers"):
            _complete(recipe, layers, work / "tree")
            into.mkdir(parents=True, exist_ok=True)
            registry = Registry(into)
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                blobs = dict(zip(layers, pool.map(registry.layer, layers.values()), strict=True))
            for image in recipe.images:
                own = recipe.own(image.names[0], tools_root)
                stack = [blobs[layer.name] for layer in _stack(recipe, image.layer)]
                registry.image(image.names, image.tags, [*stack, *_last(registry, own)], image.config)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _last(registry: Registry, own: Files) -> tuple[Blob, ...]:
    return (registry.layer(own),) if own else ()


def _stack(recipe: Recipe, name: str) -> tuple[Layer, ...]:
    """The layers from the lowest up to ``name``."""
    by_name = {layer.name: layer for layer in recipe.layers}
    found: list[Layer] = []
    while name:
        found.insert(0, by_name[name])
        name = by_name[name].below
    return tuple(found)


def _unpacked(recipe: Recipe, apt: Apt) -> dict[str, Files]:
    """Every layer's own files, as its packages bring them."""
    apt.prepare()
    wanted: dict[str, tuple[str, ...]] = {}
    unwanted = UNWANTED | recipe.unwanted
    for layer in recipe.layers:
        needed = {
            name
            for name in apt.closure(layer.packages)
            if package_of(name) not in unwanted - {*layer.packages}
        }
        below = {name for each in _stack(recipe, layer.below) for name in wanted[each.name]}
        wanted[layer.name] = tuple(sorted(needed - below))

    debs = apt.download(sorted({package for layer in recipe.layers for package in layer.packages}))

    def files(layer: Layer) -> Files:
        merged: Files = {}
        for name in wanted[layer.name]:
            merged.update(unpack(debs[name], layer.only))
        return merged

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(wanted, pool.map(files, recipe.layers), strict=True))


def _complete(recipe: Recipe, layers: dict[str, Files], tree: Path) -> None:
    """Add what maintainer scripts would have made: users, links, byte code."""
    programs.materialise(layers["base"], tree)
    layers["base"].update(programs.base_files(tree))
    for layer in recipe.layers:
        below = _paths(recipe, layers, layer.below)
        if layer.below:
            layers[layer.name].update(programs.links(layer.name, layers[layer.name], below))
        if layer.name in WARM:
            programs.materialise(layers[layer.name], tree)
            layers[layer.name].update(programs.compiled(tree, WARM[layer.name], below))


def _paths(recipe: Recipe, layers: Mapping[str, Files], name: str) -> set[str]:
    return {path for layer in _stack(recipe, name) for path in layers[layer.name]}
