"""What iproute2 and the kernel's balancer print: nothing where there is nothing, and never a guess."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.mesh import iproute
from harness.mesh.documents import Unreadable
from harness.mesh.ipvs import mark_services
from harness.mesh.kernel import Device, ForwardingEntry, MarkService, Neighbour, RealServerRow, Route

PARSERS = (iproute.devices, iproute.forwarding, iproute.neighbours, iproute.routes)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", ["", "\n", "[]", "[ ]\n", "[{}]", "[{},{}]"])
def test_nothing_has_three_forms(parse: Callable[[str], tuple[object, ...]], text: str) -> None:
    """``[]``, no output at all, and objects that are empty."""
    assert parse(text) == ()


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "text",
    ["[", "null", "{}", "[1]", '[["eth0"]]', 'Cannot open network namespace "x"', "[" * 100_000,
     '[{"dst":7}]', '[{"dst":null,"ifname":"eth0"}]'],
)  # fmt: skip
def test_garbage_is_unreadable(parse: Callable[[str], tuple[object, ...]], text: str) -> None:
    """Cut off, of another form, a tool's complaint, nested without end, of wrong types."""
    with pytest.raises(Unreadable):
        parse(text)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["ifname", "dev", "dst", "mac", "flags", "mtu", "addr_info", "linkinfo", "info_kind", "state"]
            )
            | st.text(),
            inner,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=50)
@given(_JSON.map(json.dumps) | st.text(), st.sampled_from(PARSERS))
def test_any_document_is_read_or_unreadable(text: str, parse: Callable[[str], tuple[object, ...]]) -> None:
    """No other exception leaves a parser."""
    try:
        assert isinstance(parse(text), tuple)
    except Unreadable as error:
        assert str(error)  # noqa: PT017  either outcome is right


def test_interfaces() -> None:
    """Only a vxlan device has a network id and a port; one that is down has no UP among its flags."""
    vxlan = {
        "ifname": "vxlan0",
        "flags": ["BROADCAST"],
        "mtu": 1450,
        "address": "4e:24:3e:3e:28:7d",
        "master": "br0",
        "addr_info": [],
        "linkinfo": {"info_kind": "vxlan", "info_data": {"id": 4105, "port": 4790}},
    }
    tunnel = {
        "ifname": "eth0",
        "flags": ["UP"],
        "mtu": 1500,
        "linkinfo": {"info_kind": "gre", "info_data": {"id": "x"}},
        "addr_info": [{}, {"family": "inet6", "local": "fd00::5", "prefixlen": 64}],
    }

    assert iproute.devices(json.dumps([vxlan, {}, tunnel])) == (
        Device(
            "vxlan0",
            up=False,
            mtu=1450,
            mac="4e:24:3e:3e:28:7d",
            kind="vxlan",
            master="br0",
            vni=4105,
            port=4790,
        ),
        Device("eth0", up=True, mtu=1500, mac="", addresses=(("fd00::5", 64),), kind="gre"),
    )


def test_forwarding_and_neighbours() -> None:
    """A row without a remote end is the bridge's own; a neighbour that did not answer has no MAC."""
    rows = [
        {"mac": "02:42:0a:00:00:03", "ifname": "vxlan0", "flags": [], "master": "br0", "state": ""},
        {"mac": "02:42:0a:00:00:03", "ifname": "vxlan0", "dst": "192.168.200.12", "flags": ["self"]},
    ]
    failed = {"dst": "10.0.0.9", "dev": "eth0", "state": ["FAILED"]}

    assert iproute.forwarding(json.dumps(rows)) == (
        ForwardingEntry("02:42:0a:00:00:03", "vxlan0", "192.168.200.12"),
    )
    assert iproute.neighbours(json.dumps([failed])) == (Neighbour("10.0.0.9", "eth0", "", ("FAILED",)),)


def test_routes() -> None:
    """A host route has its prefix length, several next hops are as many routes, and some lead nowhere."""
    rows = [
        {"dst": "10.0.0.5", "dev": "eth0", "prefsrc": "10.0.0.2"},
        {"dst": "fd00::7", "dev": "eth0"},
        {
            "dst": "default",
            "nexthops": [{"gateway": "10.0.0.1", "dev": "eth0"}, {"via": {"host": "fe80::1"}}],
        },
        {"type": "blackhole", "dst": "10.9.0.0/16"},
    ]

    assert iproute.routes(json.dumps(rows)) == (
        Route("10.0.0.5/32", "eth0", source="10.0.0.2"),
        Route("fd00::7/128", "eth0"),
        Route("default", "eth0", "10.0.0.1"),
        Route("default", "", "fe80::1"),
        Route("10.9.0.0/16", ""),
    )


_HEAD = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
"""
_ROWS = """\
TCP  0A000001:0050 wrr persistent 360 FFFFFFFF
  -> 0A000099:0050      Masq    1      0          0
FWM  00000121 rr
  -> 0A000056:0000      Masq    1      2          3
  -> 0A000057:0000      Route   0      0          0
TCP  [fd00:0000:0000:0000:0000:0000:0000:0001]:0050 rr ops
FWM  000001FF sh persistent 360
  -> [fd00:0000:0000:0000:0000:0000:0000:0005]:0000      Tunnel  10     0          0
FWM  00000122 rr
"""


def test_services_by_mark_and_their_real_servers() -> None:
    """Of both families and with any way of forwarding; services by address are not swarm's."""
    assert mark_services(_HEAD + _ROWS) == (
        MarkService(0x121, "rr", (RealServerRow("10.0.0.86", 1), RealServerRow("10.0.0.87", 0, "Route"))),
        MarkService(0x1FF, "sh", (RealServerRow("fd00::5", 10, "Tunnel"),)),
        MarkService(0x122, "rr", ()),
    )


@pytest.mark.parametrize("text", ["", "\n", _HEAD])
def test_a_balancer_without_services(text: str) -> None:
    """A kernel without the table, and one whose table is empty."""
    assert mark_services(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        _ROWS,
        _HEAD[:60],
        _HEAD + "  -> 0A000056:0000      Masq    1      2          3\n",
        _HEAD + "FWM  00000121\n",
        _HEAD + _ROWS + "  -> 0A000058:0000      Masq    1",
        _HEAD + _ROWS + "  -> [fd00::5::1]:0000      Masq    1      0          0\n",
        "cat: /proc/net/ip_vs: Permission denied",
    ],
)
def test_other_texts_are_no_balancer(text: str) -> None:
    """Without its head, cut off, or with a row that a kernel does not print."""
    with pytest.raises(Unreadable):
        mark_services(text)
