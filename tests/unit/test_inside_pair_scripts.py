"""The scripts that ask pair by pair, against a whoami of our own on this machine."""

from __future__ import annotations

import functools
import http.server
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest

from harness import shell
from harness.inside import bundle, outside
from harness.inside.frames import assemble
from harness.inside.scripts import dns, fresh, pairs, pings, quiet, sizes, vantages, wire
from harness.inside.witness import Ask


class Whoami(http.server.BaseHTTPRequestHandler):
    """As much of whoami as the scripts use; bodies larger than ``limit`` are never answered."""

    protocol_version = "HTTP/1.1"
    limit = 1 << 30

    def do_GET(self) -> None:
        """``/data`` gives so many bytes, everything else says who it is."""
        asked = urlsplit(self.path)
        size = int(parse_qs(asked.query).get("size", ["0"])[0])
        body = b"x" * (size if size > 1 else 0) if asked.path == "/data" else b"Name: r/s\nHostname: task1\n"
        self._answer(body)

    def do_POST(self) -> None:
        """``/bench`` reads all of the body and says 1."""
        length = int(self.headers["Content-Length"])
        if length <= self.limit:
            self.rfile.read(length)
        self._answer(b"1", length)

    def _answer(self, body: bytes, size: int = 0) -> None:
        if max(size, len(body)) > self.limit:
            time.sleep(0.6)
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where a whoami answers."""
    Whoami.limit = 1 << 30
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Whoami)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_payloads_of_every_size_pass_both_ways(port: int, direction: str) -> None:
    """Up in pieces on one connection; one byte down is none, as upstream's reader has it."""
    rows = sizes.ladder(
        "127.0.0.1", port, direction, [1, 1200, 8192, 1 << 20], timeout=5.0, until=time.monotonic() + 20
    )

    assert [(row[0], row[1], row[2], row[3]) for row in rows] == [
        (direction, size, True, 1) for size in (1, 1200, 8192, 1 << 20)
    ]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_black_hole_is_climbed_no_further_than_it_shows(port: int, direction: str) -> None:
    """Two sizes in a row that fail twice each: what is larger is not tried."""
    Whoami.limit = 1300
    steps = [1, 1200, 1300, 1400, 1500, 8192, 1 << 20]

    rows = sizes.ladder("127.0.0.1", port, direction, steps, timeout=0.2, until=time.monotonic() + 20)

    assert [(row[1], row[2], row[3]) for row in rows] == [
        (1, True, 1),
        (1200, True, 1),
        (1300, True, 1),
        (1400, False, 2),
        (1500, False, 2),
    ]
    assert "timed out" in rows[-1][5]


def test_a_closed_port_and_a_wrong_answer_say_why(port: int) -> None:
    """The reason is a short text; nothing is raised."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]

    assert "refused" in sizes.download("127.0.0.1", free, 10, 1.0)
    assert "refused" in sizes.upload("127.0.0.1", free, 10, 1.0)
    assert sizes.download("127.0.0.1", port, 0, 1.0) == ""


def test_from_outside_it_is_asked_alike(port: int) -> None:
    """Payloads through every entry with 8 KiB once per replica, and fresh requests counted by outcome."""
    how = Ask(requests=3, expect="r/s", image="", timeout=2.0)

    tries = outside.payloads([("m", "127.0.0.1")], port, (1, 1200, 8192), 2, how)
    (seen,) = outside.vantages([("m", "127.0.0.1")], port, how)

    assert [(one.direction, one.size) for one in tries if one.passed] == [
        (way, size) for way in ("down", "up") for size in (1, 1200, 8192, 8192)
    ]
    assert (seen.kind, seen.entry, seen.outcomes) == ("outside", "m", (("ok", 3),))
    assert outside.payloads([], port, (), 2, how) == []


def test_a_vantage_counts_its_outcomes_and_gives_up_on_a_dead_port(port: int) -> None:
    """A dead vantage costs a few timeouts, not all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    good = vantages.Asker(port, "r/s", 1.0, wire.now() + 10)
    dead = vantages.Asker(free, "r/s", 1.0, wire.now() + 10)

    good.ask("own", "m", "127.0.0.1", 3)
    dead.ask("own", "m", "127.0.0.1", 50)

    assert good.rows == [["own", "m", "ok", 3, ""]]
    assert dead.rows == [["own", "m", "refused", vantages.GIVE_UP, ""]]


