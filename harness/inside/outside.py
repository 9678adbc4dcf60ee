"""The same questions from outside: payloads through every entry node, and the port as people ask it.

The scripts that travel ask here too, so that inside and outside measure alike.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections import Counter
from collections.abc import Sequence

from harness.evidence import SizeTry, Vantage
from harness.inside.scripts import sizes, web
from harness.inside.witness import Ask

Entry = tuple[str, str]  # hostname and address
OFTEN = 8192  # bytes that every replica must once be asked for: more than any MTU, and quick
_MOST = 4  # requests lost in a row after which a vantage point has shown all there is
_BOUND = 20.0  # seconds for the payloads of one entry and direction


def payloads(
    entries: Sequence[Entry], port: int, steps: Sequence[int], turns: int, how: Ask
) -> list[SizeTry]:
    """Payloads of growing sizes through every entry's published port, entries and directions side by side.

    A lost one is not tried again: the next request goes to the next replica.

    Args:
        entries: whose published ports are asked.
        port: the published port.
        steps: bytes.
        turns: how often ``OFTEN`` is tried: once per replica.
        how: its timeout.
    """
    plan = [size for size in steps for _ in range(turns if size == OFTEN else 1)]

    def climb(entry: Entry, direction: str) -> list[SizeTry]:
        until = time.monotonic() + _BOUND
        rows = sizes.ladder(
            entry[1], port, direction, plan, timeout=how.timeout, tries=1, until=until, give_up=turns + 1
        )
        return [
            SizeTry(entry[0], "", entry[1], "ingress", way, size, passed, 1, took, why)
            for way, size, passed, _, took, why in rows
        ]

    ways = [(entry, way) for entry in entries for way, _ in sizes.WAYS]
    with concurrent.futures.ThreadPoolExecutor(max(1, len(ways)), thread_name_prefix="sizes") as pool:
        return [one for part in pool.map(lambda way: climb(*way), ways) for one in part]


def vantages(entries: Sequence[Entry], port: int, how: Ask) -> list[Vantage]:
    """Fresh requests to every entry's published port from here, entries side by side."""

    def ask(entry: Entry) -> Vantage:
        counts: Counter[str] = Counter()
        detail, lost = "", 0
        while counts.total() < how.requests and lost < _MOST:
            outcome, _, why = web.ask(entry[1], port, name=how.expect, timeout=how.timeout)
            counts[outcome] += 1
            lost = 0 if outcome == "ok" else lost + 1
            detail = detail or why
        return Vantage("outside", "", entry[0], tuple(sorted(counts.items())), detail)

    with concurrent.futures.ThreadPoolExecutor(max(1, len(entries)), thread_name_prefix="outside") as pool:
        return list(pool.map(ask, entries))
