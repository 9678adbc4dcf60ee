"""First set-up, as a process of its own on a leash: roots, images, base disk, all into the cache.

``python -m harness.lab.uml.setup`` prints JSON lines of progress; see `harness.lab.uml.cache` for the caller.
With the word ``tutorial`` it makes the tutorial's images alone, of which no lab has need to run.
Everything is made in ``tmp`` and renamed when complete: what has its final name in the cache is whole.
"""

from __future__ import annotations

import concurrent.futures
import json
import subprocess
import sys
import time
from pathlib import Path

from harness.errors import HarnessError, Unmeasurable
from harness.lab.uml import cache, disk, roots, scope
from harness.lab.uml.lines import Lines, put
from harness.progress import Progress, step


def set_up(parts: cache.Parts, work: Path, progress: Progress) -> None:
    """Make whatever of ``parts`` is missing, side by side where one does not need the other.

    Raises:
        HarnessError: something could not be made; whatever was complete by then stays.
    """
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        node = None
        if not parts.node.is_dir():
            node = pool.submit(_node_root, parts, work, progress)
        if not parts.tools.is_dir():
            with step(progress, "tools root"):
                made = roots.build_directory(parts.tools_recipe, work)
                roots.write_manifest(made / cache.MANIFEST, roots.packages_of_directory(made))
                made.replace(parts.tools)
        if not parts.images.is_dir():
            with step(progress, "images"):
                into = work / "images"
                into.mkdir()
                build_images("base", parts.tools, into, progress)
                into.replace(parts.images)
        if node is not None:
            node.result()
        if parts.disk.is_dir():
            return
        made = work / "disk"
        made.mkdir()
        with step(progress, "disk"):
            tar = next(parts.node.glob("*.tar"))
            versions = roots.packages_of_tar(tar)
            image = disk.make(parts.tools, tar, made)
        with step(progress, "preload"):
            disk.preload(parts.tools, parts.images, image, lambda text: progress.note("preload", text))
        roots.write_manifest(made / cache.MANIFEST, versions)
        made.replace(parts.disk)


def add_tutorial(parts: cache.Parts, work: Path, progress: Progress) -> None:
    """Make the tutorial's images, beside a lab that may be running.

    Raises:
        HarnessError: they could not be made.
    """
    with step(progress, "tutorial images"):
        into = work / parts.tutorial.name
        into.mkdir()
        build_images("tutorial", parts.tools, into, progress)
        into.replace(parts.tutorial)


def build_images(recipe: str, tools: Path, into: Path, progress: Progress) -> None:
    """Build a recipe's images (``base`` or ``tutorial``), as root of a namespace with the tools root ready.

    Raises:
        Unmeasurable: one of them could not be built.
    """
    resolver = {path: str(path) for path in (Path("/etc/resolv.conf"), Path("/etc/hosts")) if path.exists()}
    words = [sys.executable, "-m", "harness.lab.uml.bake", recipe, str(tools), str(into)]
    process = subprocess.Popen(
        scope.command(tools, words, binds=resolver, stay_outside=True),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    with process:
        for line in process.stdout or ():
            cache.relay(json.loads(line), progress)
    if process.returncode != 0:
        raise Unmeasurable(f"the images' builder ended with {process.returncode}")


def _node_root(parts: cache.Parts, work: Path, progress: Progress) -> None:
    with step(progress, "node root"):
        made = work / "node"
        made.mkdir()
        roots.build_tar(roots.NODE_RECIPE, made)
        made.replace(parts.node)


def main() -> None:
    """Set up what is missing; exit 1 after a line that says why it could not be."""
    began = time.monotonic()
    parts = cache.parts()
    work = cache.work_directory()
    cache.clean_work(work)
    work.mkdir(parents=True)
    try:
        make = add_tutorial if sys.argv[1:] == ["tutorial"] else set_up
        make(parts, work, Lines())
    except HarnessError as error:
        put({"failed": error.message, "remedy": error.remedy})
        sys.exit(1)
    finally:
        cache.clean_work(work)
    put({"done": time.monotonic() - began})


if __name__ == "__main__":
    main()
