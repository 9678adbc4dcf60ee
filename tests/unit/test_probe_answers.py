"""Who answered: whoami's lines and flask-redis' sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.answers import Answer, parse
from harness.probe.target import Target

WHOAMI = b"""Name: 3f2a1c/whoami
Hostname: k1x9
IP: 127.0.0.1
IP: 10.0.0.7
RemoteAddr: 10.0.0.2:51734
GET / HTTP/1.1
Host: 192.168.200.10:8080
Hostname: forged
Name: forged

"""


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (WHOAMI, Answer("k1x9", "3f2a1c/whoami", source="10.0.0.2")),
        (WHOAMI.replace(b"Name: 3f2a1c/whoami\n", b""), Answer("k1x9", source="10.0.0.2")),
        (WHOAMI.replace(b"\n", b"\r\n"), Answer("k1x9", "3f2a1c/whoami", source="10.0.0.2")),
        (b"Hostname: a\nRemoteAddr: [fd00::2]:51734\n", Answer("a", source="fd00::2")),
        (b"Hostname: a\nRemoteAddr: who\n", Answer("a")),
        (b"Hostname: \nIP: 127.0.0.1\n", Answer()),
        (
            b"Hello Container World! I have been seen 17 times and my hostname is k1x9.\n",
            Answer("k1x9", counter=17),
        ),
        (
            b"Hello Container World! I have been seen b'17' times and my hostname is k1x9.\n",
            Answer("k1x9", counter=17),
        ),
        (
            b"Hello Container World! I have been seen None times and my hostname is k1x9.\n",
            Answer("k1x9"),
        ),
        (
            b"Hello Container World! I have been seen 2 times and my hostname is a.b.example.\n",
            Answer("a.b.example", counter=2),
        ),
        (b"<html>It works!</html>", Answer()),
        (b"", Answer()),
        (b"Hostname: " + b"x" * 300, Answer()),
    ],
)
def test_an_answer_says_who_gave_it(body: bytes, answer: Answer) -> None:
    """Both contracts are read; a request that whoami repeats is not mistaken for its identity."""
    assert answer == parse(body)


@given(st.binary(max_size=300))
def test_any_body_is_read_without_an_error(body: bytes) -> None:
    """A broken backend's body is an answer of nobody, never an exception."""
    assert parse(body).replica.isprintable()


@given(st.from_regex(r"[a-z0-9]{1,25}", fullmatch=True), st.integers(0, 10**12))
def test_a_sentence_of_flask_redis_is_read_back(host: str, count: int) -> None:
    """Count and hostname come out as they went in."""
    sentence = f"Hello Container World! I have been seen {count} times and my hostname is {host}.\n"

    assert Answer(host, counter=count) == parse(sentence.encode())


def test_a_target_prints_as_what_a_person_would_type() -> None:
    """IPv6 addresses are bracketed, in the URL and in the Host header."""
    plain, six = Target("n1", "192.168.200.10", 8080), Target("n2", "fd00::1", 80, resource="/api")

    assert plain.url == "http://192.168.200.10:8080/"
    assert six.url == "http://[fd00::1]:80/api"
    assert b"GET /api HTTP/1.1\r\nHost: [fd00::1]:80\r\n" in six.request
    assert b"Connection: close" in six.request
    assert b"Connection: keep-alive" in six.kept_request
