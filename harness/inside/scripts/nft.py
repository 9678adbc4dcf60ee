"""The nf_tables of a namespace: which there are, and the rules of those that ``iptables-save`` can read.

Tables are counted through netlink (``linux/netfilter/nfnetlink.h``, ``nf_tables.h``): most namespaces have
none, and a process takes far longer to start than the kernel to say so.
"""

from __future__ import annotations

import struct

from harness.inside.scripts import netlink

NETFILTER = 12  # NETLINK_NETFILTER
SUBSYSTEM = 10 << 8  # NFNL_SUBSYS_NFTABLES
GENERAL = 4  # bytes of struct nfgenmsg
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_NEW_TABLE, _GET_TABLES = SUBSYSTEM, SUBSYSTEM | 1  # NFT_MSG_NEWTABLE, NFT_MSG_GETTABLE
_TABLE_NAME = 1  # NFTA_TABLE_NAME
_IP = "ip"
_OF_IPTABLES = frozenset({"filter", "nat", "mangle", "raw", "security"})
_TOOLS = ("iptables-nft-save", "iptables-save")
_PATIENCE = 5.0  # seconds


def tables() -> list[tuple[str, str]]:
    """(family, name) of the tables in the calling thread's namespace; none where the kernel has no nf_tables.

    Raises:
        OSError: not permitted, or the kernel does not answer.
        ValueError: its answer cannot be read.
    """
    try:
        return named(netlink.dump(NETFILTER, _GET_TABLES, struct.pack("=4x")))
    except OSError as error:
        if error.errno in netlink.ABSENT:
            return []
        raise


def named(messages: list[netlink.Message]) -> list[tuple[str, str]]:
    """(family, name) of the tables in what the kernel answered."""
    return [
        (FAMILIES.get(body[0], str(body[0])), _name(body[GENERAL:]))
        for kind, body in messages
        if kind == _NEW_TABLE and len(body) >= GENERAL
    ]


def _name(attributes: bytes) -> str:
    told = dict(netlink.attributes(attributes)).get(_TABLE_NAME, b"?")
    name = told.split(b"\0")[0].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in name)


def save() -> tuple[str, str]:
    """What the nft variant of ``iptables-save -c`` prints of the calling thread's namespace, and any trouble.

    Tables that are not those of iptables are named in a comment, with what :func:`foreign.told` says of them:
    ``# table inet firewalld: hooks input; may drop``, or ``# table inet firewalld: not read``.

    Raises:
        OSError, ValueError: see :func:`tables`.
    """
    found = tables()
    if not found:
        return "", ""
    others = "".join(
        f"# table {family} {name}: {_of(family, name)}\n"
        for family, name in found
        if family != _IP or name not in _OF_IPTABLES
    )
    if not any(family == _IP and name in _OF_IPTABLES for family, name in found):
        return others, ""
    text, trouble = _run()
    return text + others, trouble


def _of(family: str, name: str) -> str:
    from harness.inside.scripts import foreign  # noqa: PLC0415  most nodes have no such table

    try:
        return foreign.told(family, name)
    except (OSError, ValueError):
        return "not read"


def _run() -> tuple[str, str]:
    import subprocess  # noqa: PLC0415  costs time, and most namespaces need it not

    for tool in _TOOLS:
        try:
            done = subprocess.run([tool, "-c"], capture_output=True, timeout=_PATIENCE, check=False)
        except FileNotFoundError:
            continue
        except (OSError, subprocess.SubprocessError) as error:
            return "", f"{tool}: {error}"
        told = done.stdout.decode("utf-8", "replace").splitlines()
        if done.returncode:
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            return "", f"{tool} exited {done.returncode}: {''.join(last)}"
        if not any("nf_tables" in line for line in told if line.startswith("# Generated")):
            return "", f"{tool} does not read nf_tables"
        lines = [line for line in told if not line.startswith(("# Generated", "# Completed"))]
        return "".join(line + "\n" for line in lines), ""
    return "", "the image has no iptables-save"
