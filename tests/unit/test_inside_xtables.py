"""Legacy tables as the kernel keeps them, read as ``iptables-legacy-save -c`` prints them.

``tests/data/legacy_tables.json`` holds what iptables-legacy 1.8.9 made of rules. Those ``from`` the
``kernel`` were read back from Linux 6.18, those from the ``tool`` were caught on their way to a kernel
without ``xt_ipvs``. Names that begin with ``lab`` are tables of a lab's node; the text is the tool's own.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import socket
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inside.scripts import tables, xtmatch, xtsave, xtwords
from harness.inside.scripts.xtables import Table

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "legacy_tables.json").read_text()
)
PARTLY = "rules with unknown parts"


def _table(row: dict[str, Any]) -> Table:
    return Table(row["table"], row["hooks"], zlib.decompress(base64.b64decode(row["blob"])))


def _save(table: Table) -> str:
    return xtsave.save(table, lambda index: "docker-ext-bridges-v4" if index == 0 else f"#{index}")


def _title(row: dict[str, Any]) -> str:
    return f"{row['name']} in {row['table']}"


@pytest.mark.parametrize("row", [row for row in ROWS if row["name"] != PARTLY], ids=_title)
def test_a_table_reads_as_the_tool_prints_it(row: dict[str, Any]) -> None:
    """Every chain, policy, counter, match and target, to the letter."""
    assert _save(_table(row)).splitlines() == row["text"].splitlines()


@pytest.mark.parametrize("row", [row for row in ROWS if row["name"] == PARTLY], ids=_title)
def test_what_is_not_known_is_named_and_marked(row: dict[str, Any]) -> None:
    """No rule is dropped, none looks simpler than it is, and its matches and its target are still named."""
    names = re.compile(r" -([mjg]) (\S+)")
    for ours, tools in zip(_save(_table(row)).splitlines(), row["text"].splitlines(), strict=True):
        if ours != tools:
            assert "[unknown]" in ours
            assert names.findall(ours) == [
                (letter, "CT" if name == "NOTRACK" else name) for letter, name in names.findall(tools)
            ]


def test_marks_of_a_lab_node_are_found_in_what_is_read() -> None:
    """The marks that lead to IPVS services, by published port and by VIP."""
    (row,) = (row for row in ROWS if (row["name"], row["table"]) == ("lab ingress_sbox", "mangle"))

    assert tables.parse_rules(_save(_table(row))) == [
        ["port", "8080", 0x121],
        ["port", "8081", 0x122],
        ["vip", "10.0.0.85", 0x121],
        ["vip", "10.0.0.92", 0x122],
    ]


def entry(
    target: bytes,
    *matches: bytes,
    source: str = "0.0.0.0/0",
    into: tuple[bytes, bytes] = (b"", b""),
    flags: tuple[int, int, int] = (0, 0, 0),
    counters: tuple[int, int] = (0, 0),
) -> bytes:
    """A struct ipt_entry; ``into`` is an interface and its mask, ``flags`` protocol, flags, inversions."""
    address, _, length = source.partition("/")
    mask = struct.pack("!I", 0xFFFFFFFF << 32 - int(length) & 0xFFFFFFFF)
    head = socket.inet_aton(address) + bytes(4) + mask + bytes(4)
    head += struct.pack("=16s16x16s16xHBB", into[0], into[1], *flags)
    body = b"".join(matches)
    at = 112 + len(body)
    return head + struct.pack("=IHHIQQ", 0, at, at + len(target), 0, *counters) + body + target


def wrap(name: bytes, data: bytes = b"", revision: int = 0) -> bytes:
    """A struct xt_entry_match or xt_entry_target with its data, aligned."""
    data += bytes(-len(data) % 8)
    return struct.pack("=H29sB", 32 + len(data), name, revision) + data


def verdict(number: int) -> bytes:
    """A standard target."""
    return wrap(b"", struct.pack("=i", number))


ACCEPT, DROP, RETURN = verdict(-2), verdict(-1), verdict(-5)
END = entry(wrap(b"ERROR", struct.pack("=30s", b"ERROR")))


def head(name: bytes) -> bytes:
    """How a chain of one's own begins."""
    return entry(wrap(b"ERROR", struct.pack("=30s", name)))


def table(*rules: bytes, name: str = "filter") -> Table:
    """A table whose INPUT holds ``rules`` and then accepts, and which has a chain ``own`` that returns."""
    chain = b"".join(rules) + entry(ACCEPT, counters=(3, 180))
    return Table(name, [-1, 0, -1, -1, -1], chain + head(b"own") + entry(RETURN) + END)


def words(*rules: bytes) -> list[str]:
    """The rules of INPUT as words, without its name."""
    lines = _save(table(*rules)).splitlines()
    return [line.partition(" -A INPUT")[2].strip() for line in lines if " -A INPUT" in line]


def test_chains_begin_where_hooks_point_and_behind_error_targets() -> None:
    """The policy is the last rule of a hook's chain; chains of one's own are sorted by name."""
    rules = [entry(DROP, counters=(1, 2)), entry(ACCEPT, counters=(5, 6))]
    chains = [head(b"zeta"), entry(DROP), entry(RETURN), head(b"Alpha"), entry(RETURN)]

    assert _save(Table("filter", [-1, 0, -1, -1, -1], b"".join([*rules, *chains, END]))).splitlines() == [
        "*filter",
        ":INPUT ACCEPT [5:6]",
        ":Alpha - [0:0]",
        ":zeta - [0:0]",
        "[1:2] -A INPUT -j DROP",
        "[0:0] -A zeta -j DROP",
        "COMMIT",
    ]


