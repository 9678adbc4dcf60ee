"""The scripts that ask a VIP, against servers here."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from harness.inside.scripts import idle, own, tables

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nHostname: t1\r\n"


@contextlib.contextmanager
def server(*, answers: int) -> Iterator[tuple[str, int]]:
    """Keeps connections, and answers this often on each; then it closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    way, _ = listening.accept()
                    with way:
                        for _ in range(answers):
                            if not way.recv(4096):
                                break
                            way.sendall(PAGE)
                        way.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()


@pytest.mark.parametrize(("answers", "outcome"), [(2, "ok"), (1, "reset")])
def test_a_request_on_a_kept_connection_tells_how_it_ended(answers: int, outcome: str) -> None:
    """The second one on the same connection."""
    with server(answers=answers) as address, socket.create_connection(address, 2) as way:
        first, second = idle.request(way), idle.request(way)

    assert (first, second) == ("ok", outcome)


def test_silence_without_an_answer_is_a_timeout() -> None:
    """Whoever hears nothing waits no longer than its patience."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, socket.create_connection(deaf.getsockname()) as way:
        way.settimeout(0.1)

        assert idle.request(way) == "read-timeout"


def test_each_kind_is_silent_as_long_as_it_should() -> None:
    """Those of half the timeout first; keep-alive where it is asked for."""
    dialled: list[bool] = []

    def dial(address: str, timeout: float, *, alive: bool) -> socket.socket:
        dialled.append(alive)
        return socket.create_connection((address, port), timeout)

    with (
        server(answers=2) as (_, port),
        mock.patch.object(idle, "dial", dial),
        mock.patch("time.sleep"),
        mock.patch.object(idle, "request", return_value="ok"),
    ):
        rows = idle.silences("127.0.0.1", 4, 2, 1.0)

    assert [row[0] for row in rows] == ["brief"] * 2 + ["silent"] * 2 + ["kept"] * 2
    assert dialled == [False] * 4 + [True] * 2


def test_namespaces_are_found_by_their_address(tmp_path: Path) -> None:
    """Only tasks' own, and only those that are asked for; one that is gone is passed over."""
    for name in ("lb_abc", "1-net", "ingress_sbox", "here", "other", "gone"):
        (tmp_path / name).touch()
    held = {"here": "10.0.1.7/24", "other": "10.0.1.8/24"}

    def inside(path: str, _: object) -> list[list[object]]:
        name = Path(path).name
        if name not in held:
            raise OSError(name)
        return [["eth0", held[name], 1450, False]]

    with mock.patch.object(tables, "inside", inside):
        assert own.find(str(tmp_path), {"10.0.1.7": "t1"}) == {"10.0.1.7": f"{tmp_path}/here"}
