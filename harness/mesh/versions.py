"""Engine versions, where what is right depends on them."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\d+")


def numbers(engine: str) -> tuple[int, ...]:
    """``26.1.5+dfsg1`` as (26, 1, 5); empty if it is no version."""
    plain = re.split(r"[-+~]", engine, maxsplit=1)[0]
    return tuple(int(word) for word in _NUMBERS.findall(plain)[:3])


def at_least(engine: str, version: tuple[int, ...]) -> bool:
    """Whether an engine is of this version or newer; one of unknown version counts as new."""
    found = numbers(engine)
    return not found or found >= version
