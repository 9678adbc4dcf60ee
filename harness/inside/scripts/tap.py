"""What leaves this node for its peers: how much of it is ESP, and how much holds a payload in clear text.

Only what leaves is looked at: what comes in encrypted may be shown again once it is deciphered.

Arguments (JSON): ``nodes``: rows of hostname and address; ``payloads``: text by kind, ``plain`` and
``sealed``; ``enough``: frames of each kind towards each peer after which no more need come; ``bound``:
seconds for all of it.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from typing import Any

from harness.inside.scripts.wire import Wire, arguments, now

_ALL = 0x0003  # ETH_P_ALL; without it nothing that leaves is shown
_IP = 0x0800
_OUTGOING = 4  # PACKET_OUTGOING
_PACKET, _STATISTICS = 263, 6  # SOL_PACKET, PACKET_STATISTICS
_FILTER, _ROOM_FORCED = 26, 33  # SO_ATTACH_FILTER, SO_RCVBUFFORCE
_ROOM = 8 << 20  # bytes for frames that wait to be looked at
_PACKET_TYPE = 0xFFFFF004  # where a filter finds a frame's kind: SKF_AD_OFF + SKF_AD_PKTTYPE
_SOURCE = 12  # where an IPv4 header has its source
_ESP = 50  # IP protocol
_SHORTEST = 20  # bytes of an IPv4 header
_AFTER = 1.5  # seconds that the capture goes on once enough was seen
_LATE = 2.0  # seconds that telling may take


class Counts:
    """Frames by peer: ESP, and those that hold each payload."""

    def __init__(self, own: str, peers: dict[str, str], payloads: dict[str, bytes]) -> None:
        self._own, self._peers, self._payloads = own, peers, payloads
        self.rows: dict[str, dict[str, int]] = {
            peer: {"esp": 0, **dict.fromkeys(payloads, 0)} for peer in peers.values()
        }

    def see(self, packet: bytes) -> None:
        """One IPv4 packet that leaves."""
        if len(packet) < _SHORTEST or packet[0] >> 4 != 4:  # noqa: PLR2004  the version
            return
        source, target = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        peer = self._peers.get(target)
        if source != self._own or peer is None:
            return
        if packet[9] == _ESP:
            self.rows[peer]["esp"] += 1
        for kind, payload in self._payloads.items():
            self.rows[peer][kind] += payload in packet

    def enough(self, least: int) -> bool:
        """Whether each peer was sent so much plain payload, and of the other kind in whatever form."""
        return all(
            row["plain"] >= least and row["esp"] + row["sealed"] >= least for row in self.rows.values()
        )


def only_from(own: str) -> list[tuple[int, int, int, int]]:
    """A filter for the kernel (classic BPF): IPv4 that leaves from this address; there is much else."""
    source = struct.unpack("!I", socket.inet_aton(own))[0]
    return [
        (0x30, 0, 0, _PACKET_TYPE),  # a byte
        (0x15, 0, 3, _OUTGOING),  # unless equal, three further
        (0x20, 0, 0, _SOURCE),  # a word
        (0x15, 0, 1, source),
        (0x06, 0, 0, 0xFFFFFFFF),  # all of it
        (0x06, 0, 0, 0),  # nothing
    ]


def opened(own: str) -> socket.socket:
    """A tap on all interfaces; nothing was dropped yet.

    Raises:
        OSError: not permitted.
    """
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
    code = b"".join(struct.pack("=HBBI", *one) for one in only_from(own))
    held = array.array("B", code)
    program = struct.pack("@HP", len(code) // 8, held.buffer_info()[0])
    tap.setsockopt(socket.SOL_SOCKET, _FILTER, program)
    tap.setsockopt(socket.SOL_SOCKET, _ROOM_FORCED, _ROOM)
    tap.getsockopt(_PACKET, _STATISTICS, 8)  # to read them is to begin anew
    return tap


def capture(tap: socket.socket, counts: Counts, least: int, until: float) -> int:
    """Count what leaves until enough was seen or the time is up; frames that were dropped meanwhile."""
    tap.settimeout(0.2)
    over = until
    while now() < over:
        try:
            packet, (_, protocol, kind, *_) = tap.recvfrom(65535)
        except TimeoutError:
            continue
        if protocol == _IP and kind == _OUTGOING:
            counts.see(packet)
            if over == until and counts.enough(least):
                over = min(until, now() + _AFTER)
    return int(struct.unpack("=II", tap.getsockopt(_PACKET, _STATISTICS, 8))[1])


def main() -> None:
    """Capture, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    addresses = {str(host): str(address) for host, address in args["nodes"]}
    own = addresses.pop(wire.node)
    payloads = {str(kind): str(text).encode() for kind, text in args["payloads"].items()}
    counts = Counts(own, {address: host for host, address in addresses.items()}, payloads)
    with opened(own) as tap:
        wire.send("ready")
        lost = capture(tap, counts, int(args["enough"]), float(args["bound"]) - _LATE)
    wire.rows(
        "frames",
        [[peer, *(row[kind] for kind in ("esp", "sealed", "plain"))] for peer, row in counts.rows.items()],
    )
    wire.send("lost", frames=lost)
    wire.close()
