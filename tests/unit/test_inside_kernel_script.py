"""The kernel job's script and its facts, against files and tools that say what a node's would."""

from __future__ import annotations

import errno
import json
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inside.frames import NodeAnswer, assemble
from harness.inside.scripts import facts, kernel, nft, tables, xtables, xtsave
from harness.inside.scripts.wire import Wire

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


def answer(work: Callable[[Wire], object]) -> NodeAnswer:
    """What a script told."""
    with tempfile.TemporaryFile("w+") as file:
        wire = Wire("n1", "t1", out=file.fileno())
        work(wire)
        wire.close()
        file.seek(0)
        return assemble(file.read().splitlines())["n1"]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A node whose tools print what they were called with; the folder of its namespaces.

    The kernel's own handles stand for namespaces: ``default`` for the host's, others for two strangers.
    """
    files = {"ip_vs": "FWM  00000100 rr\n", "dev": PROC_NET_DEV}
    monkeypatch.setattr(tables, "inside", lambda path, work: work())
    monkeypatch.setattr(tables, "read_proc", lambda name: files.get(name, ""))
    monkeypatch.setattr(nft, "save", lambda: ("# table inet x: not read\n", ""))
    monkeypatch.setattr(kernel, "run", _printed)
    (tmp_path / "default").symlink_to("/proc/self/ns/net")
    (tmp_path / "ingress_sbox").symlink_to("/proc/self/ns/uts")
    (tmp_path / "1-abcdefghij").symlink_to("/proc/self/ns/ipc")
    return tmp_path


def _printed(command: list[str], given: str = "") -> str:
    if command[0] == "bridge":
        return "[]\n"
    return "".join(f"{ADDR if line.startswith('addr') else '[]'}\n\n" for line in given.splitlines())


def report(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Text and trouble by namespace and kind of what a node tells."""
    args = {"peers": [["n1", "10.0.0.1"], ["n2", "127.0.0.1"]], "data_port": 4789}
    told = answer(lambda wire: kernel.report(wire, args, folder=str(folder)))
    assert len(told.of("namespaces")) == 1
    return {
        (one["ns"], one["what"]): ("".join(piece for _, piece in one["rows"]), one["trouble"])
        for one in told.of("dump")
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "host"),
        ("ingress_sbox", "balancer"),
        ("lb_sgiqka8iu", "balancer"),
        ("1-k8tgakdk04", "overlay"),
        ("8b73158818df", "sandbox"),
        ("1b73158818df", "sandbox"),
    ],
)
def test_the_name_of_a_namespace_tells_its_kind(name: str, kind: str) -> None:
    """By the names that the engine gives them."""
    assert kernel.kind(name) == kind


def test_every_namespace_tells_what_its_kind_asks_for(node: Path) -> None:
    """The host's own under another name is not read twice; facts are told of the host alone."""
    told = report(node)

    assert set(told) == {
        *(("", what) for what in (*kernel.WANTED["host"], "facts")),
        *(("ingress_sbox", what) for what in kernel.WANTED["balancer"]),
        *(("1-abcdefghij", what) for what in kernel.WANTED["overlay"]),
    }
    assert told["ingress_sbox", "ipvs"] == ("FWM  00000100 rr\n", "")
    assert told["ingress_sbox", "addr"] == (ADDR, "")
    assert told["1-abcdefghij", "fdb"] == ("[]\n", "")
    assert told["", "rules-legacy"] == ("", "")
    assert told["", "rules-nft"] == ("# table inet x: not read\n", "")


def test_facts_hold_the_way_to_each_peer_and_the_devices_of_overlays(node: Path) -> None:
    """Not the way to itself; counters of vxlan devices by namespace."""
    text, _ = report(node)["", "facts"]

    found = json.loads(text)
    assert found["routes"] == [["n2", "127.0.0.1", "127.0.0.1", ""]]
    assert found["vxlan"]["1-abcdefghij"]["vxlan0"]["tx_dropped"] == 23
    assert {"kernel", "modules", "listeners", "errors"} <= set(found)


def test_a_file_that_is_no_namespace_is_told_with_trouble(node: Path) -> None:
    """A namespace that is younger than the job looks like that: nothing may follow from its silence."""
    (node / "lb_younger").touch()

    told = report(node)

    assert {what for namespace, what in told if namespace == "lb_younger"} == set(kernel.WANTED["balancer"])
    assert all("none is mounted" in told["lb_younger", what][1] for what in kernel.WANTED["balancer"])


