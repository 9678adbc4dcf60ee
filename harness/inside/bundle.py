"""The scripts of a job as one file: a zip that Python runs, small enough for a swarm config."""

from __future__ import annotations

import io
import zipfile
from importlib import resources

from harness.errors import Unmeasurable

LARGEST = 500_000  # bytes that a swarm config may have on every engine
_PACKAGES = ("harness", "harness.inside", "harness.inside.scripts")
_MODULES = (
    "capture",
    "counters",
    "around",
    "datapath",
    "dns",
    "engine",
    "facts",
    "foreign",
    "fresh",
    "host",
    "idle",
    "inspection",
    "kernel",
    "leaving",
    "netlink",
    "nft",
    "overlay",
    "own",
    "processes",
    "proof",
    "pairs",
    "payloads",
    "pings",
    "quiet",
    "sizes",
    "space",
    "speaking",
    "tables",
    "tap",
    "vantages",
    "web",
    "wire",
    "xfrm",
    "xtables",
    "xtmatch",
    "xtsave",
    "xtwords",
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's first date: the same scripts give the same bytes


def pack(script: str) -> bytes:
    """The bytes of a job's file; run, it calls ``main`` of ``harness.inside.scripts.<script>``.

    Stored without compression: a node's Python then needs no zlib, and starts sooner.

    Raises:
        Unmeasurable: the scripts have grown too large for a config.
    """
    folder = resources.files("harness.inside.scripts")
    files = {f"{package.replace('.', '/')}/__init__.py": "" for package in _PACKAGES}
    files |= {f"harness/inside/scripts/{name}.py": (folder / f"{name}.py").read_text() for name in _MODULES}
    files["__main__.py"] = f"from harness.inside.scripts.{script} import main\nmain()\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text)
    data = buffer.getvalue()
    if len(data) > LARGEST:
        raise Unmeasurable(f"the job {script} has {len(data)} bytes", remedy=f"keep it below {LARGEST}")
    return data
