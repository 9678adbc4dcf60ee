"""A conversation by WebSocket, with the server that suites deploy and with others."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.probe.scripted import says, serving
from harness.probe.target import Target
from harness.probe.websocket import talk
from harness.workloads import echo
from harness.workloads.proxies import Backends, configuration


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where the very script listens that travels to the swarm, but for its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    script = tmp_path / "echo.py"
    script.write_bytes(echo.SCRIPT.replace(str(echo.PORT).encode(), str(number).encode()))
    process = subprocess.Popen([sys.executable, str(script)])
    try:
        for _ in range(200):
            if not talk(Target("one", "127.0.0.1", number), (), pause=0.0).why:
                break
            time.sleep(0.05)
        yield number
    finally:
        process.kill()
        process.wait()


def test_what_is_said_comes_back(port: int) -> None:
    """Message by message, through one connection."""
    told = talk(Target("one", "127.0.0.1", port), ("one", "two", "x" * 125), pause=0.01)

    assert (told.messages, told.echoed, told.why) == (3, 3, "")


def test_a_server_that_stays_with_http_is_told() -> None:
    """And one that closes, and one that is not there."""
    with serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        refused = talk(Target("one", "127.0.0.1", server.port), ("one",), pause=0.0)
    with serving(says(b"")) as server:
        closed = talk(Target("one", "127.0.0.1", server.port), ("one",), pause=0.0)
    nobody = talk(Target("one", "127.0.0.1", server.port), ("one",), pause=0.0)

    assert refused.why == "HTTP 400 instead of 101"
    assert closed.why
    assert "refused" in nobody.why
    assert {one.echoed for one in (refused, closed, nobody)} == {0}


def test_proxies_pass_the_change_of_protocol_on() -> None:
    """Where there is somebody to talk to."""
    behind = Backends(80, "h-abc-whoami-tasks", 4)

    assert b"server talker h-abc-echo:8765" in configuration("haproxy", behind, talker="h-abc-echo:8765")
    assert b"proxy_set_header Upgrade" in configuration("nginx", behind, talker="h-abc-echo:8765")
    assert b"Upgrade" not in configuration("nginx", behind)
