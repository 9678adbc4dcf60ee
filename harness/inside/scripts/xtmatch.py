"""The words of ``iptables-save`` for the matches of a legacy table's rule; see ``xtwords``."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable

from harness.inside.scripts.xtwords import UNKNOWN, WRAP, prefix, quoted, text, turned

Sets = Callable[[int], str]
_FLAGS = {1: "FIN", 2: "SYN", 4: "RST", 8: "PSH", 16: "ACK", 32: "URG"}
_TYPES = (
    "UNSPEC",
    "UNICAST",
    "LOCAL",
    "BROADCAST",
    "ANYCAST",
    "MULTICAST",
    "BLACKHOLE",
    "UNREACHABLE",
    "PROHIBIT",
    "THROW",
    "NAT",
    "XRESOLVE",
)
_STATES = {
    1: "INVALID",
    8: "NEW",
    4: "RELATED",
    2: "ESTABLISHED",
    0x100: "UNTRACKED",
    0x40: "SNAT",
    0x80: "DNAT",
}
_STATUS = {1: "EXPECTED", 2: "SEEN_REPLY", 4: "ASSURED", 8: "CONFIRMED"}
_STATE_ALIAS = 0x2000
_HIGHEST = 65535


def matches(raw: bytes, sets: Sets) -> str:
    """The matches of a rule with their options, in order.

    Args:
        raw: the bytes between the rule's head and its target.
        sets: the name of the ipset with this index.

    Raises:
        ValueError: a match ends outside of them.
        struct.error: a match's data is shorter than the kernel's header files say.
    """
    words = ""
    at = 0
    while at < len(raw):
        size, name, revision = struct.unpack_from("=H29sB", raw, at)
        if not WRAP <= size <= len(raw) - at:
            raise ValueError("a match is malformed")
        words += _one(text(name), revision, raw[at + WRAP : at + size], sets)
        at += size
    return words


def _one(name: str, revision: int, data: bytes, sets: Sets) -> str:
    if name == "set" and 1 <= revision <= 4:  # noqa: PLR2004  the newest
        return " -m set" + _set(data, sets)
    known = MATCHES.get((name, revision))
    words = UNKNOWN if known is None else known(data)
    return f" -m {'state' if ' --state ' in words and name == 'conntrack' else name}{words}"


def _names(bits: int, words: dict[int, str], none: str = "NONE") -> str:
    return ",".join(word for bit, word in words.items() if bits & bit) or none


def _ports(option: str, low: int, high: int, inverted: int) -> str:
    """A range of ports, unless it is all of them."""
    if (low, high) == (0, _HIGHEST):
        return ""
    return f"{turned(inverted)} --{option} {_range(low, high)}"


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}:{high}"


def _tcp(data: bytes) -> str:
    *ports, option, mask, flags, inverted = struct.unpack_from("=4H4B", data)
    words = _ports("sport", ports[0], ports[1], inverted & 1) + _ports(
        "dport", ports[2], ports[3], inverted & 2
    )
    if option or inverted & 8:
        words += f"{turned(inverted & 8)} --tcp-option {option}"
    if mask or inverted & 4:
        words += f"{turned(inverted & 4)} --tcp-flags {_names(mask, _FLAGS)} {_names(flags, _FLAGS)}"
    return words


def _udp(data: bytes) -> str:
    *ports, inverted = struct.unpack_from("=4HB", data)
    return _ports("sport", ports[0], ports[1], inverted & 1) + _ports(
        "dport", ports[2], ports[3], inverted & 2
    )


def _sctp(data: bytes) -> str:
    """Here the destination comes first, and flags say what counts; chunk types are not told."""
    to_low, to_high, low, high = struct.unpack_from("=4H", data)
    flags, inverted = struct.unpack_from("=II", data, 284)
    words = f"{turned(inverted & 1)} --sport {_range(low, high)}" if flags & 1 else ""
    words += f"{turned(inverted & 2)} --dport {_range(to_low, to_high)}" if flags & 2 else ""
    return words + (UNKNOWN if flags & 4 else "")


def _icmp(data: bytes) -> str:
    kind, low, high, inverted = struct.unpack_from("=4B", data)
    every = (low, high) == (0, 255)
    code = "" if every else f"/{low}" if low == high else f"/{low}-{high}"
    return f"{turned(inverted & 1)} --icmp-type {'any' if kind == 255 and every else f'{kind}{code}'}"  # noqa: PLR2004  any


def _kinds(option: str, bits: int, inverted: int) -> str:
    words = ",".join(word for number, word in enumerate(_TYPES) if bits >> number & 1)
    return f"{turned(inverted)} --{option} {words}" if bits else ""


def _addrtype_old(data: bytes) -> str:
    source, destination, inverted, other = struct.unpack_from("=HHII", data)
    return _kinds("src-type", source, inverted) + _kinds("dst-type", destination, other)


def _addrtype(data: bytes) -> str:
    source, destination, flags = struct.unpack_from("=HHI", data)
    words = _kinds("src-type", source, flags & 1) + _kinds("dst-type", destination, flags & 2)
    words += " --limit-iface-in" if flags & 4 else ""
    return words + (" --limit-iface-out" if flags & 8 else "")


def _conntrack(revision: int) -> Callable[[bytes], str]:
    """For struct xt_conntrack_mtinfo1 to 3: states grew to 16 bits, ports became ranges."""

    def words(data: bytes) -> str:
        low, high, number = struct.unpack_from("=IIH", data, 128)
        wanted, inverted, *masks = struct.unpack_from("=HHBB" if revision == 1 else "=4H", data, 146)
        ports = struct.unpack_from("=4H" if revision >= 3 else "!4H", data, 138)  # noqa: PLR2004  where they are ranges
        ends = struct.unpack_from("=4H", data, 154) if revision >= 3 else ports  # noqa: PLR2004  see above
        state = f" --{'state' if wanted & _STATE_ALIAS else 'ctstate'} {_names(masks[0], _STATES, '')}"
        parts = [(1, state), (2, f" --ctproto {number}")]
        for place, option in enumerate(("origsrc", "origdst", "replsrc", "repldst")):
            at = place * 32
            parts.append((4 << place, f" --ct{option} {_host(data[at : at + 4], data[at + 16 : at + 20])}"))
        for place, option in enumerate(("origsrc", "origdst", "replsrc", "repldst")):
            parts.append((256 << place, f" --ct{option}port {_range(ports[place], ends[place])}"))
        parts += [(64, f" --ctstatus {_names(masks[1], _STATUS)}"), (128, f" --ctexpire {_range(low, high)}")]
        told = "".join(turned(inverted & bit) + part for bit, part in parts if wanted & bit)
        if wanted & 0x1000:
            told += f" --ctdir {'REPLY' if inverted & 0x1000 else 'ORIGINAL'}"
        return told

    return words


def _host(address: bytes, mask: bytes) -> str:
    length = prefix(mask)
    return socket.inet_ntoa(address) + ("" if length == "32" else f"/{length}")


def _ipvs(data: bytes) -> str:
    port, number, method, control, inverted, wanted = struct.unpack_from("!HBBHBB", data, 32)
    if wanted == 1:
        return f"{turned(inverted & 1)} --ipvs"
    how = {0: "MASQ", 2: "IPIP", 3: "GATE"}.get(method, UNKNOWN)
    parts = [
        (2, f" --vproto {number}"),
        (4, f" --vaddr {_host(data[:4], data[16:20])}"),
        (8, f" --vport {port}"),
        (32, f" --vmethod {how}"),
        (64, f" --vportctl {control}"),
    ]
    direction = f" --vdir {'REPLY' if inverted & 16 else 'ORIGINAL'}" if wanted & 16 else ""
    told = [turned(inverted & bit) + part if wanted & bit else "" for bit, part in parts]
    return "".join([*told[:3], direction, *told[3:]])


def _comment(data: bytes) -> str:
    return f" --comment{quoted(text(data))}"


def _multiport(data: bytes) -> str:
    kind, count, *ports, spans, inverted = struct.unpack_from("=BB15H15sB", data)
    if kind > 2 or count > 15:  # noqa: PLR2004  source, destination, either; as many as there is room for
        return UNKNOWN
    told = "".join(f"{port}{':' if spans[place] else ','}" for place, port in enumerate(ports[:count]))
    return f"{turned(inverted)} --{('sports', 'dports', 'ports')[kind]} {told[:-1]}"


def _mark(data: bytes) -> str:
    mark, mask, inverted = struct.unpack_from("=IIB", data)
    return f"{turned(inverted)} --mark 0x{mark:x}" + (f"/0x{mask:x}" if mask != 0xFFFFFFFF else "")  # noqa: PLR2004  all bits


def _set(data: bytes, sets: Sets) -> str:
    """Counters and other conditions on a set's element, behind the first four bytes, are not told."""
    index, dimensions, flags = struct.unpack_from("=HBB", data)
    ways = ",".join("src" if flags >> place & 1 else "dst" for place in range(1, min(dimensions, 6) + 1))
    return f"{turned(flags & 1)} --match-set {sets(index)} {ways}{UNKNOWN if any(data[4:]) else ''}"


