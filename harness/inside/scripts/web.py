"""Fresh HTTP requests on sockets, and how each of them ended (the words of ``harness.model.Outcome``)."""

from __future__ import annotations

import errno
import itertools
import re
import socket
import time

from harness.inside.scripts.wire import now

# As from outside (harness.probe.ports): IPVS sends a connection from a port that it remembers to the replica
# of old. The kernel's own choice moves elsewhere every 10 s, and now and then to where it was before.
FIRST, LAST = 10_000, 32_767
RATE = 150  # ports/s by which the start moves on
_TRIES = 64  # ports that may be in use before the kernel is asked to choose
_PORTS = itertools.count(int(time.time() * RATE))

_HOSTNAME = re.compile(r"^Hostname: ([!-~]+)\r?$|hostname is (\w(?:[\w.-]*\w)?)", re.MULTILINE)
_NAME = re.compile(r"^Name: ([^\r\n]*)", re.MULTILINE)
_MOST = 1 << 20  # bytes of an answer that are read


def ask(host: str, port: int, *, name: str = "", timeout: float = 2.0) -> tuple[str, str, str]:
    """One GET of ``/`` on a connection of its own.

    Args:
        host: an address.
        port: TCP port.
        name: what whoami's ``Name:`` line must say; empty accepts any answer that names a replica.
        timeout: seconds for the whole request.

    Returns:
        Outcome, replica (what the answer calls itself, or empty), detail.
    """
    until = time.monotonic() + timeout
    connected = False
    data = b""
    try:
        with bound(host) as connection:
            connection.settimeout(timeout)
            connection.connect((host, port))
            connected = True
            connection.sendall(
                f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: harness\r\n"
                "Accept: */*\r\nConnection: close\r\n\r\n".encode()
            )
            while len(data) < _MOST:
                left = until - time.monotonic()
                if left <= 0:
                    raise TimeoutError("the answer took too long")  # noqa: TRY301  as the socket's own
                connection.settimeout(left)
                part = connection.recv(65536)
                if not part:
                    break
                data += part
                if whole(data):
                    break
    except TimeoutError:
        return ("read-timeout" if connected else "connect-timeout"), "", f"{len(data)} bytes"
    except ConnectionRefusedError:
        return "refused", "", ""
    except (ConnectionResetError, BrokenPipeError):
        return ("short-body" if data else "reset"), "", ""
    except OSError as error:
        return ("reset" if connected else "unreachable"), "", str(error)[:100]
    return read(data, name=name)


def bound(host: str) -> socket.socket:
    """A TCP socket of the host's family with a source port that this script has not used.

    Raises:
        OSError: there is no socket, or it cannot be bound for another reason than that ports are in use.
    """
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for _ in range(_TRIES):
        try:
            made.bind(("", FIRST + next(_PORTS) % (LAST - FIRST + 1)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                made.close()
                raise
        else:
            break
    return made


GIVE_UP = 12  # failures in a row, as from outside


def read(data: bytes, *, name: str = "") -> tuple[str, str, str]:
    """Outcome, replica and detail of an answer's bytes; never raises."""
    if not data:
        return "reset", "", "closed before an answer"
    head, cut, body = data.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split(b" ")
    if not cut or len(status) < 2 or not status[0].startswith(b"HTTP/") or not status[1].isdigit():  # noqa: PLR2004  version and code
        return ("short-body" if data.startswith(b"HTTP/") else "wrong-body"), "", repr(data[:60])
    text = body.decode("utf-8", "replace")
    found = _HOSTNAME.search(text)
    replica = (found.group(1) or found.group(2))[:80] if found else ""
    if status[1].startswith(b"5"):
        return "5xx", replica, status[1].decode()[:8]
    if not whole(data, closed=True):
        return "short-body", replica, f"{len(body)} bytes"
    told = _NAME.search(text)
    if not status[1].startswith(b"2") or not replica or (name and (not told or told.group(1) != name)):
        return "wrong-body", replica, repr(text[:60])
    return "ok", replica, ""


def whole(data: bytes, *, closed: bool = False) -> bool:
    """Whether the answer is complete; one without a length is when the peer closes."""
    head, cut, body = data.partition(b"\r\n\r\n")
    if not cut:
        return False
    lines = head.lower().split(b"\r\n")
    for line in lines:
        if line.startswith(b"content-length:"):
            length = line.split(b":", 1)[1].strip()
            return length.isdigit() and len(length) < 12 and len(body) >= int(length)  # noqa: PLR2004  below 1 TB
        if line.startswith(b"transfer-encoding:") and b"chunked" in line:
            return body.endswith(b"0\r\n\r\n")
    return closed


def series(
    host: str, port: int, count: int, *, name: str, timeout: float, until: float
) -> list[list[object]]:
    """``count`` fresh requests one after the other, so that their order shows the scheduler's.

    None starts later than ``until`` (seconds since the script began), and none after ``GIVE_UP`` failures in
    a row: what is known of such an address will not change, and each time-out costs ``timeout``.

    Returns:
        Rows of number, start and end (seconds since the script began), outcome, replica, detail.
    """
    rows: list[list[object]] = []
    lost = 0
    for number in range(count):
        began = now()
        if began >= until or lost >= GIVE_UP:
            break
        outcome, replica, detail = ask(host, port, name=name, timeout=timeout)
        lost = 0 if outcome == "ok" else lost + 1
        rows.append([number, round(began, 6), round(now(), 6), outcome, replica, detail])
    return rows
