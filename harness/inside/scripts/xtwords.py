"""The words of ``iptables-save`` for what a legacy table's rule holds: addresses, interfaces, targets.

Layouts are those of ``linux/netfilter_ipv4/ip_tables.h``, ``linux/netfilter/nf_nat.h`` and the targets'
headers on 64 bits; ``=`` is the machine's order, ``!`` the network's. What is not known is named, with
``[unknown]`` behind it, so that nobody takes the rule for a simpler one.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

UNKNOWN = " [unknown]"
WRAP = 32  # bytes of struct xt_entry_match and xt_entry_target before their data: size, name, revision
ENTRY = 112  # bytes of struct ipt_entry before its matches
_INVERTED_IN, _INVERTED_OUT, _INVERTED_SOURCE, _INVERTED_DESTINATION = 1, 2, 8, 16
_INVERTED_FRAGMENT, _INVERTED_PROTOCOL = 32, 64
_FRAGMENT, _GOTO = 1, 2
_ANY = 0xFFFFFFFF
PROTOCOLS = {
    1: "icmp",
    2: "igmp",
    4: "ipencap",
    6: "tcp",
    17: "udp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "ipv6-icmp",
    89: "ospf",
    112: "vrrp",
    132: "sctp",
    136: "udplite",
}
VERDICTS = {-1: "DROP", -2: "ACCEPT", -4: "QUEUE", -5: "RETURN"}
_REJECTS = (
    "icmp-net-unreachable",
    "icmp-host-unreachable",
    "icmp-proto-unreachable",
    "icmp-port-unreachable",
    "echo-reply",
    "icmp-net-prohibited",
    "icmp-host-prohibited",
    "tcp-reset",
    "icmp-admin-prohibited",
)
_LOGS = {1: "tcp-sequence", 2: "tcp-options", 4: "ip-options", 8: "uid", 0x20: "macdecode"}
_MAP, _PORTS, _OFFSET = 1, 2, 32
_RANDOM = {4: "random", 16: "random-fully", 8: "persistent"}


def text(raw: bytes) -> str:
    """A C string as one printable line: a name must not be able to look like a rule of its own."""
    told = raw.split(b"\0")[0].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in told)


def quoted(word: str) -> str:
    """A comment or prefix as ``iptables-save`` writes it, with the blank before it."""
    if word and all(char.isascii() and (char.isalnum() or char in "_-") for char in word):
        return " " + word
    return ' "' + "".join("\\" + char if char in "\"\\'" else char for char in word) + '"'


def turned(flag: object) -> str:
    """The sign of an inverted condition."""
    return " !" if flag else ""


def prefix(mask: bytes) -> str:
    """A mask as the number of its bits, or in full where it is not a prefix."""
    bits = int.from_bytes(mask, "big")
    length = bits.bit_count()
    whole = bits == _ANY ^ (_ANY >> length)
    return str(length) if whole else socket.inet_ntoa(mask)


def protocol(number: int) -> str:
    """The name of an IP protocol as ``/etc/protocols`` has it, or its number."""
    return PROTOCOLS.get(number, str(number))


def conditions(entry: bytes) -> str:
    """The words for struct ipt_ip: addresses, interfaces, protocol, fragments."""
    source, destination, source_mask, destination_mask = (entry[at : at + 4] for at in (0, 4, 8, 12))
    number, flags, inverted = struct.unpack_from("=HBB", entry, 80)
    words = _network("s", source, source_mask, inverted & _INVERTED_SOURCE)
    words += _network("d", destination, destination_mask, inverted & _INVERTED_DESTINATION)
    words += _interface("i", entry[16:32], entry[48:64], inverted & _INVERTED_IN)
    words += _interface("o", entry[32:48], entry[64:80], inverted & _INVERTED_OUT)
    if number:
        words += f"{turned(inverted & _INVERTED_PROTOCOL)} -p {protocol(number)}"
    if flags & _FRAGMENT:
        words += f"{turned(inverted & _INVERTED_FRAGMENT)} -f"
    return words


def _network(letter: str, address: bytes, mask: bytes, inverted: int) -> str:
    if not any(address) and not any(mask) and not inverted:
        return ""
    return f"{turned(inverted)} -{letter} {socket.inet_ntoa(address)}/{prefix(mask)}"


def _interface(letter: str, name: bytes, mask: bytes, inverted: int) -> str:
    """The name, with ``+`` where only its beginning counts: the mask then ends before the name's own NUL."""
    length = len(mask.split(b"\0")[0])
    if not length:
        return ""
    whole = name[length - 1] == 0
    return f"{turned(inverted)} -{letter} {text(name[:length])}{'' if whole else '+'}"


