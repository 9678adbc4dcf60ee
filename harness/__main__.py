"""``python -m harness`` and the ``harness`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with the code of the table in ``errors.Exit``."""
    from harness.cli.app import run  # noqa: PLC0415  imported late: entering the lab's network comes first

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
