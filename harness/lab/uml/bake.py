"""Building the workload images as root of namespaces made for it: ``python -m harness.lab.uml.bake``."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.images import BASE, build
from harness.lab.images.tutorial import TUTORIAL
from harness.lab.uml.lines import Lines, put


def main() -> None:
    """Build, print progress, exit 1 after a line that says why it could not be done."""
    recipe = {"base": BASE, "tutorial": TUTORIAL}[sys.argv[1]]
    tools, into = Path(sys.argv[2]), Path(sys.argv[3])
    try:
        build(recipe, tools, into, Lines())
    except HarnessError as error:
        put({"failed": error.message, "remedy": error.remedy})
        sys.exit(1)


if __name__ == "__main__":
    main()
