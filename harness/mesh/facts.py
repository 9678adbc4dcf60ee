"""The plain values of a node, by the names under which its job tells them; objects may be rows of two.

| name | value |
|---|---|
| ``kernel`` | its release |
| ``modules`` | name -> ``module``, ``built-in``, or empty where nothing tells |
| ``ipvs`` | whether the kernel shows ``/proc/net/ip_vs`` |
| ``proof`` | part -> empty where it worked, ``lacks: ...``, or why it was not tried; of a preflight only |
| ``conntrack`` | counters of connection tracking, of which ``entries`` |
| ``routes`` | rows of a peer, its address, and the source address that the kernel chooses towards it |
| ``firewall`` | the engine's firewall backend, ``nftables`` or ``iptables``, if told |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.mesh.kernel import Kernel, Kind

_COUNT, _MOST = "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"
_THRESHOLD = "net.ipv4.neigh.default.gc_thresh3"
_KEPT = frozenset({"PERMANENT", "NOARP"})  # such neighbours do not count against the threshold (Linux 5.0)


def fact(kernel: Kernel, name: str) -> object:
    """A node's plain value; None if it was not told."""
    return dict(kernel.facts).get(name)


def pairs(kernel: Kernel, name: str) -> dict[str, str]:
    """An object of words; empty if it was not told."""
    value = fact(kernel, name)
    rows = value.items() if isinstance(value, Mapping) else _rows(value)
    return {str(row[0]): str(row[1]) for row in rows if len(row) == 2}  # noqa: PLR2004  a key and its value


def sources(kernel: Kernel) -> dict[str, str]:
    """Peer's address -> the source address that the kernel chooses towards it."""
    rows = [row for row in _rows(fact(kernel, "routes")) if len(row) > 2]  # noqa: PLR2004  peer, address, source
    return {str(row[1]): str(row[2]) for row in rows if row[2]}


def conntrack(kernel: Kernel) -> tuple[int | None, int | None]:
    """How many connections the kernel tracks, and how many it may."""
    host = kernel.the(Kind.HOST)
    told = pairs(kernel, "conntrack").get("entries") or (host.sysctl(_COUNT) if host else None)
    return _number(told), _number(host.sysctl(_MOST) if host else None)


def neighbours(kernel: Kernel) -> tuple[int, int | None]:
    """How many neighbours were seen that count against the kernel's threshold, and the threshold."""
    host = kernel.the(Kind.HOST)
    seen = sum(
        not _KEPT & {state.upper() for state in row.states}
        for space in kernel.namespaces
        for row in space.neighbours
    )
    return seen, _number(host.sysctl(_THRESHOLD) if host else None)


def native(kernel: Kernel, tables: Sequence[str] = ()) -> str:
    """What shows that the node balances with nftables of its own, without IPVS; empty if nothing does.

    Args:
        kernel: of the node.
        tables: names of native nf_tables in its own network.
    """
    if fact(kernel, "firewall") == "nftables":
        return "the engine's firewall backend is nftables"
    found = sorted(table for table in tables if "docker-bridges" in table)
    return f"the engine has a table of its own, {found[0]}" if found else ""


def _rows(value: object) -> list[Sequence[object]]:
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [row for row in rows if isinstance(row, Sequence) and not isinstance(row, str)]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None
