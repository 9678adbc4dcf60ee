"""Asking over UDP, against the program that travels into tasks."""

from __future__ import annotations

import pathlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness.inside.scripts import speaking
from harness.journal import Journal, load
from harness.model import Outcome
from harness.probe.datagrams import datagrams
from harness.probe.http1 import get
from harness.probe.target import Target
from harness.stage.seeing import _own_service


@pytest.fixture(name="journal")
def _journal(tmp_path: pathlib.Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.jsonl") as opened:
        yield opened


@pytest.fixture(name="heard")
def _heard() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        work = (opened, "s:1/udp", "task1")
        threading.Thread(target=speaking.datagrams, args=work, daemon=True).start()
        yield opened.getsockname()[1]


def test_each_datagram_is_answered_by_who_it_is(heard: int, journal: Journal, tmp_path: pathlib.Path) -> None:
    """Entry nodes side by side; the journal holds the same."""
    targets = [Target(node, "127.0.0.1", heard, service="s", expect_name="s:1/udp") for node in ("n1", "n2")]
    traffic = datagrams(targets, 5, journal=journal)

    assert {(one.entry, one.outcome, one.replica) for one in traffic.samples} == {
        ("n1", Outcome.OK, "task1"),
        ("n2", Outcome.OK, "task1"),
    }
    assert len(traffic.samples) == 10
    assert load(tmp_path / "journal.jsonl").evidence[traffic.id] == traffic


def test_another_listener_is_a_stranger(heard: int, journal: Journal) -> None:
    """It says another name, or nothing that is known."""
    traffic = datagrams([Target("n1", "127.0.0.1", heard, expect_name="other")], 1, journal=journal)

    assert [one.outcome for one in traffic.samples] == [Outcome.WRONG_BODY]


def test_what_is_not_answered_is_lost_and_not_sent_again(journal: Journal) -> None:
    """An entry node that loses everything is given up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        target = Target("n1", "127.0.0.1", deaf.getsockname()[1])
        traffic = datagrams([target], 9, journal=journal, timeout=0.02, give_up_after=3)
        port = deaf.getsockname()[1]

    assert [one.outcome for one in traffic.samples] == [Outcome.READ_TIMEOUT] * 3
    refused = datagrams([Target("n1", "127.0.0.1", port)], 1, journal=journal)
    assert [one.outcome for one in refused.samples] == [Outcome.REFUSED]


def test_the_program_answers_over_tcp_and_asks_its_own() -> None:
    """It says whom it sees; asked for its own service it tells each of its ways, lost ones too."""
    with socket.create_server(("127.0.0.1", 0)) as opened, socket.create_server(("127.0.0.1", 0)) as gone:
        port, closed = opened.getsockname()[1], gone.getsockname()[1]
        gone.close()
        args: dict[str, Any] = {
            "ways": [["VIP", "127.0.0.1", port], ["node", "127.0.0.1", closed]], "turns": 3, "patience": 1.0
        }  # fmt: skip
        work = (opened, "s:1/tcp", "task1", args)
        threading.Thread(target=speaking.connections, args=work, daemon=True).start()
        reply = get(Target("n1", "127.0.0.1", port, expect_name="s:1/tcp"))
        rows = speaking.own(args)
        service = Target("n1", "127.0.0.1", port)
        first, again = _own_service(service, skip=()), _own_service(service, skip=("task0", "task1"))

    assert (reply.outcome, reply.answer.replica, reply.answer.source) == (Outcome.OK, "task1", "127.0.0.1")
    assert [row[:3] for row in rows] == [["VIP", "ok", "task1"]] * 3 + [["node", "refused", ""]] * 2
    assert first == ("task1", [("task1", way, outcome, who) for way, outcome, who, _ in rows])
    assert again == ("task1", [])
    assert _own_service(Target("n1", "127.0.0.1", closed), skip=()) == ("", [])
