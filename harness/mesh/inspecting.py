"""What nodes told of their engines and processes becomes values; what cannot be read is named."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from harness.evidence.mesh import Dump
from harness.mesh.certificates import certificate
from harness.mesh.documents import Row, Unreadable, document, number, rows, word, words
from harness.mesh.inspected import (
    CERTIFICATE,
    CONTAINERS,
    GOSSIP,
    LISTENERS,
    LOG,
    Certificate,
    Container,
    GossipRow,
    GossipView,
    Inspected,
    Listener,
)
from harness.mesh.symptoms import counted
from harness.model import Attachment

T = TypeVar("T")


def inspected(dumps: Mapping[str, Dump], silent: str) -> Inspected:
    """The parts that were told.

    Args:
        dumps: of the host, by what they hold.
        silent: why a part may be missing.
    """
    unread: list[tuple[str, str]] = []

    def read(part: str, parse: Callable[[str], T]) -> T | None:
        dump = dumps.get(part)
        why = silent if dump is None else dump.trouble
        if not why and dump is not None:
            try:
                return parse(dump.text)
            except Unreadable as error:
                why = str(error)
        unread.append((part, why))
        return None

    told = Inspected(
        gossip=read(GOSSIP, _gossip) or (),
        containers=read(CONTAINERS, _containers) or (),
        listeners=read(LISTENERS, _listeners) or (),
        certificate=read(CERTIFICATE, _certificate),
    )
    log = read(LOG, _log)
    if log is not None:
        told = dataclasses.replace(told, log=log[0], symptoms=log[1], short=log[2])
    return dataclasses.replace(told, unread=tuple(unread))


def _gossip(text: str) -> tuple[GossipView, ...]:
    return tuple(
        GossipView(
            word(one, "id"),
            tuple(_address(peer) for peer in words(one, "peers")),
            tuple(_row(row) for row in _lists(one, "rows", 4)),
        )
        for one in rows(text)
    )


def _row(row: list[str]) -> GossipRow:
    service, name, address, host = row
    return GossipRow(service, name, _address(address) if address else "", host)


def _containers(text: str) -> tuple[Container, ...]:
    return tuple(
        Container(
            word(one, "id"),
            word(one, "name"),
            word(one, "task"),
            word(one, "service"),
            float(number(one, "created")),
            tuple(Attachment(network, _address(to)) for network, to in _lists(one, "addresses", 2)),
        )
        for one in rows(text)
    )


def _listeners(text: str) -> tuple[Listener, ...]:
    found = []
    told = document(text)
    for one in told if isinstance(told, list) else [None]:
        match one:
            case [str(protocol), str(address), int(port), str(owner)]:
                found.append(Listener(protocol, _address(address), port, owner))
            case _:
                raise Unreadable("listeners are no rows of protocol, address, port and owner")
    return tuple(found)


def _certificate(text: str) -> Certificate:
    told = document(text)
    if not isinstance(told, str):
        raise Unreadable("a certificate is no text")
    return certificate(told)


def _log(text: str) -> tuple[str, tuple[tuple[str, int], ...], str]:
    told = document(text)
    if not isinstance(told, dict):
        raise Unreadable("dockerd's log is no object")
    counts = told.get("counts")
    if not isinstance(counts, list) or not all(type(one) is int for one in counts):
        raise Unreadable("counts are no list of numbers")
    return word(told, "file"), counted(counts), word(told, "since", "")


def _lists(row: Row, key: str, length: int) -> list[list[str]]:
    """The lists of so many texts under ``key``."""
    told: Any = row.get(key, [])
    if not isinstance(told, list):
        raise Unreadable(f"{key} is no list")
    for one in told:
        if not isinstance(one, list) or len(one) != length or not all(isinstance(each, str) for each in one):
            raise Unreadable(f"{key} is no list of {length} texts each")
    return told


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Unreadable(f"no address: {text[:80]!r}") from None
