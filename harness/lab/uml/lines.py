"""Progress between processes: JSON lines on standard output, drawn by whoever started them."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any, Final

_OUT: Final = threading.Lock()


class Lines:
    """Progress as JSON lines on standard output."""

    def begin(self, step: str) -> None:
        """A step has begun."""
        put({"begin": step})

    def note(self, step: str, text: str) -> None:
        """News about it."""
        put({"note": step, "text": text})

    def end(self, step: str, seconds: float, *, ok: bool) -> None:
        """It is over."""
        put({"end": step, "seconds": seconds, "ok": ok})


def put(document: dict[str, Any]) -> None:
    """Print one line."""
    with _OUT:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
