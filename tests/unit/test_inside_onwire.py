"""The capture's and the sender's scripts, here and on bytes."""

from __future__ import annotations

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from harness.inside.scripts import payloads, tap, wire

OWN, PEER = "192.0.2.11", "192.0.2.12"


def packet(protocol: int, body: bytes, source: str = OWN, target: str = PEER) -> bytes:
    """An IPv4 packet."""
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0) + ends + body


def counts() -> tap.Counts:
    """Towards one peer."""
    return tap.Counts(OWN, {PEER: "w2"}, {"sealed": b"sealed-1", "plain": b"plain-1"})


def test_what_leaves_for_a_peer_is_counted_by_kind() -> None:
    """ESP by its protocol, payloads wherever they stand in a packet."""
    seen = counts()
    for one in (
        packet(50, b"\x00" * 40),
        packet(17, b"vxlan" + b"plain-1"),
        packet(17, b"vxlan" + b"plain-1"),
        packet(17, b"sealed-1"),
        packet(6, b"else"),
    ):
        seen.see(one)

    assert seen.rows == {"w2": {"esp": 1, "sealed": 1, "plain": 2}}
    assert seen.enough(2)
    assert not seen.enough(3)


def test_what_is_of_others_is_not_counted() -> None:
    """From another address, to another, cut short, or IPv6."""
    seen = counts()
    for one in (
        packet(17, b"plain-1", source="192.0.2.13"),
        packet(17, b"plain-1", target="192.0.2.13"),
        packet(17, b"plain-1")[:19],
        b"\x60" + packet(17, b"plain-1")[1:],
        b"",
    ):
        seen.see(one)

    assert seen.rows == {"w2": {"esp": 0, "sealed": 0, "plain": 0}}


def matches(data: bytes, kind: int) -> bool:
    """What the kernel makes of the filter: loads, jumps if equal, returns."""
    program, at, value = tap.only_from(OWN), 0, 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        if code == 0x06:
            return operand > 0
        if code == 0x15:
            at += yes if value == operand else no
        elif operand == 0xFFFFF004:
            value = kind
        elif len(data) < operand + 4:
            return False
        else:
            value = int.from_bytes(data[operand : operand + 4], "big")


def test_the_kernel_shows_what_leaves_from_this_node() -> None:
    """Not what comes in, nor what is another's, nor what is cut short."""
    assert matches(packet(50, b"x"), kind=4)
    assert not matches(packet(50, b"x"), kind=0)
    assert not matches(packet(50, b"x", source=PEER), kind=4)
    assert not matches(b"\x45\x00", kind=4)


@given(st.binary(max_size=80))
def test_any_bytes_are_looked_at_without_raising(data: bytes) -> None:
    """Whatever an interface carries."""
    counts().see(data)


def test_a_refusal_shows_that_a_datagram_arrived() -> None:
    """Nobody listens there; the kernel says so."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]

    sent, refused = payloads.send("127.0.0.1", b"x", 3, wire.now() + 5, port)

    assert sent >= 3
    assert 1 <= refused <= sent


def test_datagrams_that_vanish_are_sent_all_the_same() -> None:
    """As often as asked, once the time to settle is over."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))

        assert payloads.send("127.0.0.1", b"x", 2, wire.now(), deaf.getsockname()[1]) == (2, 0)
