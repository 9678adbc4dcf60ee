"""The docker CLI of the lab's own packages, for this machine: it may have none, or another version."""

from __future__ import annotations

import contextlib
import os
import tarfile
from pathlib import Path

from harness.errors import Unmeasurable
from harness.lab.uml import cache

_MEMBER = "./usr/bin/docker"
_LIBRARIES = Path("usr/lib/x86_64-linux-gnu")
_LOADER = "ld-linux-x86-64.so.2"


def docker_cli() -> tuple[str, ...]:
    """The command to run it, with the C library it was built for; taken from the node's files once.

    Raises:
        Unmeasurable: the lab was not set up yet.
    """
    parts = cache.parts()
    program, libraries = parts.node / "docker", parts.tools / _LIBRARIES
    if not program.exists():
        _take(parts.node / "node.tar", program)
    return (str(libraries / _LOADER), "--library-path", str(libraries), str(program))


def _take(tar: Path, program: Path) -> None:
    beside = program.with_name(f"docker.{os.getpid()}")
    try:
        with tarfile.open(tar) as files:
            for member in files:
                if member.name == _MEMBER and (found := files.extractfile(member)) is not None:
                    beside.write_bytes(found.read())
                    beside.chmod(0o755)
                    beside.replace(program)
                    return
    except (OSError, tarfile.TarError) as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise Unmeasurable(f"no docker CLI: {error}", remedy="harness lab cache --fill") from error
    raise Unmeasurable(f"{tar} holds no docker CLI", remedy="harness lab cache --prune, then --fill")
