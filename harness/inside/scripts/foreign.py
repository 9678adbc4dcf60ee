"""What a table of nf_tables that is not one of iptables' may do to packets: where it hooks in, if it drops.

Told by netlink (``linux/netfilter/nf_tables.h``): an image need hold no ``nft``. Conditions are not read, so
what is told is that a table may drop, never that it does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from harness.inside.scripts import netlink
from harness.inside.scripts.nft import FAMILIES, GENERAL, NETFILTER, SUBSYSTEM

_NEW_CHAIN, _GET_CHAIN, _NEW_RULE, _GET_RULE = (SUBSYSTEM | kind for kind in (3, 4, 6, 7))
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_OF_DEVICES = ("ingress", "egress")  # hooks of the family netdev
_DROP = 0  # NF_DROP
_CHAIN_TABLE, _CHAIN_HOOK, _CHAIN_POLICY = 1, 4, 5  # NFTA_CHAIN_...
_HOOK_NUMBER = 1  # NFTA_HOOK_HOOKNUM
_RULE_TABLE, _RULE_EXPRESSIONS = 1, 4  # NFTA_RULE_...
_EXPRESSION_NAME, _EXPRESSION_DATA = 1, 2  # NFTA_EXPR_...
_IMMEDIATE_DATA = 2  # NFTA_IMMEDIATE_DATA
_VERDICT, _VERDICT_CODE = 2, 1  # NFTA_DATA_VERDICT, NFTA_VERDICT_CODE
_LOOKUP_TARGET, _REGISTER_OF_VERDICTS = 3, 0  # NFTA_LOOKUP_DREG, NFT_REG_VERDICT: a map of verdicts


def told(family: str, name: str) -> str:
    """A line about a table: ``hooks input, forward; may drop`` or ``hooks none; drops nothing``.

    Raises:
        OSError: not permitted, or the kernel does not answer.
        ValueError: its answer cannot be read.
    """
    number = next((key for key, word in FAMILIES.items() if word == family), 0)
    head = struct.pack("=BBH", number, 0, 0)
    table = name.encode() + b"\0"
    rules = netlink.dump(NETFILTER, _GET_RULE, head + netlink.attribute(_RULE_TABLE, table))
    return summed(number, table, netlink.dump(NETFILTER, _GET_CHAIN, head), rules)


def summed(family: int, table: bytes, chains: list[netlink.Message], rules: list[netlink.Message]) -> str:
    """The line about a table, of the kernel's answers to both questions.

    Raises:
        ValueError: they cannot be read.
    """
    try:
        hooks = dict(_hooks(family, table, chains))
        drops = any(policy == _DROP for policy in hooks.values()) or any(
            _drops(body[GENERAL:])
            for kind, body in rules
            if kind == _NEW_RULE and _is_of(family, table, body, _RULE_TABLE)
        )
    except struct.error as error:
        raise ValueError(f"a chain or rule is malformed: {error}") from error
    words = ", ".join(name for name in (*_HOOKS, "egress", "?") if name in hooks) or "none"
    return f"hooks {words}; {'may drop' if hooks and drops else 'drops nothing'}"


def _is_of(family: int, table: bytes, body: bytes, kind: int) -> bool:
    return body[:1] == bytes([family]) and dict(netlink.attributes(body[GENERAL:])).get(kind) == table


def _hooks(family: int, table: bytes, chains: list[netlink.Message]) -> Iterator[tuple[str, int]]:
    """Where the table's chains hook in, each with the strictest policy there."""
    names = _OF_DEVICES if FAMILIES.get(family) == "netdev" else _HOOKS
    found: dict[str, int] = {}
    for kind, body in chains:
        if kind != _NEW_CHAIN or not _is_of(family, table, body, _CHAIN_TABLE):
            continue
        parts = dict(netlink.attributes(body[GENERAL:]))
        if _CHAIN_HOOK not in parts:
            continue
        number = _number(dict(netlink.attributes(parts[_CHAIN_HOOK])).get(_HOOK_NUMBER, b""))
        name = names[number] if number < len(names) else "?"
        policy = _number(parts[_CHAIN_POLICY]) if _CHAIN_POLICY in parts else 1
        found[name] = min(policy, found.get(name, policy))
    return iter(found.items())


def _drops(rule: bytes) -> bool:
    """Whether a rule may end a packet: by a verdict, by a rejection, or by a map that holds verdicts."""
    for _, element in netlink.attributes(dict(netlink.attributes(rule)).get(_RULE_EXPRESSIONS, b"")):
        parts = dict(netlink.attributes(element))
        name = parts.get(_EXPRESSION_NAME, b"").rstrip(b"\0")
        data = dict(netlink.attributes(parts.get(_EXPRESSION_DATA, b"")))
        if name == b"reject":
            return True
        if name == b"immediate":
            verdict = dict(netlink.attributes(data.get(_IMMEDIATE_DATA, b""))).get(_VERDICT)
            code = dict(netlink.attributes(verdict or b"")).get(_VERDICT_CODE)
            if code is not None and _number(code) == _DROP:
                return True
        target = data.get(_LOOKUP_TARGET) if name == b"lookup" else None
        if target is not None and _number(target) == _REGISTER_OF_VERDICTS:
            return True
    return False


def _number(payload: bytes) -> int:
    """A number in network byte order."""
    return int(struct.unpack_from("!I", payload)[0])
