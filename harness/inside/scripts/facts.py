"""Facts of a node's own kernel: what it can do, how full its tables are, how it reaches its peers.

Every part is read for itself; one that cannot be read is named among the troubles and leaves the others be.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

MODULES = (
    "br_netfilter",
    "bridge",
    "ip_tables",
    "ip_vs",
    "ip_vs_rr",
    "nf_conntrack",
    "nf_nat",
    "nf_tables",
    "overlay",
    "vxlan",
    "xfrm_user",
    "xt_MASQUERADE",
    "xt_REDIRECT",
    "xt_addrtype",
    "xt_bpf",
    "xt_conntrack",
    "xt_ipvs",
    "xt_mark",
    "xt_nat",
    "xt_u32",
)
_ETHTOOL = 0x8946  # SIOCETHTOOL
_DRIVER, _TX_CHECKSUM = 0x03, 0x16  # ETHTOOL_GDRVINFO, ETHTOOL_GTXCSUM
_DRIVER_SIZE = 196  # struct ethtool_drvinfo
_TCP = ("tcp", "tcp6")
_LISTEN = "0A"
_COUNTERS = ("rx_packets", "rx_errors", "rx_dropped", "tx_packets", "tx_errors", "tx_dropped")
_COLUMNS = (1, 2, 3, 9, 10, 11)  # of /proc/net/dev, for them
Parts = dict[str, Callable[[], Any]]


def gather(parts: Parts) -> tuple[dict[str, Any], list[str]]:
    """What each part tells, and what went wrong with those that told nothing."""
    told: dict[str, Any] = {}
    troubles = []
    for name, work in parts.items():
        try:
            told[name] = work()
        except (OSError, ValueError, LookupError, ImportError, struct.error) as error:
            troubles.append(f"{name}: {type(error).__name__}: {error}")
    return told, troubles


def node(ways: list[list[str]], addr: str, devs: dict[str, str], root: str = "") -> Parts:
    """The parts that are told of a node.

    Args:
        ways: see :func:`routes`.
        addr: what ``ip -j addr`` printed of the host.
        devs: ``/proc/net/dev`` of every overlay network's namespace.
        root: stands before ``/proc`` and ``/sys``.
    """
    return {
        "kernel": lambda: os.uname().release,
        "machine": lambda: os.uname().machine,
        "modules": lambda: modules(root),
        "matches": lambda: _words(root + "/proc/net/ip_tables_matches"),
        "targets": lambda: _words(root + "/proc/net/ip_tables_targets"),
        "ipvs": lambda: os.path.exists(root + "/proc/net/ip_vs"),  # noqa: PTH110  pathlib costs import time
        "conntrack": lambda: stat(_read(root + "/proc/net/stat/nf_conntrack"), "entries"),
        "neighbours": lambda: stat(_read(root + "/proc/net/stat/arp_cache"), "entries"),
        "routes": lambda: ways,
        "underlay": lambda: underlay(addr, [row[2] for row in ways]),
        "errors": lambda: snmp(_read(root + "/proc/net/snmp")),
        "listeners": lambda: {name: listeners(_read(f"{root}/proc/net/{name}")) for name in _TCP},
        "vxlan": lambda: {namespace: devices(text) for namespace, text in devs.items()},
    }


def _read(path: str) -> str:
    """A file's text; empty if there is no such file."""
    try:
        with open(path) as file:  # noqa: PTH123  pathlib costs import time on a node
            return file.read()
    except FileNotFoundError:
        return ""


def _words(path: str) -> list[str]:
    return sorted(set(_read(path).split()))


def modules(root: str = "") -> dict[str, str]:
    """How the kernel has each module: ``module``, ``built-in``, or empty where nothing tells.

    A feature without a module of its own (old kernels, other names) shows in what it makes: see ``matches``.
    """
    loaded = {line.split(" ")[0] for line in _read(root + "/proc/modules").splitlines()}
    release = os.uname().release
    built_in = {
        line.rpartition("/")[2].partition(".")[0].replace("-", "_")
        for line in _read(f"{root}/lib/modules/{release}/modules.builtin").splitlines()
    }
    try:
        shown = set(os.listdir(root + "/sys/module"))  # noqa: PTH208  pathlib costs import time
    except FileNotFoundError:
        shown = set()
    return {
        name: "module" if name in loaded else "built-in" if name in built_in | shown else ""
        for name in MODULES
    }


