"""IPsec's policies and states, as a kernel tells them by netlink; keys stay where they are."""

from __future__ import annotations

import errno
import json
import socket
import struct

import pytest

from harness.inside.scripts import netlink, xfrm

OWN, PEER = "192.168.200.11", "192.168.200.12"
SECRET = bytes.fromhex("c0ffee" * 8)
AEAD, MARK, TEMPLATE = 18, 21, 5


def ident(address: str, spi: int) -> bytes:
    """struct xfrm_id."""
    return socket.inet_aton(address).ljust(16, b"\0") + struct.pack("!IB3x", spi, 50)


def state(source: str, destination: str, spi: int, *attributes: bytes) -> netlink.Message:
    """struct xfrm_usersa_info, and attributes."""
    head = bytes(56) + ident(destination, spi) + socket.inet_aton(source).ljust(16, b"\0")
    return 0x10, head.ljust(212, b"\0") + struct.pack("=H10x", socket.AF_INET) + b"".join(attributes)


def policy(direction: int, source: str, destination: str, spi: int) -> netlink.Message:
    """struct xfrm_userpolicy_info, and a template."""
    made = ident(destination, spi) + struct.pack("=H2x", socket.AF_INET)
    made += socket.inet_aton(source).ljust(16, b"\0")
    attribute = netlink.attribute(TEMPLATE, made.ljust(64, b"\0"))
    return 0x13, bytes(160) + bytes([direction]) + bytes(7) + attribute


KEY = netlink.attribute(AEAD, b"rfc4106(gcm(aes))".ljust(64, b"\0") + struct.pack("=II", 192, 64) + SECRET)
SPACE = netlink.attribute(MARK, bytes(8))


def test_policies_and_keyed_states_are_told_without_their_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a key is no state; the key itself is nowhere in what leaves the node."""
    told = {
        0x15: [policy(1, OWN, PEER, 0x1234)],
        0x12: [
            state(OWN, PEER, 0x1234, SPACE, KEY),
            state(PEER, OWN, 0x4321, KEY),
            state(PEER, OWN, 0x99, SPACE),
        ],
    }
    monkeypatch.setattr(netlink, "dump", lambda protocol, kind: told[kind])

    text, trouble = xfrm.save()

    assert trouble == ""
    assert [tuple(row.values()) for row in json.loads(text)] == [
        ("out", OWN, PEER, 0x1234),
        ("state", OWN, PEER, 0x1234),
        ("state", PEER, OWN, 0x4321),
    ]
    assert SECRET.hex() not in text
    assert "c0ffee" not in text


def test_a_kernel_without_ipsec_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is known; what one may not read is not."""
    why = [errno.EPROTONOSUPPORT]

    def fails(protocol: int, kind: int) -> list[netlink.Message]:
        raise OSError(why[0], "no")

    monkeypatch.setattr(netlink, "dump", fails)

    assert xfrm.save() == ("[]", "")
    why[0] = errno.EPERM
    with pytest.raises(OSError, match="no"):
        xfrm.save()


@pytest.mark.parametrize("size", [0, 100, 167, 223])
def test_a_short_message_is_malformed(size: int) -> None:
    """Never half a row."""
    with pytest.raises(ValueError, match="malformed"):
        xfrm.states([(0x10, bytes(size))])
    if size < 168:
        with pytest.raises(ValueError, match="malformed"):
            xfrm.policies([(0x13, bytes(size))])
