"""The lab's name server answers every question at once, and rightly."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.uml import resolver

NAMES = {"swarm-manager": "192.168.200.10"}


def query(name: str, kind: int = 1) -> bytes:
    """A DNS query for ``name``."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def header(reply: bytes | None) -> tuple[int, int, int]:
    """Id, response code and number of answers."""
    assert reply is not None
    ident, flags, _, answers, _, _ = struct.unpack_from("!HHHHHH", reply)
    assert flags & 0x8000
    return ident, flags & 0xF, answers


def test_a_nodes_name_has_its_address() -> None:
    """An A query for a node is answered with its address, whatever the case of the letters."""
    reply = resolver.answer(query("Swarm-Manager"), NAMES)
    assert header(reply) == (7, 0, 1)
    assert reply is not None
    assert reply.endswith(bytes([192, 168, 200, 10]))


def test_a_nodes_name_has_no_ipv6_address() -> None:
    """An AAAA query for a node is answered: the name exists, that record does not."""
    assert header(resolver.answer(query("swarm-manager", kind=28), NAMES)) == (7, 0, 0)


@pytest.mark.parametrize("name", ["registry-1.docker.io", "swarm-manager.example"])
def test_any_other_name_does_not_exist(name: str) -> None:
    """Names of the world outside are denied, not left unanswered."""
    assert header(resolver.answer(query(name), NAMES)) == (7, 3, 0)


@given(st.binary(max_size=64))
def test_nonsense_neither_breaks_it_nor_is_answered_as_a_question(data: bytes) -> None:
    """Any datagram gives a reply to its own id or silence."""
    reply = resolver.answer(data, NAMES)
    assert reply is None or reply[:2] == data[:2]
