"""Source ports: not used twice while a balancer remembers them, per destination, across processes."""

from __future__ import annotations

import socket

from harness.probe.ports import FIRST, LAST, RATE, SourcePorts
from tests.contract.fakes import FakeClock

_REMEMBERED = 120.0  # seconds that IPVS keeps a closed connection


def test_a_port_comes_back_only_after_all_others() -> None:
    """And all are of the range below the kernel's own."""
    ports = SourcePorts()
    seen = [ports.next("a") for _ in range(LAST - FIRST + 1)]

    assert sorted(seen) == list(range(FIRST, LAST + 1))
    assert ports.next("a") == seen[0]


def test_each_destination_counts_for_its_own() -> None:
    """One address asked often does not use up the ports of another."""
    clock = FakeClock()
    ports = SourcePorts(clock)
    ports.next("a")

    assert ports.next("b") == SourcePorts(clock).next("a")


def test_a_later_process_begins_after_what_an_earlier_one_used() -> None:
    """If that one asked at most ``RATE`` times a second; the range lasts longer than IPVS remembers."""
    clock = FakeClock()
    earlier = SourcePorts(clock)
    used = {earlier.next("a") for _ in range(10 * RATE)}
    clock.sleep(10.0)

    assert SourcePorts(clock).next("a") not in used
    assert (LAST - FIRST) / RATE > _REMEMBERED


def test_a_port_in_use_is_passed_over() -> None:
    """The next one is tried."""
    clock = FakeClock()
    with socket.socket() as taken, socket.socket() as asking:
        taken.bind(("", SourcePorts(clock).next("a")))
        taken.listen()
        SourcePorts(clock).bind(asking, "a")

        assert asking.getsockname()[1] not in {0, taken.getsockname()[1]}
