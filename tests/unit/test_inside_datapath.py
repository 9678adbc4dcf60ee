"""Proof of datagrams: by gossip's acknowledgements, and by echoes through the ingress network."""

from __future__ import annotations

import socket
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inside.scripts import datapath, host


def _udp(source: str, target: str, port: int, length: int) -> bytes:
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    return b"\x45" + bytes(8) + b"\x11" + bytes(2) + ends + struct.pack("!HHHH", port, port, length + 8, 0)


ME, PEER = "192.168.200.10", "192.168.200.11"


def test_udp_packets_are_read_as_they_arrive() -> None:
    """Both ends and the length; fragments, other protocols and short packets are left out."""
    packet = _udp(PEER, ME, 7946, 51)

    assert host.udp_of(packet) == (PEER, ME, 7946, 7946, 51)
    assert host.udp_of(packet[:9] + b"\x06" + packet[10:]) is None
    assert host.udp_of(packet[:6] + b"\x00\x10" + packet[8:]) is None
    assert host.udp_of(packet[:22]) is None


class _Unwired(host.Listener):
    """A listener without a socket: packets are handed to it."""

    def __init__(self, peers: dict[str, str], data_port: int) -> None:
        self.came, self.acked, self.strangers = {}, {}, {}
        self._names = {address: name for name, address in peers.items()}
        self._ports = (host.GOSSIP, data_port)
        self._wanted = {(name, way) for name in peers for way in ("in", "out")}


def test_an_acknowledgement_proves_the_way_of_the_probe() -> None:
    """One that we send proves the way here, one that comes the way there; a probe alone proves neither."""
    listener = _Unwired({"w1": PEER}, 4789)

    listener.take(_udp(PEER, ME, 7946, 120))
    assert (listener.rows(7946), listener.acks()) == ([["w1", True, ""]], [["w1", False, False]])
    listener.take(_udp(ME, PEER, 7946, 52), outgoing=True)
    assert listener.acks() == [["w1", False, True]]
    assert not listener.complete
    listener.take(_udp(PEER, ME, 7946, 51))
    assert listener.complete


def test_packets_from_other_addresses_are_told() -> None:
    """A peer whose packets leave from another address than the swarm knows is found by them."""
    listener = _Unwired({"w1": PEER}, 4789)

    listener.take(_udp("10.9.9.9", ME, 4789, 200))
    listener.take(_udp("10.9.9.9", ME, 4789, 200))

    assert listener.rows(4789) == [["w1", False, "2 from 10.9.9.9"]]


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=64), st.booleans())
def test_no_packet_raises(packet: bytes, outgoing: bool) -> None:
    """Whatever arrives, listener and echoes live."""
    listener, echoes = _Unwired({"w1": PEER}, 4789), datapath.Echoes({"w1": PEER})

    listener.take(packet, outgoing=outgoing)
    echoes.take(packet)

    assert not listener.acked
    assert not echoes.came


ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.0.3         0x1         0x6         02:42:0A:00:00:03     *        vxlan0
10.0.0.9         0x1         0x2         02:42:0a:00:00:09     *        br0
torn line
"""


def test_only_endpoints_that_gossip_told_of_are_asked() -> None:
    """Permanent entries of the neighbour table; learned ones belong to others."""
    assert datapath.parse_arp(ARP) == {"10.0.0.3": "02:42:0a:00:00:03"}


def _neighbour(mac: str, node: str = "") -> bytes:
    """One message of a forwarding table's dump."""
    address = bytes.fromhex(mac.replace(":", ""))
    body = struct.pack("=BxHiHBB", 7, 0, 5, 0x80, 2, 0) + struct.pack("=HH6s2x", 10, 2, address)
    if node:
        body += struct.pack("=HH4s", 8, 1, socket.inet_aton(node))
    return struct.pack("=IHHII", 16 + len(body), 28, 2, 1, 0) + body


def test_forwarding_tables_say_which_node_has_an_endpoint() -> None:
    """Entries without a node are local; the end of the dump ends the reading."""
    end = struct.pack("=IHHII", 20, 3, 2, 1, 0) + bytes(4)
    dump = _neighbour("02:42:0a:00:00:03", PEER) + _neighbour("02:42:0a:00:00:04")

    assert datapath.parse_forwarding(dump + end + dump) == {"02:42:0a:00:00:03": PEER}


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.integers(0, 100))
def test_a_torn_forwarding_table_never_raises(noise: bytes, cut: int) -> None:
    """Cut or followed by anything, only whole entries are told."""
    dump = _neighbour("02:42:0a:00:00:03", PEER)

    assert set(datapath.parse_forwarding(dump[: min(cut, len(dump) - 1)])) <= {"02:42:0a:00:00:03"}
    assert datapath.parse_forwarding(dump + noise)["02:42:0a:00:00:03"]


def _echo(source: str, kind: int) -> bytes:
    head = b"\x45" + bytes(8) + b"\x01" + bytes(2)
    return head + socket.inet_aton(source) + bytes(4) + bytes((kind,)) + bytes(7)


def test_an_echo_proves_the_way_here_and_a_reply_both() -> None:
    """A request from a peer came through our firewall; only its reply shows that ours came through its."""
    echoes = datapath.Echoes({"w1": PEER, "w2": "192.168.200.12"})
    assert not echoes.complete
    echoes.know({"10.0.0.3": PEER, "10.0.0.4": PEER, "10.0.0.9": "192.0.2.1"})

    echoes.take(_echo("10.0.0.3", 8))
    assert echoes.rows() == [["w1", True, False, 2], ["w2", False, False, 0]]
    echoes.take(_echo("10.0.0.9", 0))
    assert echoes.rows()[0][2] is False
    echoes.take(_echo("10.0.0.4", 0))
    assert echoes.rows()[0] == ["w1", True, True, 2]
    assert echoes.complete


def test_an_echo_request_has_a_right_checksum() -> None:
    """The sum over the whole message, checksum included, is all ones."""
    total = sum(struct.unpack("!4H", datapath.echo_request(5)))

    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
