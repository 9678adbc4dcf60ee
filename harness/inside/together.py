"""Several jobs side by side, which takes little longer than the slowest of them."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

from harness.errors import Interrupted


def together(*works: Callable[[threading.Event], Any], stop: threading.Event | None = None) -> list[Any]:
    """The results of ``works``, in order, each run in a thread of its own.

    Each gets an event that is set when it is to end early: on Ctrl-C, or when another one failed.

    Args:
        works: what is run.
        stop: an event of the caller's, for works within works.

    Raises:
        Exception: that of the first one that failed by itself, once all have ended.
    """
    stop = stop or threading.Event()
    with concurrent.futures.ThreadPoolExecutor(len(works), thread_name_prefix="together") as pool:
        futures = [pool.submit(work, stop) for work in works]
        try:
            done, _ = concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
        except BaseException:
            stop.set()  # Ctrl-C: all clean up and end
            raise
        if any(one.exception() for one in done):
            stop.set()
    failed = [error for one in futures if (error := one.exception())]
    if failed:
        raise min(failed, key=lambda error: isinstance(error, Interrupted))
    return [one.result() for one in futures]
