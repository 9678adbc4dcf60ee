"""Stand-ins for the images that users deploy, built from Debian packages and from the sources in this folder.

``build`` fills a folder that Debian's ``docker-registry`` serves as its file system storage; an engine whose
registry mirror that is finds ``traefik/whoami``, ``redis`` and the others under their own names. No engine,
no image builder and no root are needed: packages are unpacked as they are, layers are written as tar files.

``BASE`` is what every lab has; ``tutorial`` holds what only some checks of profile full deploy, and is built
when one of them, or a person, first asks for it.
"""

from __future__ import annotations

from harness.lab.images.assemble import build
from harness.lab.images.programs import own_files
from harness.lab.images.recipes import IMAGES, LAYERS, TOOLS_PACKAGES, Recipe

__all__ = ["BASE", "IMAGES", "TOOLS_PACKAGES", "build"]

BASE = Recipe(LAYERS, IMAGES, own_files)
