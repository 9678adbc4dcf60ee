"""Stand-ins that only the tutorial's rows of profile full deploy: proxies, a database, the voting app.

Contracts read from the originals' sources; `tests/lab/test_tutorial_images.py` names them.
"""

from __future__ import annotations

from harness.lab.images.recipes import Recipe
from harness.lab.images.tutorial.files import own_files
from harness.lab.images.tutorial.recipes import IMAGES, LAYERS, UNWANTED

__all__ = ["TUTORIAL"]

TUTORIAL = Recipe(LAYERS, IMAGES, own_files, UNWANTED)