def jumps(entry: bytes) -> str:
    """``-g`` for a goto, ``-j`` otherwise."""
    return " -g " if entry[82] & _GOTO else " -j "


def target(name: str, revision: int, data: bytes) -> str:
    """A target and its options; not for the standard target, whose meaning is in the table around it.

    Raises:
        struct.error: the data is shorter than the kernel's header files say.
    """
    if name == "CT" and data.startswith(_NOTRACK):
        return "NOTRACK"
    known = TARGETS.get((name, revision))
    if known is not None:
        return name + known(data)
    return name + (UNKNOWN if data else "")


def _span(low: object, high: object, sign: str = "-") -> str:
    return str(low) if low == high else f"{low}{sign}{high}"


def _nat(flags: int, low: bytes, high: bytes, ports: tuple[int, int, int]) -> str:
    """``address:ports`` of a range, and how a port is chosen."""
    words = _span(socket.inet_ntoa(low), socket.inet_ntoa(high)) if flags & _MAP else ""
    if flags & _PORTS:
        words += ":" + _span(ports[0], ports[1]) + (f"/{ports[2]}" if flags & _OFFSET else "")
    return words + _chosen(flags)


def _chosen(flags: int) -> str:
    return "".join(f" --{word}" for bit, word in _RANDOM.items() if flags & bit)


def _nat_old(option: str) -> Callable[[bytes], str]:
    """For struct nf_nat_ipv4_multi_range_compat, whose size counts and which holds one range."""

    def words(data: bytes) -> str:
        count, flags, low, high, first, last = struct.unpack_from("=II4s4s2s2s", data)
        ports = (int.from_bytes(first, "big"), int.from_bytes(last, "big"), 0)
        return f" --{option} {_nat(flags, low, high, ports)}{UNKNOWN if count != 1 else ''}"

    return words


def _nat_new(option: str) -> Callable[[bytes], str]:
    """For struct nf_nat_range and nf_nat_range2, which has a base for the offset of a port."""

    def words(data: bytes) -> str:
        flags, low, high = struct.unpack_from("=I4s12x4s12x", data)
        first, last, *base = struct.unpack_from("!HHH" if len(data) >= 42 else "!HH", data, 36)  # noqa: PLR2004  where nf_nat_range ends
        return f" --{option} {_nat(flags, low, high, (first, last, *(base or (0,))))}"

    return words


def _to_ports(data: bytes) -> str:
    """MASQUERADE and REDIRECT: only ports of the old range count."""
    _, flags, _, _, first, last = struct.unpack_from("=II4s4s2s2s", data)
    ports = _span(int.from_bytes(first, "big"), int.from_bytes(last, "big"))
    return (f" --to-ports {ports}" if flags & _PORTS else "") + _chosen(flags & ~8)


def _mark(data: bytes) -> str:
    mark, mask = struct.unpack_from("=II", data)
    return f" --set-xmark 0x{mark:x}/0x{mask:x}"


def _reject(data: bytes) -> str:
    (kind,) = struct.unpack_from("=I", data)
    return f" --reject-with {_REJECTS[kind]}" if kind < len(_REJECTS) else UNKNOWN


def _log(data: bytes) -> str:
    level, flags, mark = struct.unpack_from("=BB30s", data)
    words = f" --log-prefix{quoted(text(mark))}" if mark[0] else ""
    words += f" --log-level {level}" if level != 4 else ""  # noqa: PLR2004  the default, warning
    return words + "".join(f" --log-{word}" for bit, word in _LOGS.items() if flags & bit)


def _ct(data: bytes) -> str:
    """CT: only whether packets are left out of connection tracking."""
    flags, zone, events, expectations, helper = struct.unpack_from("=HHII16s", data)
    more = zone or events or expectations or helper.strip(b"\0")
    return " --notrack" if flags == 1 and not more else UNKNOWN


_NOTRACK = struct.pack("=H", 3)  # flags of struct xt_ct_target_info: not tracked, and written as NOTRACK
TARGETS: dict[tuple[str, int], Callable[[bytes], str]] = {
    ("DNAT", 0): _nat_old("to-destination"),
    ("DNAT", 1): _nat_new("to-destination"),
    ("DNAT", 2): _nat_new("to-destination"),
    ("SNAT", 0): _nat_old("to-source"),
    ("SNAT", 1): _nat_new("to-source"),
    ("SNAT", 2): _nat_new("to-source"),
    ("MASQUERADE", 0): _to_ports,
    ("REDIRECT", 0): _to_ports,
    ("MARK", 2): _mark,
    ("REJECT", 0): _reject,
    ("LOG", 0): _log,
    ("CT", 0): _ct,
    ("CT", 1): _ct,
    ("CT", 2): _ct,
}
