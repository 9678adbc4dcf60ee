"""The plain values of a node, by the names under which its job tells them.

| name | value |
|---|---|
| ``release`` | the kernel's |
| ``modules`` | names of loaded modules and of built-ins as far as they are known |
| ``lacking`` | names of what the kernel was found to lack: neither loaded, built in nor loadable |
| ``sources`` | peer's address -> the source address that the kernel chooses towards it |
| ``conntrack`` | ``count`` and ``max`` of tracked connections |
| ``neighbours`` | ``count`` and ``max`` (``gc_thresh3``) of neighbours that are not permanent |
| ``firewall`` | the engine's firewall backend, ``nftables`` or ``iptables`` |
| ``nft_tables`` | names of native nft tables, such as ``ip docker-bridges`` |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.mesh.kernel import Kernel, Kind

_NATIVE = "docker-bridges"  # the table of the engine's nftables backend
_LIMITS = {
    "conntrack": ("net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"),
    "neighbours": ("", "net.ipv4.neigh.default.gc_thresh3"),
}


def fact(kernel: Kernel, name: str) -> object:
    """A node's plain value; None if it was not told."""
    return dict(kernel.facts).get(name)


def names(kernel: Kernel, name: str) -> frozenset[str]:
    """A list of names; empty if it was not told."""
    value = fact(kernel, name)
    if isinstance(value, str) or not isinstance(value, Sequence | frozenset | set):
        return frozenset()
    return frozenset(str(one) for one in value)


def pairs(kernel: Kernel, name: str) -> dict[str, str]:
    """A mapping of words, or rows of two; empty if it was not told."""
    value = fact(kernel, name)
    if isinstance(value, Mapping):
        return {str(key): str(one) for key, one in value.items()}
    rows = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return {str(row[0]): str(row[1]) for row in rows if isinstance(row, Sequence) and len(row) == 2}  # noqa: PLR2004  pairs


def limit(kernel: Kernel, name: str) -> tuple[int | None, int | None]:
    """How many rows a table of the kernel has, and how many it may have; from facts, or from sysctls."""
    told = pairs(kernel, name)
    host = kernel.the(Kind.HOST)
    counts = []
    for key, sysctl in zip(("count", "max"), _LIMITS[name], strict=True):
        text = told.get(key) or (host.sysctl(sysctl) if host and sysctl else None)
        counts.append(int(text) if text and text.strip().isdigit() else None)
    return counts[0], counts[1]


def native(kernel: Kernel) -> str:
    """What shows that the node balances with nftables of its own, without IPVS; empty if nothing does."""
    if fact(kernel, "firewall") == "nftables":
        return "the engine's firewall backend is nftables"
    tables = names(kernel, "nft_tables")
    found = sorted(table for table in tables if _NATIVE in table)
    return f"the engine has a table of its own: {found[0]}" if found else ""