def test_a_tool_that_fails_is_trouble_of_what_it_was_asked_for(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is told all the same."""

    def fails(command: list[str], given: str = "") -> str:
        raise OSError(f"{command[0]} exited 1: Operation not permitted")

    monkeypatch.setattr(kernel, "run", fails)

    told = report(node)

    assert told["", "addr"] == ("", "ip exited 1: Operation not permitted")
    assert "bridge exited 1" in told["1-abcdefghij", "fdb"][1]
    assert told["", "ipvs"] == ("FWM  00000100 rr\n", "")
    assert "underlay" in told["", "facts"][1]


def test_a_tool_that_prints_too_little_is_not_understood(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of its answers is lacking cannot be told."""
    monkeypatch.setattr(kernel, "run", lambda command, given="": "[]\n")

    assert "ip printed 1 lines for addr, neigh, route" in report(node)["", "route"][1]


def test_without_the_folder_the_host_is_told_and_the_trouble_named(node: Path) -> None:
    """A node without Docker's folder, or a job that may not read it."""
    told = answer(lambda wire: kernel.report(wire, {"peers": [], "data_port": 0}, folder=str(node / "no")))

    assert "No such file" in told.of("trouble")[0]["text"]
    assert {one["ns"] for one in told.of("dump")} == {""}


def test_a_table_that_cannot_be_read_is_trouble_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No table of the namespace is passed over in silence."""

    def read(name: str) -> xtables.Table:
        if name == "nat":
            raise PermissionError(errno.EPERM, "getsockopt: Operation not permitted")
        return xtables.Table(name, [], b"")

    monkeypatch.setattr(tables, "read_proc", lambda name: "nat\nfilter\n")
    monkeypatch.setattr(xtables, "read", read)
    monkeypatch.setattr(xtsave, "save", lambda table: f"*{table.name}\nCOMMIT\n")

    text, trouble = kernel.legacy()

    assert text == "*filter\nCOMMIT\n"
    assert "table nat: [Errno 1]" in trouble


def test_settings_that_a_namespace_does_not_have_are_left_out(tmp_path: Path) -> None:
    """Values stand on one line each; a setting that cannot be read is trouble."""
    for name, value in (("net/ipv4/ip_forward", "1\n"), ("net/ipv4/ip_local_port_range", "32768\t60999\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(value)
    (tmp_path / "net/ipv4/vs/conntrack").mkdir(parents=True)

    text, trouble = kernel.sysctl(f"{tmp_path}/")

    assert text == "net.ipv4.ip_forward = 1\nnet.ipv4.ip_local_port_range = 32768 60999\n"
    assert trouble == "net.ipv4.vs.conntrack: Is a directory"


def test_a_process_that_fails_says_why() -> None:
    """Its exit status and the first line of its complaint."""
    script = "import sys; print('bad', file=sys.stderr); print('more', file=sys.stderr); sys.exit(3)"

    assert kernel.run([sys.executable, "-c", "print(input())"], "given") == "given\n"
    with pytest.raises(OSError, match=r"exited 3: bad$"):
        kernel.run([sys.executable, "-c", script])
    with pytest.raises(FileNotFoundError):
        kernel.run(["/no/such/tool"])


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


def message(kind: int, body: bytes) -> bytes:
    """A netlink message."""
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def named(family: int, name: bytes) -> bytes:
    """A table in an answer, behind an attribute that nobody asked for."""
    flags = struct.pack("=HHI", 8, 2, 0)
    attribute = struct.pack("=HH", 5 + len(name), 1) + name + b"\0"
    return message(10 << 8, struct.pack("=BBH", family, 0, 0) + flags + attribute)


TABLES = named(2, b"filter") + named(1, b"firewalld") + named(99, b"new\nline")


def test_tables_of_nf_tables_are_counted() -> None:
    """By family and name; an answer without an end goes on, an error ends it with its code."""
    known = [("ip", "filter"), ("inet", "firewalld"), ("99", "new?line")]

    assert nft.parse(TABLES) == (known, None)
    assert nft.parse(TABLES + message(3, bytes(4))) == (known, 0)
    assert nft.parse(message(2, struct.pack("=i", -errno.EPERM) + bytes(16))) == ([], errno.EPERM)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(TABLES) - 1), st.integers(0, 255), st.integers(0, len(TABLES)))
def test_a_mangled_answer_of_netlink_is_an_error_and_no_crash(at: int, value: int, cut: int) -> None:
    """A byte changed and the end cut off give tables or a ValueError, and it always ends."""
    changed = bytearray(TABLES)
    changed[at] = value

    try:
        found, _ = nft.parse(bytes(changed[:cut]))
    except ValueError as error:
        assert "malformed" in str(error)  # noqa: PT017  either way is right
    else:
        assert len(found) <= 3


def test_only_tables_of_iptables_start_its_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are named in a comment, so that they are not taken for nothing."""
    found: list[tuple[str, str]] = []
    monkeypatch.setattr(nft, "tables", lambda: found)
    monkeypatch.setattr(nft, "_run", lambda: ("*filter\nCOMMIT\n", ""))

    assert nft.save() == ("", "")
    found.append(("inet", "firewalld"))
    assert nft.save() == ("# table inet firewalld: not read\n", "")
    found.append(("ip", "filter"))
    assert nft.save() == ("*filter\nCOMMIT\n# table inet firewalld: not read\n", "")


@pytest.mark.parametrize(
    ("script", "text", "trouble"),
    [
        ("echo '# Generated by iptables-save v1.8.11 (nf_tables) on x'; echo '*nat'", "*nat\n", ""),
        ("echo '# Generated by iptables-save v1.8.11 on x'; echo '*nat'", "", "does not read nf_tables"),
        ("echo no >&2; exit 4", "", "iptables-save exited 4: no"),
    ],
)
def test_the_tool_must_be_the_nft_variant(
    script: str, text: str, trouble: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A legacy tool would tell legacy rules again, under the wrong name."""
    tool = tmp_path / "iptables-save"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(nft, "_TOOLS", ("no-such-iptables-save", "iptables-save"))

    told, why = nft._run()

    assert told == text
    assert trouble in why
    assert bool(why) == bool(trouble)
