"""``python -m harness`` and the ``harness`` command."""

from __future__ import annotations

import os
import sys

_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on the PATH of Debian's ordinary users


def main() -> None:
    """Run the command line and exit with the code of the table in ``errors.Exit``."""
    paths = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*paths, *(path for path in _SBIN if path not in paths)])
    from harness.cli.app import run  # noqa: PLC0415  imported late: entering the lab's network comes first

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
