"""One request by TLS, in either protocol, against servers on loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.probe.scripted import response, whoami
from harness.probe.secure import ask
from harness.probe.target import Target
from harness.stage.proxying import certificate

GOOD = response(whoami("k1x9", "run/whoami"))
BODY = GOOD.partition(b"\r\n\r\n")[2]
Talk = Callable[[ssl.SSLSocket], None]


@pytest.fixture(scope="module")
def made() -> tuple[bytes, str]:
    """A certificate for loopback, with its key and alone."""
    return certificate(("127.0.0.1",))


@contextlib.contextmanager
def serving(pem: bytes, protocols: list[str], talk: Talk) -> Iterator[int]:
    """A TLS server for one connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pem").write_bytes(pem)
        context.load_cert_chain(Path(folder, "pem"))
    context.set_alpn_protocols(protocols)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with (
                contextlib.suppress(OSError),
                listener.accept()[0] as plain,
                context.wrap_socket(plain, server_side=True) as wire,
            ):
                talk(wire)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def _h1(wire: ssl.SSLSocket) -> None:
    wire.recv(4096)
    wire.sendall(GOOD)


def _h2(status: bytes) -> Talk:
    def talk(wire: ssl.SSLSocket) -> None:
        wire.recv(4096)
        middle = len(BODY) // 2
        wire.sendall(frame(4, 0, 0) + frame(1, 4, 1, b"\x20" + status))
        wire.sendall(frame(0, 0, 1, BODY[:middle]) + frame(0, 1, 1, BODY[middle:]))
        wire.recv(4096)

    return talk


def _away(wire: ssl.SSLSocket) -> None:
    wire.recv(4096)
    wire.sendall(frame(7, 0, 0, bytes(8)))


@pytest.mark.parametrize(
    ("protocol", "talk", "replica", "why"),
    [
        ("http/1.1", _h1, "k1x9", ""),
        ("h2", _h2(b"\x88"), "k1x9", ""),
        ("h2", _h2(b"\x8e"), "k1x9", "HTTP/2 status other than 200"),
        ("h2", _away, "", "the stream was closed (GOAWAY)"),
        ("h2", lambda wire: None, "", "closed before the whole answer"),
    ],
)
def test_what_was_agreed_on_and_answered(
    made: tuple[bytes, str], protocol: str, talk: Talk, replica: str, why: str
) -> None:
    """The certificate is verified, with the address in it."""
    with serving(made[0], [protocol], talk) as port:
        told = ask(Target("one", "127.0.0.1", port), ssl.create_default_context(cadata=made[1]), protocol)

    assert (told.spoken, told.version, told.replica, told.why) == (protocol, "TLSv1.3", replica, why)


def test_a_certificate_of_nobodys_is_refused(made: tuple[bytes, str]) -> None:
    """Another one's, in the same words."""
    with serving(made[0], ["http/1.1"], _h1) as port:
        trust = ssl.create_default_context(cadata=certificate(("127.0.0.1",))[1])
        told = ask(Target("one", "127.0.0.1", port), trust, "http/1.1")

    assert "self-signed certificate" in told.why


def test_a_server_without_http2_agrees_on_nothing(made: tuple[bytes, str]) -> None:
    """And answers as it always did."""
    context = ssl.create_default_context(cadata=made[1])
    with serving(made[0], [], _h1) as port:
        told = ask(Target("one", "127.0.0.1", port, expect_name="another"), context, "h2")

    assert told.spoken == ""
    assert told.why == "another service answered: run/whoami"
