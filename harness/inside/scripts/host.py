"""The host-network job: the swarm's own ports, the published port from 127.0.0.1, the node's load balancers.

Arguments (JSON): ``peers``: rows of hostname, address, whether it is a manager, whether the job runs there;
``data_port``; ``ingress``: id of the ingress network; ``requests``: rows of port, count, expected name;
``timeout`` of a request; ``listen``: seconds to listen for peers; ``bound``: seconds for all of it.
"""

from __future__ import annotations

import array
import os
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from harness.inside.scripts import tables, web
from harness.inside.scripts.datapath import Echoes, endpoints
from harness.inside.scripts.wire import Wire, arguments, now

GOSSIP = 7946
CONTROL = 2377
# Bytes of memberlist's ack: 22, and 29 to 34 of encryption; probes name nodes and are longer.
LONGEST_ACK = 60
_ETH_ALL = 0x0003
_OUTGOING = 4  # PACKET_OUTGOING
_ATTACH_FILTER = 26
Datagram = tuple[
    str, str, int, int, int
]  # source, destination, source port, destination port, bytes of payload


def connect_all(targets: list[tuple[str, str, int]], timeout: float) -> list[list[object]]:
    """Connect to all targets at once; rows of name, port, state (``open``, ``closed``, ``silent``), proof."""
    waiting: dict[int, tuple[socket.socket, str, int]] = {}
    rows: list[list[object]] = []
    poll = select.poll()
    began = now()
    for name, address, port in targets:
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setblocking(False)
        code = client.connect_ex((address, port))
        waiting[client.fileno()] = (client, name, port)
        if code not in {0, 115}:  # EINPROGRESS
            rows.append([name, port, *_told(code, began)])
            waiting.pop(client.fileno())
            client.close()
            continue
        poll.register(client, select.POLLOUT)
    while waiting and now() - began < timeout:
        for handle, _ in poll.poll(max(1.0, (timeout - (now() - began)) * 1000)):
            client, name, port = waiting.pop(handle)
            poll.unregister(handle)
            rows.append([name, port, *_told(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), began)])
            client.close()
    for client, name, port in waiting.values():
        rows.append([name, port, "silent", f"no answer to a connect within {timeout:g} s"])
        client.close()
    return rows


def _told(code: int, began: float) -> tuple[str, str]:
    if not code:
        return "open", f"connected in {(now() - began) * 1000:.0f} ms"
    return ("closed" if code == 111 else "silent"), os.strerror(code)  # noqa: PLR2004  ECONNREFUSED


