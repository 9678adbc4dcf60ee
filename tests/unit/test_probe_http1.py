"""Every way in which a request can end, made to happen on loopback."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator

import pytest

from harness.errors import RequestError, Unmeasurable
from harness.model import Outcome
from harness.probe import scripted
from harness.probe.http1 import get
from harness.probe.scripted import Script, response, says, serving, whoami
from harness.probe.target import Target

GOOD = response(whoami("k1x9", "run/whoami"))
SHORT = 0.2  # seconds: the budget of requests that time out; the machine may be busy


def _partly_then_reset(connection: socket.socket, _number: int) -> None:
    scripted.reads(connection)
    connection.sendall(GOOD[:-10])
    scripted.reset(connection)


def _partly_then_silent(connection: socket.socket, _number: int) -> None:
    scripted.reads(connection)
    connection.sendall(GOOD[:30])
    connection.recv(1)


def _drips(connection: socket.socket, _number: int) -> None:
    scripted.reads(connection)
    for at in range(len(GOOD)):
        connection.sendall(GOOD[at : at + 1])
        threading.Event().wait(0.01)


@pytest.mark.parametrize(
    ("script", "outcome", "detail"),
    [
        (says(GOOD), Outcome.OK, ""),
        (says(GOOD[:5], GOOD[5:60], GOOD[60:]), Outcome.OK, ""),
        (says(), Outcome.RESET, "closed before any answer"),
        (scripted.resets, Outcome.RESET, ""),
        (_partly_then_reset, Outcome.RESET, ""),
        (says(GOOD[:-10]), Outcome.SHORT_BODY, f"closed after {len(GOOD) - 10} bytes"),
        (says(GOOD[:20]), Outcome.SHORT_BODY, "closed after 20 bytes"),
        (scripted.silent, Outcome.READ_TIMEOUT, ""),
        (_partly_then_silent, Outcome.READ_TIMEOUT, "after 30 bytes of an answer"),
        (_drips, Outcome.READ_TIMEOUT, ""),
        (says(response("oops", status="500 Internal Server Error")), Outcome.SERVER_ERROR, "HTTP 500"),
        (says(response("gone", status="404 Not Found")), Outcome.WRONG_BODY, "HTTP 404"),
        (says(response("<html>It works!</html>")), Outcome.WRONG_BODY, "no hostname in '<html>It works!"),
        (says(response(whoami("k1x9", "other"))), Outcome.WRONG_BODY, "Name is 'other', not 'run/whoami'"),
        (says(response(whoami("k1x9"))), Outcome.WRONG_BODY, "Name is '', not 'run/whoami'"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Outcome.WRONG_BODY, "no HTTP"),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), Outcome.WRONG_BODY, "headers of more than 64 KiB"),
    ],
    ids=[
        "whole", "in-parts", "fin", "rst", "rst-midway", "short", "short-head", "silent", "silent-midway",
        "drips", "500", "404", "stranger", "other-service", "no-name", "no-http", "huge-headers",
    ],
)  # fmt: skip
def test_a_request_ends_as_the_server_made_it_end(script: Script, outcome: Outcome, detail: str) -> None:
    """Refusals, resets, time-outs and wrong answers are told apart; slow _drips do not stretch the budget."""
    quick = outcome is Outcome.READ_TIMEOUT
    with serving(script) as server:
        reply = get(server.target(expect_name="run/whoami"), timeout=SHORT if quick else 5.0)

    assert outcome == reply.outcome
    assert detail in reply.detail
    assert reply.began <= (reply.connected or reply.began) <= reply.ended
    assert not quick or SHORT <= reply.ended - reply.began < SHORT + 1


def test_an_answer_names_its_replica_also_when_it_is_of_another_service() -> None:
    """A foreign answer is only of use if one can see whose it was."""
    with serving(says(response(whoami("stranger", "other")))) as server:
        reply = get(server.target(expect_name="run/whoami"))

    assert reply.answer.replica == "stranger"


def test_a_closed_port_refuses() -> None:
    """Nothing listens."""
    with scripted.refusing() as port:
        assert get(Target("n", "127.0.0.1", port)).outcome == Outcome.REFUSED


def test_a_handshake_without_an_end_is_a_connect_timeout() -> None:
    """The SYN is not answered."""
    with scripted.unanswering() as port:
        reply = get(Target("n", "127.0.0.1", port), timeout=SHORT)

    assert (reply.outcome, reply.connected) == (Outcome.CONNECT_TIMEOUT, None)


def test_an_address_without_a_route_is_unreachable() -> None:
    """The kernel says so itself, without sending a packet."""
    assert get(Target("n", "255.255.255.255", 80)).outcome == Outcome.UNREACHABLE


def test_a_knock_only_connects() -> None:
    """A server that accepts and says nothing is open."""
    with serving(scripted.silent) as server:
        assert get(server.target(), timeout=5.0, knock=True).outcome == Outcome.OK


def test_phases_are_timed_apart() -> None:
    """Which phase a fault broke can be read off the reply."""
    with serving(says(GOOD)) as server:
        reply = get(server.target())

    assert reply.connected is not None
    assert reply.first_byte is not None
    assert reply.began <= reply.connected <= reply.first_byte <= reply.ended


def test_a_name_that_does_not_resolve_is_a_wrong_request() -> None:
    """The address came from the person's configuration."""
    with pytest.raises(RequestError, match=r"node n1 does not resolve.*\[nodes\]"):
        get(Target("n1", "\udcff", 80))


@pytest.fixture
def _no_files() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        lowest_free = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("_no_files")
def test_a_lack_of_our_own_is_no_sample_of_the_swarm() -> None:
    """Out of file handles: it could not be measured."""
    with pytest.raises(Unmeasurable, match="ulimit"):
        get(Target("n", "127.0.0.1", 9))
