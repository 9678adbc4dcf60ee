"""The scripts that travel, as far as they can be tried without a node."""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import json
import os
import re
import socket
import struct
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import shell
from harness.inside import bundle, scripts
from harness.inside.frames import assemble
from harness.inside.scripts import dns, host, overlay, tables, web
from harness.probe import ports

FOLDER = Path(scripts.__file__).parent

IP_VS = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
FWM  00000100 rr
  -> 0A000005:0000      Masq    1      2          30
  -> 0A000006:0000      Masq    0      0          0
TCP  0A000001:0050 wrr
  -> 0A000009:0050      Masq    1      0          0
FWM  0000010A rr ops
"""

MANGLE = """\
*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x100/0xffffffff
[7:420] -A INPUT -d 10.0.1.2/32 -j MARK --set-xmark 0x101/0xffffffff
-A INPUT -d 10.0.1.4/32 -i eth0 -j MARK --set-mark 0x102
-A POSTROUTING -p udp -j MARK --set-xmark 0x9/0xffffffff
COMMIT
"""


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_scripts_need_nothing_but_the_standard_library(path: Path) -> None:
    """A stock image has no package of ours: scripts import the standard library and each other."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names}

    outside = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}

    assert all(name.startswith("harness.inside.scripts") for name in outside)


@pytest.mark.parametrize("script", ["host", "kernel", "overlay", "pairs", "vantages", "fresh", "quiet"])
def test_a_bundle_is_small_the_same_every_time_and_whole(script: str) -> None:
    """It fits a swarm config, needs no zlib, and holds every script of the folder."""
    data = bundle.pack(script)

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        stored = {info.compress_type for info in archive.infolist()}
        names = {Path(name).name for name in archive.namelist()}
    assert len(data) < bundle.LARGEST
    assert data == bundle.pack(script)
    assert stored == {zipfile.ZIP_STORED}
    assert names >= {path.name for path in FOLDER.glob("*.py")}


@pytest.mark.parametrize("script", ["host", "kernel"])
def test_a_bundle_runs_as_one_file(script: str, tmp_path: Path) -> None:
    """Python runs it as it runs on a node, and it tells of what it cannot do instead of dying silently."""
    job = tmp_path / "job.py"
    job.write_bytes(bundle.pack(script))
    args = {
        "peers": [],
        "data_port": 4789,
        "ingress": "",
        "requests": [],
        "timeout": 0.2,
        "listen": 0.1,
        "bound": 5.0 if script == "kernel" else 1.0,
    }
    env = {"HARNESS_NODE": "n1", "HARNESS_TASK": "t1", "HARNESS_ARGS": json.dumps(args)}

    done = shell.run(
        ["/usr/bin/env", *(f"{k}={v}" for k, v in env.items()), sys.executable, "-ISB", job], check=False
    )

    found = assemble(done.out.splitlines())
    assert found["n1"].complete
    assert found["n1"].of("hello")[0]["kernel"] == os.uname().release


def test_ipvs_tables_are_read_by_mark() -> None:
    """Marks and addresses stand in hexadecimal; services that swarm does not make are left out."""
    assert tables.parse_ipvs(IP_VS) == [
        [0x100, "rr", [["10.0.0.5", 1, 2, 30], ["10.0.0.6", 0, 0, 0]]],
        [0x10A, "rr", []],
    ]


@settings(deadline=None, max_examples=60)
@given(st.text(), st.data())
def test_torn_ipvs_tables_never_raise(noise: str, data: st.DataObject) -> None:
    """Cut anywhere and with noise in it, only rows that are whole are told."""
    cut = data.draw(st.integers(0, len(IP_VS)))
    known = {"10.0.0.5", "10.0.0.6"}

    rows = tables.parse_ipvs(IP_VS[:cut] + "\n" + noise.replace("->", ""))

    assert {server[0] for row in rows if isinstance(row[2], list) for server in row[2]} <= known


def test_marks_are_read_from_what_iptables_save_prints() -> None:
    """Published ports in PREROUTING, VIPs in INPUT; other chains set no marks of ours."""
    assert tables.parse_rules(MANGLE) == [
        ["port", "8080", 0x100],
        ["vip", "10.0.1.2", 0x101],
        ["vip", "10.0.1.4", 0x102],
    ]


