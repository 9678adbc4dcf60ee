"""What ``/proc/net/ip_vs`` showed becomes services and their real servers."""

from __future__ import annotations

import ipaddress
import re

from harness.mesh.documents import Unreadable
from harness.mesh.kernel import MarkService, RealServerRow

_HEAD = (
    re.compile(r"IP Virtual Server version .*"),
    re.compile(r"Prot LocalAddress:Port .*"),
    re.compile(r" *-> RemoteAddress:Port .*"),
)
_END = r"([0-9A-F]{8}|\[[0-9a-fA-F:.]+\]):[0-9A-F]{4}"
_BY_MARK = re.compile(r"FWM +([0-9A-F]{8}) +(\S+)(?: .*)?")
_BY_ADDRESS = re.compile(rf"[A-Z]\w* +{_END} +\S+(?: .*)?")
_SERVER = re.compile(rf" *-> {_END} +(\S+) +([0-9]{{1,10}}) +([0-9]{{1,10}}) +([0-9]{{1,10}})")


def mark_services(text: str) -> tuple[MarkService, ...]:
    """The services keyed by firewall mark, in the kernel's order; swarm makes no others.

    An empty text is a kernel without the table, so without services.

    Raises:
        Unreadable: the text is not what a kernel prints.
    """
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    if lines and not (len(lines) >= len(_HEAD) and all(map(re.Pattern.fullmatch, _HEAD, lines))):
        raise Unreadable(f"no head of /proc/net/ip_vs: {lines[0][:80]!r}")
    found: list[tuple[int, str, list[RealServerRow]]] = []
    servers: list[RealServerRow] | None = None
    for line in lines[len(_HEAD) :]:
        by_mark, server = _BY_MARK.fullmatch(line), _SERVER.fullmatch(line)
        if by_mark:
            servers = []
            found.append((int(by_mark[1], 16), by_mark[2], servers))
        elif server and servers is not None:
            weight, active, inactive = map(int, server.group(3, 4, 5))
            servers.append(RealServerRow(_address(server[1]), weight, server[2], active, inactive))
        elif _BY_ADDRESS.fullmatch(line):
            servers = []  # its real servers are nobody's
        else:
            raise Unreadable(f"no row of /proc/net/ip_vs: {line[:80]!r}")
    return tuple(MarkService(mark, scheduler, tuple(rows)) for mark, scheduler, rows in found)


def _address(end: str) -> str:
    """``0A000005`` as ``10.0.0.5``, ``[fd00:0000:...:0001]`` as ``fd00::1``.

    Raises:
        Unreadable: there is no such address.
    """
    try:
        return str(ipaddress.ip_address(end.strip("[]") if end.startswith("[") else int(end, 16)))
    except ValueError as error:
        raise Unreadable(f"no address of a real server: {error}") from None