def stat(text: str, shared: str = "") -> dict[str, int]:
    """The sums over all processors of a file in ``/proc/net/stat``; ``shared`` is told by each of them alike.

    Raises:
        ValueError: it holds no numbers.
    """
    head, *rows = [line.split() for line in text.splitlines() if line.strip()] or [[]]
    told = dict.fromkeys(head, 0)
    for row in rows:
        for name, word in zip(head, row, strict=False):
            number = int(word, 16)
            told[name] = number if name == shared else told[name] + number
    return told


def routes(peers: list[list[Any]], port: int) -> list[list[str]]:
    """Rows of peer, its address, the source address that the kernel takes to it, and why it takes none."""
    rows = []
    for name, address, *_ in peers:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asked:
            try:
                asked.connect((address, port or 1))
                rows.append([name, address, asked.getsockname()[0], ""])
            except OSError as error:
                rows.append([name, address, "", os.strerror(error.errno or 0)])
    return rows


def underlay(addr: str, sources: list[str]) -> list[dict[str, Any]]:
    """Name, driver and transmit checksum offload of the interfaces that carry these source addresses.

    Raises:
        ValueError: ``addr`` is no JSON of ``ip``.
        OSError: an interface does not say.
    """
    owners = {
        entry.get("local"): str(link["ifname"]) for link in json.loads(addr) for entry in link["addr_info"]
    }
    found = sorted({owners[source] for source in sources if source in owners})
    return [{"name": name, "driver": driver(name), "tx_checksum": tx_checksum(name)} for name in found]


def tx_checksum(interface: str) -> bool:
    """Whether the interface computes checksums of what it sends, as ``ethtool -k`` tells.

    Raises:
        OSError: it does not say.
    """
    answer = _ethtool(interface, struct.pack("=II", _TX_CHECKSUM, 0))
    return bool(struct.unpack_from("=I", answer, 4)[0])


def driver(interface: str) -> str:
    """The driver's name; empty where the interface does not say, as most virtual ones do not."""
    try:
        answer = _ethtool(interface, struct.pack("=I", _DRIVER).ljust(_DRIVER_SIZE, b"\0"))
    except OSError:
        return ""
    return answer[4:36].split(b"\0")[0].decode("ascii", "replace")


def _ethtool(interface: str, command: bytes) -> bytes:
    """What the kernel makes of a command of ``linux/ethtool.h``, reached through struct ifreq's pointer."""
    import fcntl  # noqa: PLC0415  only for this

    buffer = array.array("B", command)
    request = struct.pack("=16sQ16x", interface.encode(), buffer.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked.fileno(), _ETHTOOL, request)
    return buffer.tobytes()


def snmp(text: str) -> dict[str, dict[str, int]]:
    """The counters of IP, TCP and UDP in ``/proc/net/snmp``, by the kernel's own names.

    Raises:
        ValueError: it holds no numbers.
    """
    lines = [line.split() for line in text.splitlines()]
    return {
        head[0].rstrip(":"): dict(zip(head[1:], map(int, row[1:]), strict=False))
        for head, row in zip(lines[::2], lines[1::2], strict=False)
        if head[:1] == row[:1] and head[0] in {"Ip:", "Tcp:", "Udp:"}
    }


def listeners(text: str) -> list[int]:
    """The ports on which something listens, of ``/proc/net/tcp`` or ``tcp6``.

    Raises:
        ValueError: a port is no number.
    """
    rows = (line.split(None, 4) for line in text.splitlines()[1:])
    return sorted({int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == _LISTEN})  # noqa: PLR2004  the state


def devices(text: str, kind: str = "vxlan") -> dict[str, dict[str, int]]:
    """Counters of the devices in ``/proc/net/dev`` whose names begin with ``kind``.

    Raises:
        ValueError, IndexError: it does not look like that.
    """
    found = {}
    for line in text.splitlines():
        name, colon, rest = line.strip().partition(":")
        if colon and name.startswith(kind):
            words = rest.split()
            found[name] = {
                counter: int(words[column]) for counter, column in zip(_COUNTERS, _COLUMNS, strict=True)
            }
    return found
