"""What ``ip -j`` and ``bridge -j`` printed becomes interfaces, neighbours and routes; IPsec's rows as well.

iproute2 prints ``[]``, nothing at all, or ``{}`` for a row that it filtered: all mean that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.mesh.documents import Row, inner, number, rows, rows_of, word, words
from harness.mesh.kernel import Device, ForwardingEntry, Neighbour, Route, Xfrm

DEFAULT = "default"


def devices(text: str) -> tuple[Device, ...]:
    """The interfaces that ``ip -j -d addr`` printed.

    Raises:
        Unreadable: it is not what iproute2 prints.
    """
    return tuple(_device(row) for row in rows(text))


def _device(row: Row) -> Device:
    link = inner(row, "linkinfo")
    kind = word(link, "info_kind", "")
    data = inner(link, "info_data") if kind == "vxlan" else {}
    return Device(
        name=word(row, "ifname"),
        up="UP" in words(row, "flags"),
        mtu=number(row, "mtu"),
        mac=word(row, "address", ""),
        addresses=tuple((word(one, "local"), number(one, "prefixlen")) for one in rows_of(row, "addr_info")),
        kind=kind,
        master=word(row, "master", ""),
        vni=number(data, "id", 0),
        port=number(data, "port", 0),
        qdisc=word(row, "qdisc", ""),
    )


def forwarding(text: str) -> tuple[ForwardingEntry, ...]:
    """The rows that ``bridge -j fdb`` printed and that name a remote end.

    Raises:
        Unreadable: it is not what iproute2 prints.
    """
    return tuple(
        ForwardingEntry(word(row, "mac"), word(row, "ifname"), word(row, "dst"), word(row, "state", ""))
        for row in rows(text)
        if "dst" in row
    )


def neighbours(text: str) -> tuple[Neighbour, ...]:
    """The rows that ``ip -j neigh`` printed; a neighbour that was not found has no ``mac``.

    Raises:
        Unreadable: it is not what iproute2 prints.
    """
    return tuple(
        Neighbour(word(row, "dst"), word(row, "dev"), word(row, "lladdr", ""), words(row, "state"))
        for row in rows(text)
    )


def routes(text: str) -> tuple[Route, ...]:
    """The routes that ``ip -j route`` printed, one for each next hop; those to nowhere have no ``device``.

    Raises:
        Unreadable: it is not what iproute2 prints.
    """
    return tuple(route for row in rows(text) for route in _hops(row))


def _hops(row: Row) -> Iterator[Route]:
    destination = word(row, "dst")
    if destination != DEFAULT and "/" not in destination:
        destination += "/128" if ":" in destination else "/32"
    for hop in rows_of(row, "nexthops") or [row]:
        gateway = word(hop, "gateway", "") or word(inner(hop, "via"), "host", "")
        yield Route(destination, word(hop, "dev", ""), gateway, word(row, "prefsrc", ""))


def xfrm(text: str) -> tuple[Xfrm, ...]:
    """The policies and states of IPsec that a job told.

    Raises:
        Unreadable: it is not what the job tells.
    """
    return tuple(
        Xfrm(word(row, "what"), word(row, "src"), word(row, "dst"), number(row, "spi")) for row in rows(text)
    )
