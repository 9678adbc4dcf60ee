"""Where a packet ends that goes through the chains of a table: walked rule by rule, as the kernel does.

Rules that were not fully understood match perhaps: a drop of theirs is not blamed, an acceptance of theirs
makes a later drop *unsure*.
"""

from __future__ import annotations

import dataclasses
import enum
import fnmatch
import ipaddress

from harness.mesh.kernel import Rule, Rules
from harness.mesh.matches import restricts

_DEEP = 30  # jumps within jumps that no real table has
_DROPS = frozenset({"DROP", "REJECT"})
_ENDS = frozenset({"ACCEPT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT"})
_GOES_ON = frozenset({"", "LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "CT", "NOTRACK", "CHECKSUM", "TRACE"})


class Fate(enum.StrEnum):
    """How a walk ends."""

    PASS = "pass"  # noqa: S105  what happens to a packet
    DROP = "drop"
    UNSURE = "unsure"


@dataclasses.dataclass(frozen=True)
class Packet:
    """What rules look at; empty fields match only rules that do not ask for them.

    Attributes:
        local: whether its destination is an address of the node (``--dst-type LOCAL``); ``own``: its source.
        asked_port: destination port before it was translated (``--ctorigdstport``).
        length: bytes of the IP packet.
    """

    protocol: str
    source: str
    destination: str
    dport: int
    sport: int = 40000
    in_interface: str = ""
    out_interface: str = ""
    state: str = "NEW"
    local: bool = False
    own: bool = False
    asked_port: int = 0
    length: int = 100


@dataclasses.dataclass(frozen=True)
class Passage:
    """How a walk ended, and what ended it: a rule, or the policy of the chain (then ``rule`` is None)."""

    fate: Fate
    rule: Rule | None = None
    culprit: str = ""


def walk(rules: Rules, table: str, chain: str, packet: Packet) -> Passage:
    """Send a packet through a built-in chain; without such a table or chain it passes."""
    ended, perhaps = _chain(rules, table, chain, packet, 0)
    if ended is None:
        policy = next((how for t, c, how in rules.policies if (t, c) == (table, chain)), "ACCEPT")
        ended = Passage(Fate.DROP if policy == "DROP" else Fate.PASS, None, f"-P {chain} {policy}")
    if ended.fate is Fate.DROP and perhaps is not None:
        return Passage(Fate.UNSURE, perhaps, perhaps.text)
    return ended


def met(rules: Rules, table: str, chain: str, packet: Packet) -> list[tuple[Rule, bool]]:
    """The rules that a packet meets and goes on from, such as NOTRACK; and whether it surely meets each."""
    found: list[tuple[Rule, bool]] = []
    _met(rules, table, chain, packet, found, sure=True, depth=0)
    return found


def _met(  # the walk, and where it stands
    rules: Rules,
    table: str,
    chain: str,
    packet: Packet,
    found: list[tuple[Rule, bool]],
    *,
    sure: bool,
    depth: int,
) -> bool | None:
    """Walk one chain; whether the packet goes no further than that (None: perhaps)."""
    perhaps = False
    for rule in rules.chain(table, chain) if depth < _DEEP else ():
        match = matches(rule, packet)
        if match is False:
            continue
        here = sure and match is True and not perhaps
        if rule.target in _GOES_ON:
            found.append((rule, here))
            continue
        if rule.target == "RETURN":
            if match:
                return None if perhaps else False
            perhaps = True
            continue
        ended: bool | None = rule.target in _DROPS | _ENDS or _met(
            rules, table, rule.target, packet, found, sure=here, depth=depth + 1
        )
        if ended and match:
            return True
        perhaps = perhaps or ended is not False
    return None if perhaps else False


def _chain(
    rules: Rules, table: str, chain: str, packet: Packet, depth: int
) -> tuple[Passage | None, Rule | None]:
    """How the walk ends in this chain (None: it returns), and a rule that perhaps accepted before."""
    perhaps: Rule | None = None
    for rule in rules.chain(table, chain) if depth < _DEEP else ():
        match = matches(rule, packet)
        if match is False or rule.target in _GOES_ON:
            continue
        if rule.target == "RETURN":
            if match:
                return None, perhaps
            perhaps = perhaps or rule
            continue
        if rule.target in _DROPS | _ENDS:
            ended: Passage | None = _end(rule)
        else:
            ended, inner = _chain(rules, table, rule.target, packet, depth + 1)
            perhaps = perhaps or inner
        if ended is None:
            continue
        if match:
            return ended, perhaps
        if ended.fate is not Fate.DROP:
            perhaps = perhaps or rule
    return None, perhaps


def _end(rule: Rule) -> Passage:
    return Passage(Fate.DROP if rule.target in _DROPS else Fate.PASS, rule, rule.text)


def matches(rule: Rule, packet: Packet) -> bool | None:
    """Whether a rule matches a packet; None if it cannot be told."""
    plain = (
        _same(rule.protocol, packet.protocol)
        and _within(rule.source, packet.source)
        and _within(rule.destination, packet.destination)
        and _device(rule.in_interface, packet.in_interface)
        and _device(rule.out_interface, packet.out_interface)
        and rule.sport in {None, packet.sport}
        and rule.dport in {None, packet.dport}
        and _kind(rule.dst_type, packet.local)
        and _kind(rule.src_type, packet.own)
        and (not rule.states or packet.state in rule.states)
        and not rule.ipvs
    )
    if not plain:
        return False
    return restricts(
        rule.others,
        protocol=packet.protocol,
        sport=packet.sport,
        dport=packet.dport,
        asked_port=packet.asked_port,
        state=packet.state,
        length=packet.length,
    )


def _split(asked: str) -> tuple[bool, str]:
    return asked.startswith("!"), asked.lstrip("! ")


def _same(asked: str, protocol: str) -> bool:
    no, word = _split(asked)
    return word in {"", "all", "0"} or (word in {protocol, _NUMBERS.get(protocol, "")}) != no


_NUMBERS = {"tcp": "6", "udp": "17", "sctp": "132", "esp": "50"}


def _within(asked: str, address: str) -> bool:
    no, word = _split(asked)
    if not word:
        return True
    if not address:
        return False
    return (ipaddress.ip_address(address) in ipaddress.ip_network(word, strict=False)) != no


def _device(asked: str, device: str) -> bool:
    no, word = _split(asked)
    if not word:
        return True
    pattern = word[:-1] + "*" if word.endswith("+") else word
    return fnmatch.fnmatchcase(device, pattern) != no


def _kind(asked: str, local: bool) -> bool:
    no, word = _split(asked)
    return not word or ((word == "LOCAL") == local) != no