def test_a_task_is_asked_until_it_answers(port: int) -> None:
    """At least twice where it does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    ask = functools.partial(pairs.until_open, "127.0.0.1", name="r/s", timeout=1.0, patience=0.0)

    assert ask(port) == ("ok", "task1", "", 1)
    assert ask(free) == ("refused", "", "", 2)


def test_names_are_followed_until_they_are_as_before(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stays, another comes and goes; who lives is known by connecting."""
    answers = iter([["127.0.0.1"]] * 6 + [["127.0.0.1", "127.0.0.2"]] * 4)
    monkeypatch.setattr(dns, "resolve", lambda _: (next(answers, ["127.0.0.1"]), ""))
    reader, writer = os.pipe()
    watcher = fresh.Watcher("tasks.web", port, 0.05)
    args = {"before": 1, "peak": 2, "calm": 0.2, "bound": wire.now() + 10}

    fresh.follow(watcher, wire.Wire("m", "t", out=writer), args)

    os.close(writer)
    with os.fdopen(reader) as told_to:
        told = told_to.read()
    rows = {row[0]: row for row in watcher.rows()}
    assert '"kind":"ready"' in told
    assert rows["127.0.0.1"][4] is True
    assert float(str(rows["127.0.0.1"][3])) > 0
    assert rows["127.0.0.2"][4] is False
    assert float(str(rows["127.0.0.2"][3])) == -1.0  # the server listens on the other address only


def test_an_answer_that_does_not_come_says_nothing_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout of the resolver is counted, and the last answer stands."""
    told = iter([(["127.0.0.9"], ""), ([], "timeout"), ([], "NXDOMAIN")])
    monkeypatch.setattr(dns, "resolve", lambda _: next(told))
    watcher = fresh.Watcher("tasks.web", 9, 0.05)

    assert [watcher.look(), watcher.look(), watcher.look()] == [["127.0.0.9"], ["127.0.0.9"], []]
    assert (watcher.answers, watcher.failed) == (3, 1)


def test_the_lower_address_speaks_first_and_the_other_a_silence_later() -> None:
    """Numbers decide, not letters: .9 is lower than .10."""
    assert quiet.turn("10.0.1.9", "10.0.1.10", {}, 8.0, 1.0) == 9.0
    assert quiet.turn("10.0.1.10", "10.0.1.9", {"10.0.1.9": 9.5}, 8.0, 1.0) == 17.5
    assert quiet.turn("10.0.1.10", "10.0.1.9", {}, 8.0, 1.0) > 17.0


def test_tasks_are_asked_when_the_silence_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three packets at most, far enough apart to tell whose answer it is; nobody to ask is told as well."""
    told: list[object] = []
    asked: list[tuple[object, ...]] = []

    def ping(*how: object) -> list[list[object]]:
        asked.append((*how, wire.now()))
        return [["a", True]]

    monkeypatch.setattr(pings, "ping", ping)
    line = cast("wire.Wire", SimpleNamespace(rows=lambda *row: told.append(row)))
    due = wire.now() + 0.2

    quiet.echoes(line, ["10.0.1.5"], due)
    quiet.echoes(line, [], due)

    ((addresses, patience, every, at),) = asked
    assert (addresses, patience, every) == (["10.0.1.5"], 4.5, 1.5)
    assert float(str(at)) >= due
    assert told == [("icmp", [["a", True]]), ("icmp", [])]


def test_who_speaks_counts_the_packets_it_took() -> None:
    """One to somebody who listens; all of them to nobody."""
    ears = quiet.Ears("w1", port=0, host="127.0.0.1")

    assert quiet.speak("127.0.0.1", port=ears.port) == ["127.0.0.1", "w1", "udp", "open", "", 1]
    assert "127.0.0.1" in ears.heard
    assert quiet.speak("127.0.0.1", port=9)[3:] == ["closed", "[Errno 111] Connection refused", 3]


def test_the_vantage_job_runs_as_one_file(port: int, tmp_path: Path) -> None:
    """As on a node: framed rows for every vantage, and a closing record."""
    job = tmp_path / "job.py"
    job.write_bytes(bundle.pack("vantages"))
    args = {
        "entries": [["n1", "127.0.0.1"], ["n2", "127.0.0.1"]],
        "port": port,
        "requests": 2,
        "expect": "r/s",
        "timeout": 1.0,
        "bound": 8.0,
    }
    env = {"HARNESS_NODE": "n1", "HARNESS_TASK": "t1", "HARNESS_ARGS": json.dumps(args)}

    done = shell.run(["/usr/bin/env", *(f"{k}={v}" for k, v in env.items()), sys.executable, "-ISB", job])

    told = assemble(done.out.splitlines())["n1"]
    rows = told.of("vantages")[0]["rows"]
    assert told.complete
    assert [row[:4] for row in rows if row[0] != "::1"] == [
        ["127.0.0.1", "n1", "ok", 2],
        ["own", "n1", "ok", 2],
        ["peer", "n2", "ok", 2],
    ]
