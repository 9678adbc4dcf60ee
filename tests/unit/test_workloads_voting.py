"""The voting app as data, and its voters."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from harness.probe.balloting import Voter
from harness.stage.voting import _read
from harness.workloads import voting


def test_the_parts_are_those_of_the_stack_file() -> None:
    """Names on the networks, ports, replicas, the volume on one node."""
    specs = voting.services(
        "abc",
        images=dict.fromkeys(voting.PARTS, "image"),
        networks=("front", "back"),
        ports=(8093, 8094),
        node="swarm-worker2",
    )

    assert tuple(specs) == voting.PARTS
    joined = {
        part: [link.name for link in spec.networks if not isinstance(link, str)]
        for part, spec in specs.items()
    }
    assert joined == {
        "redis": ["front"],
        "db": ["back"],
        "vote": ["front"],
        "worker": ["front", "back"],
        "result": ["back"],
    }
    assert [(spec.ports[0].published, spec.replicas) for spec in specs.values() if spec.ports] == [
        (8093, 2),
        (8094, 1),
    ]
    assert specs["db"].mounts[0].source == voting.volume("abc")
    assert specs["db"].constraints == ("node.hostname == swarm-worker2",)


@pytest.mark.parametrize(
    ("told", "total", "cats"),
    [
        (["No votes yet", "50.0%"], 0, 50.0),
        (["1 vote", "100.0%"], 1, 100.0),
        (["12 votes", "33.0%"], 12, 33.0),
        (["", "50.0%"], None, None),
        ([], None, None),
        (None, None, None),
    ],
)
def test_the_page_is_read_by_its_words(told: object, total: int | None, cats: float | None) -> None:
    """What it does not say is no number."""
    shown = _read(told, 1.0)

    assert (shown.total, shown.cats) == (total, cats)
    assert bool(shown.why) == (total is None)


class _Page(http.server.BaseHTTPRequestHandler):
    """A page that fails the first vote, and gives a cookie."""

    votes: list[tuple[str, str]] = []  # noqa: RUF012 - of one test
    failures = 1

    def do_GET(self) -> None:
        self._say(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        _Page.votes.append((self.headers.get("Cookie", ""), body))
        fails, _Page.failures = _Page.failures > 0, _Page.failures - 1
        self._say(500 if fails else 200)

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Set-Cookie", "voter_id=c0ffee; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where the page is."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_voter_is_one_however_often_a_vote_is_sent(port: int) -> None:
    """A vote that was not taken is sent again with the same cookie; a change tells the choice before."""
    voter = Voter(3)

    first = voter.cast("one", "127.0.0.1", port, "a", within=5.0)
    second = voter.cast("two", "127.0.0.1", port, "b", within=5.0)

    assert (first.why, first.earlier, second.why, second.earlier) == ("", "", "", "a")
    assert _Page.votes == [("voter_id=c0ffee", f"vote={one}") for one in ("a", "a", "b")]


def test_a_vote_that_nobody_takes_says_why() -> None:
    """And changes nothing of the voter."""
    voter = Voter(0, timeout=0.5)

    ballot = voter.cast("one", "127.0.0.1", 9, "a", within=0.0)

    assert "refused" in ballot.why
    assert voter.choice == ""
