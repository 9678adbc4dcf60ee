"""How fast the whoami stand-in answers beside nginx with a static file of the same size, on loopback.

Run it with ``python benchmarks/whoami.py``; it needs Debian's ``nginx-light`` and ``wrk``, and a C compiler
(``tcc`` or ``cc``). Both servers run as one process on the first core, the client on the last, and they take
turns; the figure is whoami's rate as a share of nginx's, the middle of the rounds.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.shell import run

WHOAMI, NGINX = 18480, 18490  # ports on 127.0.0.1
ROUNDS, SECONDS, CONNECTIONS = 3, 3, 16
SOURCES = Path(__file__).parent.parent / "harness/lab/images/whoami"

_CONF = """
worker_processes 1; daemon off; pid {root}/pid; error_log {root}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{port}; root {root}/html; }} }}
"""


@contextlib.contextmanager
def serving(argv: Sequence[str | Path], port: int) -> Iterator[int]:
    """The server of ``argv`` on the first core, answering on ``port``; its process id."""
    process = subprocess.Popen(["taskset", "-c", "0", *map(str, argv)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
                break
            time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def rate(port: int, *, fresh: bool) -> float:
    """Requests per second as wrk counts them."""
    closing = ("-H", "Connection: close") if fresh else ()
    wrk = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *closing, f"http://127.0.0.1:{port}/")
    said = run(("taskset", "-c", str((os.cpu_count() or 1) - 1), *wrk), bound=60).out
    assert "Non-2xx" not in said, said  # noqa: S101 - a benchmark of errors says nothing
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else 0.0


def resident(pid: int) -> int:
    """Kilobytes of memory that process ``pid`` holds."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


def main() -> None:
    """Build, measure in turns, print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        compiler = [shutil.which("tcc") or "cc", "-D_GNU_SOURCE", "-o", str(root / "whoami")]
        run([*compiler, *sorted(SOURCES.glob("*.c"))])
        (root / "conf").write_text(_CONF.format(root=root, port=NGINX))
        (root / "html").mkdir()
        (root / "html/index.html").write_text("x" * 190)  # about what whoami answers
        root.chmod(0o755)
        whoami = serving([root / "whoami", "-port", str(WHOAMI)], WHOAMI)
        nginx = serving(["nginx", "-c", root / "conf"], NGINX)
        with whoami as pid, nginx:
            for fresh in (True, False):
                pairs = [(rate(WHOAMI, fresh=fresh), rate(NGINX, fresh=fresh)) for _ in range(ROUNDS)]
                ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
                share = statistics.median(one / other for one, other in pairs)
                kind = "fresh" if fresh else "kept"
                print(f"{kind} connections: whoami {ours:.0f}/s, nginx {theirs:.0f}/s, ratio {share:.2f}")
            print(f"whoami's memory afterwards: {resident(pid)} kB")


if __name__ == "__main__":
    main()
