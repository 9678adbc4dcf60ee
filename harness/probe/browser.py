"""A headless Chromium, told what to do through its debugging pipe (the DevTools protocol, no socket)."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, Self

from harness.clock import SYSTEM, Clock, Deadline
from harness.errors import RequestError, Unmeasurable

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # as root of a namespace it has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)
# the browser reads descriptor 3 and writes 4, whatever ours are called
_PIPED: Final = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_SHORT: Final = "/tmp"  # noqa: S108 - the browser makes a socket there, whose path is limited to 107 bytes
_ANSWER: Final = 20.0  # seconds for an answer of the browser itself
_AGAIN: Final = 0.1  # seconds between two looks at a page


def _kill(leader: int) -> None:
    """Kill the browser's processes, of which it is the leader."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def program() -> str:
    """Where Chromium is.

    Raises:
        RequestError: it is not here.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise RequestError(
            "pages are checked in Chromium, which is not here",
            remedy="apt-get install chromium, or leave them out with --skip voting",
        )
    return found


class Browser:
    """One page in one browser with a profile of its own, for a ``with`` block."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        """Nothing is started yet."""
        self._clock = clock
        self._numbers = itertools.count(1)
        self._undo = contextlib.ExitStack()
        self._session = ""
        self._rest = b""
        self._out, self._in = -1, -1
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            RequestError: there is no Chromium here.
            Unmeasurable: it does not answer.
        """
        chromium = program()
        profile = self._undo.enter_context(
            tempfile.TemporaryDirectory(
                dir=_SHORT if Path(_SHORT).is_dir() else None, ignore_cleanup_errors=True
            )
        )
        theirs, self._out = os.pipe()
        self._in, answers = os.pipe()
        for end in (self._out, self._in):
            self._undo.callback(os.close, end)
        words = [chromium, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            [sys.executable, "-c", _PIPED, str(theirs), str(answers), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs, answers),
            env={**os.environ, "HOME": profile, "TMPDIR": profile},
            start_new_session=True,
        )
        self._undo.callback(process.wait)
        self._undo.callback(_kill, process.pid)
        os.close(theirs)
        os.close(answers)
        try:
            target = self._ask("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime"):
                self._ask(f"{domain}.enable")
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def open(self, url: str, within: float = 10.0) -> str:
        """Go to a page and wait until it is loaded; returns why it is not, empty if it is.

        Raises:
            Unmeasurable: the browser does not answer.
        """
        told = self._ask("Page.navigate", url=url)
        if told.get("errorText"):
            return str(told["errorText"])
        loaded = self.until(
            f"location.href.startsWith({json.dumps(url)}) && document.readyState == 'complete'", within
        )
        return "" if loaded else f"not loaded within {within:g} s"

    def until(self, expression: str, within: float) -> Any:
        """Evaluate again and again until it is true, or the time is up; what it was last.

        Raises:
            Unmeasurable: the browser does not answer.
        """
        deadline = Deadline.after(within, self._clock)
        while not (found := self.evaluate(expression)) and not deadline.passed:
            self._clock.sleep(_AGAIN)
        return found

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page; None if it fails there, as between two pages.

        Raises:
            Unmeasurable: the browser does not answer.
        """
        told = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return None if "exceptionDetails" in told else told.get("result", {}).get("value")

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        os.write(
            self._out,
            json.dumps({"id": number, "method": method, "params": params, **session}).encode() + b"\0",
        )
        until = self._clock.now() + _ANSWER
        while True:
            told = self._read(until)
            if told.get("method") == "Runtime.exceptionThrown":
                details = told["params"]["exceptionDetails"]
                self.errors.append(str(details.get("exception", {}).get("description", details.get("text"))))
            if told.get("id") == number:
                found: dict[str, Any] = told.get("result", {"exceptionDetails": told.get("error")})
                return found

    def _read(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            left = until - self._clock.now()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                raise Unmeasurable(f"Chromium does not answer within {_ANSWER:g} s")
            chunk = os.read(self._in, 65536)
            if not chunk:
                raise Unmeasurable("Chromium ended", remedy="does it start: chromium --headless --version?")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found
