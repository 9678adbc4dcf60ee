"""Small print of the engine's HTTP: filters, refusals, the frames of a log, and errors of the transport."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from harness.engine import failures, parse
from harness.engine.protocol import LogLine
from harness.errors import Unmeasurable

_STREAMS = {0: "stdin", 1: "stdout", 2: "stderr", 3: "system"}
_SYSTEM = 3
_HEADER = 8  # bytes: one for the stream, three empty, four for the size
_SILENCE = 8  # seconds after which a peer that acknowledges nothing is given up
_KEEP_ALIVE = [
    *urllib3.connection.HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE * 1000),
]


class WakefulAdapter(HTTPAdapter):
    """Notices that a peer is gone though nobody said so: a node without power sends no farewell.

    An event stream would wait for ever on it, also after the node is back.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give every connection the options of its socket."""
        super().init_poolmanager(*args, socket_options=_KEEP_ALIVE, **kwargs)


def filters(**wanted: str | None) -> dict[str, str]:
    """The ``filters`` parameter for what is wanted, empty if nothing is."""
    chosen = {key: [value] for key, value in wanted.items() if value is not None}
    return {"filters": json.dumps(chosen)} if chosen else {}


def document(answer: requests.Response, target: str) -> Any:
    """The JSON of an answer.

    Raises:
        Unmeasurable: it is none: something else answers at ``target``.
    """
    try:
        return answer.json()
    except ValueError as error:
        raise Unmeasurable(f"{target} does not answer in JSON", remedy="is it a Docker engine?") from error


def message(answer: requests.Response) -> str:
    """The engine's own words in a refusal."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text


def reason(words: str) -> str:
    """The part of an error of the transport that tells a person something."""
    for sign, told in (
        ("Connection refused", "connection refused"),
        ("No such file", "no such socket"),
        ("PermissionError", "permission denied"),
        ("timed out", "no answer in time"),
        ("No route", "no route to host"),
        ("Network is unreachable", "network is unreachable"),
        ("Name or service not known", "the name is not known"),
        ("Temporary failure in name", "the name is not known"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not signed by our ca, or is for another name"),
        ("CERTIFICATE_REQUIRED", "it wants a client certificate"),
        ("BAD_CERTIFICATE", "it does not accept our certificate"),
        ("UNKNOWN_CA", "it does not accept our certificate's ca"),
        ("WRONG_VERSION_NUMBER", "it does not serve TLS"),
        ("RemoteDisconnected", "it closed the connection"),
        ("reset by peer", "it reset the connection"),
    ):
        if sign.lower() in words.lower().replace(" ", "_") or sign.lower() in words.lower():
            return told
    return words[:200]


def frames(answer: requests.Response, until: float) -> Iterator[LogLine]:
    """Log lines out of the engine's frames of 8 + n bytes, until they end or the time is up."""
    raw = answer.raw
    try:
        while time.monotonic() < until:
            header = raw.read(_HEADER)
            if len(header) < _HEADER:
                return
            stream, size = struct.unpack(">BxxxL", header)
            text = raw.read(size).decode(errors="replace").rstrip("\r\n")
            if stream == _SYSTEM:
                yield LogLine("", "", text, "system")
            else:
                yield LogLine(*parse.log_details(text), _STREAMS.get(stream, "stdout"))
    except (urllib3.exceptions.HTTPError, OSError):
        return  # nothing more came within the bound


def unreachable(name: str, error: Exception) -> Unmeasurable:
    """Our error for one of the transport's."""
    words = str(error)
    if isinstance(error, requests.exceptions.SSLError) or "SSL" in words or "TLS" in words:
        return failures.tls_refused(name, reason(words))
    remedy = "does it run, and is it reachable from here?"
    if "PermissionError" in words:
        remedy = "may you use the socket (group docker)?"
    return failures.AbsentError(f"the engine at {name} cannot be reached ({reason(words)})", remedy=remedy)
