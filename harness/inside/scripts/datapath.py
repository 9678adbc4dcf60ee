"""The data path between nodes, proven by echoes through the ingress network: firewalls included.

A packet that is seen at the interface may still be dropped by the node's own firewall; one that arrives
in ``ingress_sbox`` has come all the way. Who runs which endpoint stands in the overlay's own tables.
"""

from __future__ import annotations

import os
import random
import select
import socket
import struct
import threading

from harness.inside.scripts import tables
from harness.inside.scripts.wire import now

_EVERY = 0.4  # seconds between rounds of echo requests
_EACH = 3  # endpoints of a peer that are asked in a round
_GET_NEIGHBOURS = 30  # RTM_GETNEIGH
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_DONE = 3  # NLMSG_DONE
_ERROR = 2  # NLMSG_ERROR
_BRIDGE = 7  # AF_BRIDGE: forwarding tables
_DST, _LLADDR = 1, 2  # NDA_DST, NDA_LLADDR
_REPLY, _REQUEST = 0, 8  # ICMP types


def echo_request(number: int) -> bytes:
    """An ICMP echo request."""
    body = struct.pack("!BBHHH", _REQUEST, 0, 0, os.getpid() & 0xFFFF, number & 0xFFFF)
    total = sum(struct.unpack("!4H", body))
    total = (total >> 16) + (total & 0xFFFF)
    return body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]


def echo_of(packet: bytes) -> tuple[str, bool] | None:
    """Source address of an IPv4 packet with an ICMP echo, and whether it is a reply."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_ICMP:  # noqa: PLR2004  IPv4 header
        return None
    start = (packet[0] & 15) * 4
    if len(packet) <= start or packet[start] not in {_REPLY, _REQUEST}:
        return None
    return socket.inet_ntoa(packet[12:16]), packet[start] == _REPLY


def parse_arp(text: str) -> dict[str, str]:
    """MAC by IPv4 address of permanent entries of ``/proc/net/arp``: endpoints that gossip told of."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return {row[0]: row[3].lower() for row in rows if len(row) >= 6 and row[2].lower() in {"0x6", "0x86"}}  # noqa: PLR2004  columns


def parse_forwarding(data: bytes) -> dict[str, str]:
    """Node address by MAC in the kernel's answer to a dump of forwarding tables; what is cut is left out."""
    found: dict[str, str] = {}
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16 or at + length > len(data) or kind in {_DONE, _ERROR}:  # noqa: PLR2004  a message's header
            break
        attributes = _attributes(data[at + 28 : at + length])
        mac, node = attributes.get(_LLADDR, b""), attributes.get(_DST, b"")
        if len(mac) == 6 and len(node) == 4:  # noqa: PLR2004  bytes of a MAC and of an IPv4 address
            found[":".join(f"{byte:02x}" for byte in mac)] = socket.inet_ntoa(node)
        at += (length + 3) & ~3
    return found


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:  # noqa: PLR2004  an attribute's header
            break
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def read_forwarding() -> dict[str, str]:
    """Node address by MAC, of the namespace that the calling thread is in.

    Raises:
        OSError: the kernel refuses.
    """
    found: dict[str, str] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(1.0)
        header = struct.pack("=IHHII", 32, _GET_NEIGHBOURS, _DUMP, 1, 0)
        asked.sendto(header + struct.pack("=B15x", _BRIDGE), (0, 0))
        while True:
            data = asked.recv(1 << 18)
            found.update(parse_forwarding(data))
            if _ends(data):
                return found


def _ends(data: bytes) -> bool:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind in {_DONE, _ERROR} or length < 16:  # noqa: PLR2004  a message's header
            return True
        at += (length + 3) & ~3
    return False


def endpoints(ingress: str) -> dict[str, str]:
    """Node address by endpoint address, of the endpoints that other nodes have on the ingress network.

    Raises:
        OSError: the namespaces cannot be read.
    """
    overlay = [name for name in tables.names() if ingress and name.endswith("-" + ingress[:10])]
    if not overlay:
        return {}
    text, nodes = tables.inside(
        tables.FOLDER + "/" + overlay[0], lambda: (tables.read_proc("arp"), read_forwarding())
    )
    return {address: nodes[mac] for address, mac in parse_arp(text).items() if mac in nodes}


class Echoes:
    """Asks the endpoints of every peer for an echo, and notes what came through.

    Attributes:
        came: peers from whom anything arrived in ``ingress_sbox``, and when: proof of the way here.
        replied: peers who replied, and when: proof of both ways.
        asked: how many endpoints of each peer are known.
    """

    def __init__(self, peers: dict[str, str]) -> None:
        self._names = {address: name for name, address in peers.items()}
        self._owner: dict[str, str] = {}
        self.came: dict[str, float] = {}
        self.replied: dict[str, float] = {}
        self.asked: dict[str, int] = dict.fromkeys(peers, 0)
        self._informed = False

    def know(self, known: dict[str, str]) -> None:
        """Learn of endpoints: node address by endpoint address."""
        self._owner = {endpoint: self._names[node] for endpoint, node in known.items() if node in self._names}
        for owner in self._owner.values():
            self.asked[owner] += 1
        self._informed = True

    def take(self, packet: bytes) -> None:
        """Note what this packet proves."""
        found = echo_of(packet)
        peer = self._owner.get(found[0]) if found else None
        if found and peer:
            self.came.setdefault(peer, now())
            if found[1]:
                self.replied.setdefault(peer, now())

    @property
    def complete(self) -> bool:
        """Whether every peer replied of which an endpoint is known."""
        return self._informed and all(peer in self.replied for peer, count in self.asked.items() if count)

    def run(self, quiet: threading.Event, until: float) -> None:
        """Ask and note, in the calling thread's namespace, until ``quiet`` or ``until``.

        Goes on after the last reply: a peer that began later is proven by what it hears from us.

        Raises:
            OSError: no raw socket is to be had.
        """
        poll = select.poll()
        number = 0
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as link:
            link.setblocking(False)
            poll.register(link, select.POLLIN)
            while not quiet.is_set() and now() < until:
                for target in self._round():
                    number += 1
                    try:
                        link.sendto(echo_request(number), (target, 0))
                    except OSError:  # a full queue or a missing route only costs this packet
                        continue
                due = now() + _EVERY
                while now() < due and not quiet.is_set():
                    if poll.poll(max(1.0, min(0.1, due - now()) * 1000)):
                        self.take(link.recv(256))

    def _round(self) -> list[str]:
        chosen: list[str] = []
        for peer in self.asked:
            mine = [endpoint for endpoint, owner in self._owner.items() if owner == peer]
            chosen += random.sample(mine, min(_EACH, len(mine)))
        return chosen

    def rows(self) -> list[list[object]]:
        """Rows of peer, whether anything came from it, whether it replied, how many endpoints it has."""
        return [[peer, peer in self.came, peer in self.replied, count] for peer, count in self.asked.items()]