def udp_of(packet: bytes) -> Datagram | None:
    """The ends and the length of an IPv4 packet that starts a UDP datagram."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:  # noqa: PLR2004  IPv4 header
        return None
    start = (packet[0] & 15) * 4
    if struct.unpack_from("!H", packet, 6)[0] & 0x1FFF or len(packet) < start + 6:
        return None
    source, destination, length = struct.unpack_from("!HHH", packet, start)
    return socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), source, destination, length - 8


class Listener:
    """Watches UDP between this node and its peers, without taking part: proof by the swarm's own traffic.

    What is seen at the interface may still be dropped by a firewall. Gossip's acknowledgements tell more:
    they are the only datagrams so short, and a node sends one only after a probe has reached its process.

    Attributes:
        came: (peer, port) from which something arrived at the interface, and when.
        acked: (peer, direction) of acknowledgements: ``in`` proves the way to the peer, ``out`` the way here.
    """

    def __init__(self, peers: dict[str, str], data_port: int, mute: frozenset[str] = frozenset()) -> None:
        self._names = {address: name for name, address in peers.items()}
        self._ports = (GOSSIP, data_port)
        self.came: dict[tuple[str, int], float] = {}
        self.acked: dict[tuple[str, str], float] = {}
        self.strangers: dict[tuple[str, int], int] = {}
        self._wanted = {(name, "out") for name in peers} | {(name, "in") for name in mute}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, _only_udp())

    def take(self, packet: bytes, *, outgoing: bool = False) -> None:
        """Note what this packet proves."""
        found = udp_of(packet)
        if found is None or found[3] not in self._ports:
            return
        source, destination, from_port, port, length = found
        ack = from_port == port == GOSSIP and 0 < length <= LONGEST_ACK
        if outgoing:
            if ack and destination in self._names:
                self.acked.setdefault((self._names[destination], "out"), now())
            return
        name = self._names.get(source)
        if name is None:
            self.strangers[source, port] = self.strangers.get((source, port), 0) + 1
            return
        self.came.setdefault((name, port), now())
        if ack:
            self.acked.setdefault((name, "in"), now())

    @property
    def complete(self) -> bool:
        """Whether gossip's way here is proven from every peer, and the way there to those without a job."""
        return self._wanted <= set(self.acked)

    def listen(self, until: float, enough: Callable[[], bool]) -> None:
        """Listen until all is proven and ``enough`` says so too, or ``until`` (seconds since we began)."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while now() < until and not (self.complete and enough()):
            if poll.poll(max(1.0, min(0.2, until - now()) * 1000)):
                packet, where = self._socket.recvfrom(128)
                self.take(packet, outgoing=where[2] == _OUTGOING)
        self._socket.close()

    def rows(self, port: int) -> list[list[object]]:
        """Rows of a peer, whether anything arrived on ``port``, and what arrived from elsewhere."""
        seen = [f"{count} from {who}" for (who, on), count in self.strangers.items() if on == port][:4]
        return [[name, (name, port) in self.came, ", ".join(seen)] for name in sorted(self._names.values())]

    def acks(self) -> list[list[object]]:
        """Rows of a peer, and whether the way to it and the way from it are proven."""
        return [
            [name, (name, "in") in self.acked, (name, "out") in self.acked]
            for name in sorted(self._names.values())
        ]


_FILTER = array.array(
    "B",
    # load byte 9 (protocol); if it is UDP take 64 bytes, else none
    struct.pack("=" + "HBBI" * 4, 0x30, 0, 0, 9, 0x15, 0, 1, socket.IPPROTO_UDP, 6, 0, 0, 64, 6, 0, 0, 0),
)


def _only_udp() -> bytes:
    """A packet filter's struct sock_fprog, which points at ``_FILTER``."""
    return struct.pack("@HP", 4, _FILTER.buffer_info()[0])


def guarded(wire: Wire, about: str, work: Callable[[], None]) -> threading.Thread:
    """Start ``work`` in a thread; whatever stops it is told, never lost."""

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  told in a record
            wire.send("trouble", about=about, text=f"{type(error).__name__}: {error}"[:300])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def main() -> None:
    """Do all of it side by side, and tell."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    peers = [peer for peer in args["peers"] if peer[0] != wire.node]
    bound = float(args["bound"])
    timeout = float(args["timeout"])
    until = min(float(args["listen"]), bound - 0.5)
    quiet = threading.Event()
    data_port = int(args["data_port"])
    addresses = {peer[0]: peer[1] for peer in peers}
    listener = Listener(addresses, data_port, frozenset(peer[0] for peer in peers if not peer[3]))
    echoes = Echoes(addresses)

    def ports() -> None:
        targets = [(name, address, GOSSIP) for name, address, *_ in peers]
        targets += [(name, address, CONTROL) for name, address, manager, _ in peers if manager]
        wire.rows("tcp", connect_all(targets, timeout))

    def listen() -> None:
        listener.listen(until, lambda: echoes.complete)
        quiet.set()
        wire.rows("heard", listener.rows(GOSSIP), port=GOSSIP)
        wire.rows("heard", listener.rows(data_port), port=data_port)
        wire.rows("acks", listener.acks())

    def data_path() -> None:
        echoes.know(endpoints(str(args["ingress"])) if peers else {})
        if peers:
            tables.inside(tables.FOLDER + "/ingress_sbox", lambda: echoes.run(quiet, until))
        wire.rows("echoes", echoes.rows())

    def requests() -> None:
        for port, count, name in args["requests"]:
            rows = web.series("127.0.0.1", port, count, name=name, timeout=timeout, until=bound - timeout)
            wire.rows("samples", rows, path="localhost", port=port)

    work = (
        ("ports", ports),
        ("data path", data_path),
        ("udp", listen),
        ("requests", requests),
        ("tables", lambda: tables.report(wire)),
    )
    threads = [guarded(wire, about, task) for about, task in work]
    for thread in threads:
        thread.join(max(0.0, bound - now()))
    for thread, (about, _) in zip(threads, work, strict=True):
        if thread.is_alive():
            wire.send("trouble", about=about, text=f"not done within {bound:g} s")
    wire.close()
    os._exit(0)  # threads that hang must not keep the task
