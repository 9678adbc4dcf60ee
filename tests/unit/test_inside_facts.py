"""Facts of a node's kernel, read from what it would show."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.inside.scripts import facts

ADDR = '[{"ifname":"eth0","addr_info":[{"local":"10.0.0.1"}]},{"ifname":"lo","addr_info":[]}]'
PROC_NET_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F0A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   2: 0100007F:0051 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1 1
"""
PROC_NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0
vxlan0: 100 11 12 13 0 0 0 0 200 21 22 23 0 0 0 0
"""  # noqa: E501  as the kernel prints it
ARP_CACHE = """\
entries  allocs   destroys table_fulls
00000010 00000019 0000001f 00000001
00000010 0000001e 00000012 00000002
"""
SNMP = """\
Ip: Forwarding InReceives
Ip: 1 500
Icmp: InMsgs
Icmp: 3
Udp: InDatagrams InCsumErrors
Udp: 70 4
"""


def test_modules_are_told_as_the_kernel_has_them(tmp_path: Path) -> None:
    """Loaded, built in (by the list of them, or by what /sys shows), or nothing that tells."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/modules").write_text("ip_vs 200704 2 ip_vs_rr, Live 0x0\nxt_ipvs 1 0 - Live 0x0\n")
    (tmp_path / "sys/module/vxlan").mkdir(parents=True)
    (tmp_path / "sys/module/ip_vs").mkdir(parents=True)

    found = facts.modules(str(tmp_path))

    assert (found["ip_vs"], found["vxlan"], found["overlay"]) == ("module", "built-in", "")


def test_counters_of_processors_are_summed_but_for_the_shared_one() -> None:
    """Every processor tells the same number of entries."""
    assert facts.stat(ARP_CACHE, "entries") == {
        "entries": 16,
        "allocs": 0x19 + 0x1E,
        "destroys": 0x1F + 0x12,
        "table_fulls": 3,
    }
    assert facts.stat("") == {}


def test_counters_of_protocols_devices_and_listeners() -> None:
    """By the kernel's own names; only sockets that listen, only devices of that kind."""
    assert facts.snmp(SNMP) == {
        "Ip": {"Forwarding": 1, "InReceives": 500},
        "Udp": {"InDatagrams": 70, "InCsumErrors": 4},
    }
    assert facts.listeners(PROC_NET_TCP) == [80, 7946]
    assert facts.devices(PROC_NET_DEV) == {
        "vxlan0": {
            "rx_packets": 11,
            "rx_errors": 12,
            "rx_dropped": 13,
            "tx_packets": 21,
            "tx_errors": 22,
            "tx_dropped": 23,
        }
    }


def test_the_underlay_is_known_by_the_addresses_that_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each interface once; loopback answers what its offload is."""
    monkeypatch.setattr(facts, "driver", lambda name: f"driver of {name}")
    monkeypatch.setattr(facts, "tx_checksum", lambda name: True)

    assert facts.underlay(ADDR, ["10.0.0.1", "10.0.0.1", "10.9.9.9", ""]) == [
        {"name": "eth0", "driver": "driver of eth0", "tx_checksum": True}
    ]


def test_offload_and_driver_are_asked_of_the_kernel() -> None:
    """Loopback has no driver; what does not exist is an error."""
    assert facts.tx_checksum("lo") in {True, False}
    assert facts.driver("lo") == ""
    with pytest.raises(OSError, match="No such device"):
        facts.tx_checksum("none0")


def test_a_part_of_the_facts_that_fails_leaves_the_others_be() -> None:
    """Its name and the reason are told."""
    told, troubles = facts.gather({"good": lambda: 1, "bad": lambda: int("x")})

    assert told == {"good": 1}
    assert troubles[0].startswith("bad: ValueError")
