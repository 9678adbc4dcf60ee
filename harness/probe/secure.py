"""One request by TLS, in HTTP/1.1 or HTTP/2, whose certificate is verified.

Of HTTP/2 (RFC 9113) and its headers (RFC 7541) just what one GET needs: headers are sent without a table and
without Huffman's code, and of an answer the first octet tells its status, 200 being in everybody's table.
"""

from __future__ import annotations

import socket
import ssl
import struct

from harness.clock import SYSTEM, Clock
from harness.evidence import Secured
from harness.probe.answers import parse
from harness.probe.target import Target

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS, _ACK, _PADDED = 1, 4, 1, 8
_OK = 0x88  # ":status: 200" of the static table
_TABLE_SIZE = 0x20, 0xE0  # an update of the table's size may come first
_FRAME = 9  # octets of a frame's header
_MOST = 1 << 20  # octets of an answer


def ask(
    target: Target, context: ssl.SSLContext, protocol: str, *, timeout: float = 2.0, clock: Clock = SYSTEM
) -> Secured:
    """Ask once; whatever happens is in the answer.

    Args:
        target: whom; its address must be in the certificate.
        context: trusts the certificate.
        protocol: ``h2`` or ``http/1.1``; the only one that is offered.
        timeout: seconds for each part of an answer.
        clock: what it is timed on.
    """
    at = clock.now()
    spoken = version = ""
    body = b""
    context.set_alpn_protocols([protocol])
    try:
        with (
            socket.create_connection((target.host, target.port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=target.host) as wire,
        ):
            spoken, version = wire.selected_alpn_protocol() or "", wire.version() or ""
            if spoken == "h2":
                why, body = _h2(wire, target)
            else:
                wire.sendall(target.request)
                why, body = _h1(wire)
    except OSError as error:
        why = getattr(error, "verify_message", "") or str(error) or type(error).__name__
    said = parse(body)
    if not why and target.expect_name and said.name != target.expect_name:
        why = f"another service answered: {said.name or 'no name'}"
    return Secured(target.entry, at, protocol, spoken, version, said.replica, why)


def _h1(wire: ssl.SSLSocket) -> tuple[str, bytes]:
    raw = b""
    while (chunk := wire.recv(65536)) and len(raw) < _MOST:
        raw += chunk
    head, _, body = raw.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    return ("", body) if status == [b"200"] else (f"HTTP {b''.join(status).decode(errors='replace')}", body)


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _request(target: Target) -> bytes:
    """The headers of a GET: method and scheme from the static table, the others in full."""
    fields = b"\x82\x87"  # :method GET, :scheme https
    for index, value in ((4, target.resource), (1, target.authority)):  # :path, :authority by their names
        text = value.encode("ascii", "replace")[:126]
        fields += bytes((index, len(text))) + text
    return fields


def _h2(wire: ssl.SSLSocket, target: Target) -> tuple[str, bytes]:
    wire.sendall(
        _PREFACE + _frame(_SETTINGS, 0, 0) + _frame(_HEADERS, _END_STREAM | _END_HEADERS, 1, _request(target))
    )
    body, status = b"", "no headers"
    while len(body) < _MOST:
        head = _exactly(wire, _FRAME)
        size = int.from_bytes(head[:3])
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = _exactly(wire, size)
        if kind == _SETTINGS and not flags & _ACK:
            wire.sendall(_frame(_SETTINGS, _ACK, 0))
        elif kind == _GOAWAY or (kind == _RESET and stream == 1):
            return f"the stream was closed ({'GOAWAY' if kind == _GOAWAY else 'RST_STREAM'})", body
        elif stream == 1 and kind in {_HEADERS, _DATA}:
            if flags & _PADDED:
                payload = payload[1 : len(payload) - payload[0]]
            if kind == _DATA:
                body += payload
            else:
                status = "" if _status_is_good(payload) else "HTTP/2 status other than 200"
            if flags & _END_STREAM:
                break
    return status, body


def _status_is_good(block: bytes) -> bool:
    while block and block[0] & _TABLE_SIZE[1] == _TABLE_SIZE[0]:
        block = block[1:]
    return block[:1] == bytes((_OK,))


def _exactly(wire: ssl.SSLSocket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = wire.recv(size - len(found))
        if not chunk:
            raise ConnectionError("closed before the whole answer")
        found += chunk
    return found


__all__ = ["ask"]
