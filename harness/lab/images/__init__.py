"""Stand-ins for the images that users deploy, built from Debian packages and from the sources in this folder.

``build`` fills a folder that Debian's ``docker-registry`` serves as its file system storage; an engine whose
registry mirror that is finds ``traefik/whoami``, ``redis`` and the others under their own names. No engine,
no image builder and no root are needed: packages are unpacked as they are, layers are written as tar files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.lab.images.assemble import build
from harness.lab.images.recipes import IMAGES, TOOLS_PACKAGES

__all__ = ["IMAGES", "RECIPE", "TOOLS_PACKAGES", "build"]


def _recipe() -> str:
    """A hash over every source file here: package lists, rules, programs."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


RECIPE = _recipe()