def test_the_answer_names_the_replica() -> None:
    """Whoami by its Hostname line, flask-redis by its sentence; a foreign name is a wrong body."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    whoami = b"Name: r/s\nHostname: abc\nIP: 127.0.0.1\n"
    flask = b"Hello Container World! I have been seen 7 times and my hostname is def.\n"

    assert web.read(head % len(whoami) + whoami, name="r/s") == ("ok", "abc", "")
    assert web.read(head % len(whoami) + whoami, name="r/t")[:2] == ("wrong-body", "abc")
    assert web.read(head % len(flask) + flask)[:2] == ("ok", "def")


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200", "short-body"),
        (b"hello", "wrong-body"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "5xx"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHostname: abc\n", "short-body"),
        (b"HTTP/1.1 200 OK\r\n\r\nnobody\n", "wrong-body"),
        (b"HTTP/1.1 404 No\r\n\r\nHostname: abc\n", "wrong-body"),
    ],
)
def test_each_way_of_answering_has_its_outcome(data: bytes, outcome: str) -> None:
    """The words are those of the model."""
    assert web.read(data)[0] == outcome


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400))
def test_no_answer_raises(data: bytes) -> None:
    """Whatever bytes come, there is an outcome."""
    assert web.read(b"HTTP/1.1 200 OK\r\n" + data)[0] in {"ok", "wrong-body", "short-body"}
    assert web.read(data)[0] in {"reset", "wrong-body", "short-body", "ok", "5xx"}


def _serve(answer: Callable[[socket.socket], object]) -> int:
    """A server on loopback that treats one connection; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        client, _ = server.accept()
        with client, server:
            client.recv(4096)
            answer(client)

    threading.Thread(target=run, daemon=True).start()
    return int(server.getsockname()[1])


def test_requests_end_as_the_connection_did() -> None:
    """Answered, closed without a word, nobody listening, and silence."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nHostname: abc\n"
    hold = threading.Event()

    assert web.ask("127.0.0.1", _serve(lambda client: client.sendall(body)))[:2] == ("ok", "abc")
    assert web.ask("127.0.0.1", _serve(lambda _: None))[0] == "reset"
    assert web.ask("127.0.0.1", _serve(lambda _: hold.wait(2)), timeout=0.05)[0] == "read-timeout"
    hold.set()
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    assert web.ask("127.0.0.1", port)[0] == "refused"


def test_jobs_choose_source_ports_as_the_probe_from_outside() -> None:
    """A job's scripts travel alone, so the rule stands twice."""
    assert (web.FIRST, web.LAST, web.RATE) == (ports.FIRST, ports.LAST, ports.RATE)


def test_no_source_port_is_used_twice_in_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """moby/moby#35082: a balancer sends a port that it remembers to the replica of old."""
    monkeypatch.setattr(web, "_PORTS", itertools.count(web.LAST - web.FIRST - 1))
    with socket.create_server(("127.0.0.1", 0)) as busy, contextlib.ExitStack() as opened:
        first = opened.enter_context(web.bound("127.0.0.1"))
        taken = opened.enter_context(socket.socket())
        taken.bind(("", web.LAST))
        taken.listen()
        second, third = (opened.enter_context(web.bound("127.0.0.1")) for _ in range(2))
        second.connect(busy.getsockname())

        ports = [one.getsockname()[1] for one in (first, second, third)]

    assert ports == [web.LAST - 1, web.FIRST, web.FIRST + 1]


def test_dns_answers_are_addresses_or_an_error_with_a_name() -> None:
    """Two A records sorted by address; the codes of RFC 1035 by name."""
    query = dns.question("tasks.web", 7)[12:]
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 600, 4)
    good = (
        struct.pack("!HHHHHH", 7, 0x8180, 1, 2, 0, 0)
        + query
        + record
        + b"\x0a\x00\x01\x14"
        + record
        + b"\x0a\x00\x01\x03"
    )

    assert dns.answer(good, 7) == (["10.0.1.3", "10.0.1.20"], "")
    assert dns.answer(good, 8) == ([], "garbled")
    assert dns.answer(struct.pack("!HHHHHH", 7, 0x8183, 1, 0, 0, 0) + query, 7) == ([], "NXDOMAIN")
    assert dns.answer(struct.pack("!HHHHHH", 7, 0x8180, 1, 0, 0, 0) + query, 7) == ([], "no address")


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=120), st.integers(0, 65535))
def test_garbled_dns_answers_never_raise(data: bytes, number: int) -> None:
    """Any bytes give addresses or an error."""
    addresses, error = dns.answer(struct.pack("!HH", number, 0x8180) + data, number)

    assert addresses or error


def test_connects_are_told_open_closed_or_silent() -> None:
    """An open and a closed port of loopback, both asked at once."""
    server = socket.create_server(("127.0.0.1", 0))
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()

    with server:
        rows = host.connect_all([("a", "127.0.0.1", server.getsockname()[1]), ("b", "127.0.0.1", port)], 1.0)

    assert sorted((row[0], row[2]) for row in rows) == [("a", "open"), ("b", "closed")]


def test_tasks_of_the_job_echo_over_udp_and_tcp() -> None:
    """Each answers with its node's name, and notes who asked by which protocol."""
    server = overlay.Echo("node with | and ünïcode", port=0, host="127.0.0.1")

    answers = [overlay.echo("127.0.0.1", protocol, port=server.port) for protocol in ("udp", "tcp")]

    assert answers == [("node with | and ünïcode", "")] * 2
    assert overlay.is_own("127.0.0.1")
    assert not overlay.is_own("192.0.2.1")


def test_comments_of_the_code_name_no_machine() -> None:
    """Scripts travel to strangers' nodes: they name no folder of ours."""
    assert not any(re.search(r"/work/|/root/", path.read_text()) for path in FOLDER.glob("*.py"))