def _policy(data: bytes) -> str:
    """What the elements of a policy ask for is not told."""
    flags, count = struct.unpack_from("=HH", data, 304)
    words = f" --dir {'in' if flags & 1 else 'out'} --pol {'none' if flags & 4 else 'ipsec'}"
    return words + (" --strict" if flags & 8 else "") + (UNKNOWN if any(data[: count * 76]) else "")


def _bytecode(count: int, program: bytes) -> str:
    steps: Iterable[tuple[int, ...]] = struct.iter_unpack("=HBBI", program[: count * 8])
    return f' --bytecode "{count},' + ",".join("{} {} {} {}".format(*step) for step in steps) + '"'


def _bpf_old(data: bytes) -> str:
    return _bytecode(struct.unpack_from("=H", data)[0], data[4:516])


def _bpf(data: bytes) -> str:
    mode, count = struct.unpack_from("=HH", data)
    return UNKNOWN if mode else _bytecode(count, data[8:520])


MATCHES: dict[tuple[str, int], Callable[[bytes], str]] = {
    ("tcp", 0): _tcp,
    ("udp", 0): _udp,
    ("sctp", 0): _sctp,
    ("icmp", 0): _icmp,
    ("addrtype", 0): _addrtype_old,
    ("addrtype", 1): _addrtype,
    ("conntrack", 1): _conntrack(1),
    ("conntrack", 2): _conntrack(2),
    ("conntrack", 3): _conntrack(3),
    ("ipvs", 0): _ipvs,
    ("comment", 0): _comment,
    ("multiport", 1): _multiport,
    ("mark", 1): _mark,
    ("policy", 0): _policy,
    ("bpf", 0): _bpf_old,
    ("bpf", 1): _bpf,
}
