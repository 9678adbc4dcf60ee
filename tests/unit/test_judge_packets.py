"""The packet's way: seen at every step, or named where it was not; and how packets are read."""

from __future__ import annotations

import dataclasses
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Hop, Roster, Traced, Trails
from harness.inside.scripts import capture
from harness.judge.packets import went_the_way
from harness.judge.verdict import State, Verdict
from harness.model import Attachment, Replica

M, W1 = "swarm-manager", "swarm-worker1"
CLIENT, ENTRY, SANDBOX, INGRESS, TASK = "192.0.2.1", "192.0.2.10", "172.18.0.2", "10.0.0.2", "10.0.0.7"
ROSTER = Roster("roster-1", "web", 0.0, (Replica("task-1", 1, W1, (Attachment("ingress", TASK),)),), 1)


def both(node: str, space: str, source: str, to: str) -> tuple[Hop, Hop]:
    """SYN and its answer on one device."""
    there = Hop(node, space, "eth0", source, 10001, to, 8080, answer=False)
    return there, dataclasses.replace(
        there, source=to, source_port=8080, destination=source, destination_port=10001, answer=True
    )


WAY = {
    "node": both(M, "host", CLIENT, ENTRY),
    "dnat": both(M, "ingress_sbox", CLIENT, SANDBOX),
    "ipvs": both(M, "ingress_sbox", INGRESS, TASK),
    "into": both(M, "1-abcdefghij", INGRESS, TASK),
    "out": both(W1, "1-abcdefghij", INGRESS, TASK),
    "task": both(W1, "1a2b3c4d5e6f", INGRESS, TASK),
}


def look(*steps: str, replica: str = "task-1", missing: tuple[tuple[str, str], ...] = ()) -> Trails:
    """One request that was seen at these steps."""
    return Trails(
        "capture-1", "web", 8080, 0.0, 9.0, ((M, ENTRY),), (Traced(M, CLIENT, 10001, replica, "timed out"),),
        tuple(hop for step in steps for hop in WAY[step]), missing,
    )  # fmt: skip


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def test_seen_at_every_step() -> None:
    """There and back, over the overlay."""
    verdict = went_the_way(look(*WAY), ROSTER)

    assert verdict.state is State.UPHELD
    assert verdict.sentence == (
        "1 request through 1 entry node were seen at every step, there and back; 1 crossed the overlay"
    )


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("dnat", "DNAT to ingress_sbox"),
        ("ipvs", "IPVS and SNAT"),
        ("into", "into the overlay"),
        ("out", "out of the overlay"),
        ("task", "at the task"),
    ],
)
def test_a_step_that_was_not_seen_is_named(step: str, name: str) -> None:
    """Though the request was answered."""
    verdict = went_the_way(look(*(one for one in WAY if one != step)), ROSTER)

    assert (verdict.state, found(verdict)) == (State.REFUTED, [("another-way", M)])
    assert name in verdict.sentence


def test_a_packet_that_was_not_translated_is_no_balanced_one() -> None:
    """The task must see the node's address on the ingress network."""
    steps = [hop for step in WAY if step != "ipvs" for hop in WAY[step]]
    plain = dataclasses.replace(look(), hops=(*steps, *both(M, "ingress_sbox", CLIENT, TASK)))

    assert "IPVS and SNAT" in went_the_way(plain, ROSTER).sentence


def test_a_request_without_an_answer_is_lost() -> None:
    """With what it ended by."""
    verdict = went_the_way(look(*WAY, replica=""), ROSTER)

    assert found(verdict) == [("requests-lost-at-entry", M)]
    assert "timed out" in verdict.sentence


@pytest.mark.parametrize("node", [M, W1])
def test_where_nothing_was_captured_nothing_is_told(node: str) -> None:
    """Nor of a replica that nobody knows, nor without requests."""
    assert went_the_way(look(*WAY, missing=((node, "no answer"),)), ROSTER).state is State.UNKNOWN
    assert went_the_way(look(*WAY, replica="stranger"), ROSTER).state is State.UNKNOWN
    assert went_the_way(dataclasses.replace(look(), requests=()), ROSTER).state is State.UNKNOWN
    late = went_the_way(look(*(step for step in WAY if step != "node")), ROSTER)
    assert late.sentence == "swarm-manager: nothing was captured of one of its requests"


def packet(source: int, destination: int, flags: int, options: int = 0) -> bytes:
    """An IPv4 packet with a TCP header."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45 + options, 0, 40, 1, 0, 64, 6, 0, b"\n\0\0\2", b"\n\0\0\7")
    return (
        head + bytes(4 * options) + struct.pack("!HHIIBBHHH", source, destination, 0, 0, 0x50, flags, 0, 0, 0)
    )


def test_packets_are_read_by_port() -> None:
    """Options of the IP header, too; others' packets are left out."""
    assert capture.parse(packet(10001, 8080, 2), 8080) == ["10.0.0.2", 10001, "10.0.0.7", 8080, False]
    assert capture.parse(packet(8080, 10001, 0x12, 2), 8080) == ["10.0.0.2", 8080, "10.0.0.7", 10001, True]
    assert capture.parse(packet(10001, 80, 2), 8080) is None
    assert capture.parse(packet(8080, 10001, 2), 8080) is None


@given(st.binary(max_size=200))
def test_no_packet_breaks_it(data: bytes) -> None:
    """Whatever comes."""
    capture.parse(data, 8080)


def test_the_filter_is_one_that_the_kernel_takes() -> None:
    """SYNs of this machine's loopback pass it, and nothing else."""
    try:
        sock = capture.listener()
    except PermissionError:
        pytest.skip("packets may not be captured here")
    with sock, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0] as way:
            way.sendall(b"data")
            sock.setblocking(True)
            sock.settimeout(5)
            rows = [row for _ in range(2) for row in [_next(sock, port)]]
    assert [row[4] for row in rows] == [False, False]  # out, and in again


def _next(sock: socket.socket, port: int) -> list[object]:
    """The next packet of this port."""
    while True:
        row = capture.parse(sock.recv(256), port)
        if row is not None:
            return row
