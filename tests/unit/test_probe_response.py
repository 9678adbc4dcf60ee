"""A response as bytes arrive, however they are cut."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.probe.response import MAX_BODY, MAX_HEAD, MalformedError, Reader


def _shown(data: bytes) -> str:
    return repr(data[:50])


BODIES = st.binary(max_size=200)
CUTS = st.lists(st.integers(1, 30), min_size=1, max_size=8)


def _sized(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _chunked(body: bytes, size: int = 7) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"


def _feed(data: bytes, cuts: list[int]) -> Reader:
    reader = Reader()
    at = turn = 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        reader.feed(data[at : at + step])
        at, turn = at + step, turn + 1
    return reader


@given(BODIES, CUTS, st.sampled_from([_sized, _chunked]))
def test_a_whole_response_is_read_however_it_is_cut(
    body: bytes, cuts: list[int], render: Callable[[bytes], bytes]
) -> None:
    """The body arrives as sent, and the connection may carry the next request."""
    reader = _feed(render(body), cuts)

    assert (200, body, True, True) == (reader.status, reader.body, reader.done, reader.keep_alive)


@given(st.data(), st.sampled_from([_sized, _chunked]))
def test_no_true_prefix_of_a_response_counts_as_whole(
    data: st.DataObject, render: Callable[[bytes], bytes]
) -> None:
    """A response that broke off is never taken for a complete one, even when the peer closes."""
    whole = render(data.draw(st.binary(min_size=1, max_size=100)))
    reader = _feed(whole[: data.draw(st.integers(0, len(whole) - 1))], [9])
    reader.end()

    assert not reader.done


@given(st.binary(max_size=300), CUTS)
def test_garbage_is_malformed_or_unfinished_and_never_another_error(data: bytes, cuts: list[int]) -> None:
    """Whatever a broken backend sends, only MalformedError comes out."""
    with contextlib.suppress(MalformedError):
        assert not _feed(data, cuts).done or data.startswith(b"HTTP/1.")


@given(st.binary(max_size=300), CUTS)
def test_garbage_after_a_status_line_is_no_other_error_either(tail: bytes, cuts: list[int]) -> None:
    """Broken headers, lengths and chunks end in MalformedError too."""
    with contextlib.suppress(MalformedError):
        _feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + tail, cuts)
    with contextlib.suppress(MalformedError):
        _feed(b"HTTP/1.1 200 OK\r\n" + tail + b"\r\n\r\n", cuts)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEAD + 1),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY + 1),
    ],
    ids=_shown,
)
def test_what_is_no_answer_is_malformed(data: bytes) -> None:
    """Each of these is told at once, not after a time-out."""
    with pytest.raises(MalformedError):
        Reader().feed(data)


def test_without_a_length_the_body_lasts_until_the_peer_closes() -> None:
    """HTTP/1.0 servers end a response by closing."""
    reader = _feed(b"HTTP/1.0 200 OK\r\n\r\nhello", [4])
    assert not reader.done
    reader.end()

    assert (reader.done, reader.body, reader.keep_alive) == (True, b"hello", False)


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", True),
    ],
)
def test_the_connection_is_kept_as_the_version_and_the_header_say(head: bytes, kept: bool) -> None:
    """HTTP/1.1 keeps unless told otherwise, HTTP/1.0 the other way round."""
    reader = _feed(head + b"Content-Length: 2\r\n\r\nhi", [5])

    assert (True, kept) == (reader.done, reader.keep_alive)


def test_bytes_that_nobody_asked_for_spoil_the_connection() -> None:
    """After a surplus the next answer on this connection could be anyone's."""
    reader = _feed(_sized(b"hi") + b"more", [100])

    assert (reader.done, reader.body, reader.keep_alive) == (True, b"hi", False)


def test_an_interim_response_is_passed_over() -> None:
    """100 Continue is not the answer."""
    reader = _feed(b"HTTP/1.1 100 Continue\r\n\r\n" + _sized(b"hi"), [3])

    assert (reader.status, reader.body) == (200, b"hi")


def test_a_status_without_a_body_is_complete_with_its_head() -> None:
    """204 and 304 never have a body."""
    assert _feed(b"HTTP/1.1 204 No Content\r\n\r\n", [5]).done