def test_jumps_name_the_chain_that_they_lead_to() -> None:
    """By the offset of its first rule; a goto by its flag; one that leads nowhere is marked."""
    size = len(entry(ACCEPT))
    own = 4 * size + len(head(b"own"))

    assert words(entry(verdict(own)), entry(verdict(own), flags=(0, 2, 0)), entry(verdict(7))) == [
        "-j own",
        "-g own",
        "-j 7 [unknown]",
    ]


def test_a_rule_may_have_no_target() -> None:
    """It only counts: its verdict leads to the rule behind it."""
    assert words(entry(verdict(len(entry(ACCEPT))), source="10.0.0.0/8")) == ["-s 10.0.0.0/8"]


def test_interfaces_may_be_named_by_their_beginning() -> None:
    """The mask ends before the name's own NUL then; an inverted condition is no other one."""
    whole, begin = (b"eth0", b"\xff" * 5), (b"veth", b"\xff" * 4)

    assert words(entry(DROP, into=whole, flags=(0, 0, 1)), entry(DROP, into=begin)) == [
        "! -i eth0 -j DROP",
        "-i veth+ -j DROP",
    ]


def test_old_revisions_are_read_too() -> None:
    """Of engines and tools that are older than the recorded ones."""
    conntrack = struct.pack("=128xIIHHHHHHHBB", 0, 0, 0, 0, 0x5000, 0, 0, 0x201, 1, 2, 0)
    matches = [
        wrap(b"addrtype", struct.pack("=HHII", 0, 4, 0, 1)),
        wrap(b"conntrack", conntrack, 1),
        wrap(b"conntrack", struct.pack("=146xHHHH", 1, 0, 10, 0), 2),
    ]
    nat = struct.pack("=I4s12x4s12x", 3, b"\n\0\0\5", b"\n\0\0\5") + struct.pack("!HH", 80, 80)

    assert words(*(entry(ACCEPT, match) for match in matches), entry(wrap(b"DNAT", nat, 1))) == [
        "-m addrtype ! --dst-type LOCAL -j ACCEPT",
        "-m conntrack ! --ctstate ESTABLISHED --ctorigdstport 80 -j ACCEPT",
        "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        "-j DNAT --to-destination 10.0.0.5:80",
    ]


def test_what_nobody_knows_keeps_its_place() -> None:
    """An unknown match stands among the known ones, an unknown target behind them; TRACE takes no options."""
    udp = wrap(b"udp", struct.pack("=4HB", 0, 65535, 53, 53, 0))

    assert words(entry(wrap(b"BREW", b"tea"), udp, wrap(b"moon", b"x" * 8)), entry(wrap(b"TRACE"))) == [
        "-m udp --dport 53 -m moon [unknown] -j BREW [unknown]",
        "-j TRACE",
    ]


def test_a_comment_cannot_look_like_a_rule() -> None:
    """Line ends and other unprintable characters do not reach the text."""
    evil = wrap(b"comment", b"x\n[0:0] -A INPUT -j DROP".ljust(256, b"\0"))

    assert words(entry(ACCEPT, evil)) == ['-m comment --comment "x?[0:0] -A INPUT -j DROP" -j ACCEPT']


@functools.cache
def _all() -> list[Table]:
    return [_table(row) for row in ROWS] + [table(entry(DROP))]


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_mangled_table_is_an_error_and_no_crash(data: st.DataObject) -> None:
    """Bytes changed or cut off anywhere give a text of whole lines or a ValueError, and it always ends."""
    whole = data.draw(st.sampled_from(_all()))
    blob = bytearray(whole.blob)
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(blob)) | st.just(len(blob)))
    hooks = data.draw(st.just(whole.hooks) | st.lists(st.integers(-1, 2**32 - 1), min_size=5, max_size=5))

    try:
        text = _save(Table(whole.name, hooks, bytes(blob[:cut])))
    except ValueError as error:
        assert "malformed" in str(error)  # noqa: PT017  either way is right
    else:
        assert all(re.match(r"[*:]|\[\d+:\d+\] -A |COMMIT$", line) for line in text.splitlines())


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(xtmatch.MATCHES)), st.binary(max_size=60) | st.binary(max_size=600))
def test_no_data_of_a_match_crashes(known: tuple[str, int], data: bytes) -> None:
    """Whatever stands behind a match's name, it is words or a ValueError."""
    name, revision = known
    raw = wrap(name.encode(), data, revision)

    try:
        text = _save(table(entry(ACCEPT, raw)))
    except ValueError as error:
        assert "malformed" in str(error)  # noqa: PT017  either way is right
    else:
        assert f" -m {name}" in text or name == "conntrack"


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(xtwords.TARGETS)), st.binary(max_size=80))
def test_no_data_of_a_target_crashes(known: tuple[str, int], data: bytes) -> None:
    """Whatever stands behind a target's name, it is words or a ValueError."""
    name, revision = known

    try:
        text = _save(table(entry(wrap(name.encode(), data, revision))))
    except ValueError as error:
        assert "malformed" in str(error)  # noqa: PT017  either way is right
    else:
        assert f" -j {name}" in text
