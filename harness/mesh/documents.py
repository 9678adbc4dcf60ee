"""Rows of JSON documents that nodes printed, taken apart with their types; nothing raw goes further."""

from __future__ import annotations

import json
from typing import Any

Row = dict[str, Any]


class Unreadable(ValueError):
    """A node printed something that is not what its tool prints."""


def document(text: str) -> Any:
    """A JSON document.

    Raises:
        Unreadable: it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON document: {error}") from None


def rows(text: str) -> list[Row]:
    """The objects of a JSON list, without empty ones; none of an empty text.

    Raises:
        Unreadable: it is no such list.
    """
    told = document(text) if text.strip() else []
    return rows_of({"the document": told}, "the document")


def rows_of(row: Row, key: str) -> list[Row]:
    """The objects under ``key``, without empty ones; none if there is no ``key``.

    Raises:
        Unreadable: something else is there.
    """
    told = row.get(key, [])
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise Unreadable(f"{key} is no list of objects")
    return [one for one in told if one]


def inner(row: Row, key: str) -> Row:
    """The object under ``key``, an empty one if there is no ``key``.

    Raises:
        Unreadable: something else is there.
    """
    told = row.get(key, {})
    if not isinstance(told, dict):
        raise Unreadable(f"{key} is no object")
    return told


def word(row: Row, key: str, default: str | None = None) -> str:
    """The text under ``key``; ``default`` if there is no ``key``.

    Raises:
        Unreadable: something else is there, or nothing and no ``default``.
    """
    told = row.get(key, default)
    if not isinstance(told, str):
        raise Unreadable(f"a row without a text {key}")
    return told


def number(row: Row, key: str, default: int | None = None) -> int:
    """The whole number under ``key``; ``default`` if there is no ``key``.

    Raises:
        Unreadable: something else is there, or nothing and no ``default``.
    """
    told = row.get(key, default)
    if not isinstance(told, int) or isinstance(told, bool):
        raise Unreadable(f"a row without a number {key}")
    return told


def words(row: Row, key: str) -> tuple[str, ...]:
    """The texts under ``key``; none if there is no ``key``.

    Raises:
        Unreadable: something else is there.
    """
    told = row.get(key, [])
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise Unreadable(f"{key} is no list of texts")
    return tuple(told)
