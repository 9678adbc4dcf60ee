"""Legacy iptables tables as text: what ``iptables-legacy-save -c`` prints of the kernel's bytes.

Chains are found as ``libiptc`` finds them: one begins where a hook points, and behind each ERROR target.
"""

from __future__ import annotations

import struct

from harness.inside.scripts import xtmatch, xtwords
from harness.inside.scripts.xtables import Table, set_name

_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")


class Chain:
    """A chain: ``rules`` are (offset, bytes) in order, ``start`` the offset of the first of them.

    The last rule is the policy of a chain that belongs to a hook, and the way back of any other.
    """

    def __init__(self, name: str, start: int, *, own: bool) -> None:
        self.name = name
        self.start = start
        self.own = own
        self.rules: list[tuple[int, bytes]] = []


def chains(table: Table) -> list[Chain]:
    """The chains in the order of ``iptables-save``: those of the hooks, then the others by name.

    Raises:
        ValueError: the bytes are not what the kernel's header files say.
    """
    found: list[Chain] = []
    at = 0
    blob = table.blob
    while at < len(blob):
        entry = _entry(blob, at)
        following = at + len(entry)
        target = struct.unpack_from("=H", entry, 88)[0]
        if following == len(blob):
            break  # the last one only ends the table
        if entry[target + 2 : target + 31].split(b"\0")[0] == b"ERROR":
            found.append(Chain(xtwords.text(entry[target + xtwords.WRAP :]), following, own=True))
        else:
            if at in table.hooks:
                found.append(Chain(_HOOKS[table.hooks.index(at)], at, own=False))
            if not found:
                raise ValueError(f"the rule at {at} is malformed: it is in no chain")
            found[-1].rules.append((at, entry))
        at = following
    if not all(chain.rules for chain in found):
        raise ValueError("the table is malformed: a chain has no end")
    own = sorted((chain for chain in found if chain.own), key=lambda chain: chain.name.encode())
    return [chain for chain in found if not chain.own] + own


def _entry(blob: bytes, at: int) -> bytes:
    """The struct ipt_entry at an offset, with its matches and its target.

    Raises:
        ValueError: it does not fit.
    """
    if at + xtwords.ENTRY > len(blob):
        raise ValueError(f"the rule at {at} is malformed")
    target, following = struct.unpack_from("=HH", blob, at + 88)
    if not xtwords.ENTRY <= target <= following - xtwords.WRAP or at + following > len(blob):
        raise ValueError(f"the rule at {at} is malformed")
    return blob[at : at + following]


def save(table: Table, sets: xtmatch.Sets = set_name) -> str:
    """The table as ``iptables-legacy-save -c`` prints it, without its two lines about the time.

    Raises:
        ValueError: the bytes are not what the kernel's header files say.
    """
    try:
        found = chains(table)
        starts = {chain.start: chain.name for chain in found if chain.own}
        lines = [f"*{table.name}", *map(_heading, found)]
        lines += [
            f"[{_counters(entry)}] -A {chain.name}{_words(entry, at, starts, sets)}"
            for chain in found
            for at, entry in chain.rules[:-1]
        ]
    except struct.error as error:
        raise ValueError(f"the table {table.name} is malformed: {error}") from error
    return "\n".join([*lines, "COMMIT", ""])


def _heading(chain: Chain) -> str:
    if chain.own:
        return f":{chain.name} - [0:0]"
    entry = chain.rules[-1][1]
    verdict = struct.unpack_from("=i", _target(entry)[1])[0]
    return f":{chain.name} {xtwords.VERDICTS.get(verdict, '?')} [{_counters(entry)}]"


def _counters(entry: bytes) -> str:
    return "{}:{}".format(*struct.unpack_from("=QQ", entry, 96))


def _target(entry: bytes) -> tuple[str, bytes, int]:
    """Name, data and revision of a rule's target."""
    start = struct.unpack_from("=H", entry, 88)[0]
    size, name, revision = struct.unpack_from("=H29sB", entry, start)
    return xtwords.text(name), entry[start + xtwords.WRAP : start + max(size, xtwords.WRAP)], revision


def _words(entry: bytes, at: int, starts: dict[int, str], sets: xtmatch.Sets) -> str:
    """A rule behind its chain's name."""
    name, data, revision = _target(entry)
    matches = entry[xtwords.ENTRY : struct.unpack_from("=H", entry, 88)[0]]
    words = xtwords.conditions(entry) + xtmatch.matches(matches, sets)
    if name:
        return words + xtwords.jumps(entry) + xtwords.target(name, revision, data)
    verdict = struct.unpack_from("=i", data)[0]
    if verdict == at + len(entry):
        return words  # it only counts
    where = starts.get(verdict) if verdict >= 0 else xtwords.VERDICTS.get(verdict)
    return words + xtwords.jumps(entry) + (where or f"{verdict}{xtwords.UNKNOWN}")
