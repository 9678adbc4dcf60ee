"""Rules as ``iptables-save`` prints them, as values: enough of its language for what an engine writes."""

from __future__ import annotations

import shlex
from typing import Any

from harness.mesh.kernel import Backend, Rule, Rules

_VALUES = {
    "-p": "protocol",
    "-s": "source",
    "-d": "destination",
    "-i": "in_interface",
    "-o": "out_interface",
    "--src-type": "src_type",
    "--dst-type": "dst_type",
    "-j": "target",
    "--to-destination": "to",
    "--to-source": "to",
    "--to-ports": "to",
}
_NUMBERS = {"--sport": "sport", "--dport": "dport"}
_PLAIN = {"tcp", "udp", "addrtype", "conntrack", "ipvs"}


def rule(table: str, text: str) -> Rule:
    """One rule; words that no field holds are in ``others``."""
    words = shlex.split(text)
    fields: dict[str, Any] = {}
    others: list[str] = []
    at, no = 2, ""
    while at < len(words):
        word, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        at += 2
        if word == "!":
            no, at = "!", at - 1
            continue
        if no and word not in _VALUES:
            others += ["!", word]
            at -= 1
        elif word in _VALUES:
            fields[_VALUES[word]] = no + value
        elif word in _NUMBERS and value.isdigit():
            fields[_NUMBERS[word]] = int(value)
        elif word == "--ctstate":
            fields["states"] = tuple(sorted(value.split(",")))
        elif word in {"--set-xmark", "--set-mark"}:
            fields["mark"] = int(value.partition("/")[0], 0)
        elif word == "--ipvs":
            fields["ipvs"], at = True, at - 1
        elif not (word == "-m" and value in _PLAIN):
            others.append(word)
            at -= 1
        no = ""
    return Rule(table, words[1], 0, others=tuple(others), text=text, **fields)


def rules(
    tables: dict[str, list[str]],
    *,
    backend: Backend = Backend.LEGACY,
    policies: dict[tuple[str, str], str] | None = None,
) -> Rules:
    """Tables of one backend; chains of the kernel's have the policy ACCEPT unless told, others have none."""
    found = tuple(rule(table, text) for table, texts in tables.items() for text in texts)
    built_in = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
    chains = {(table, chain): "ACCEPT" for table in tables for chain in built_in}
    chains |= {(one.table, one.chain): "-" for one in found if one.chain not in built_in}
    chains |= policies or {}
    return Rules(backend, found, tuple((*where, policy) for where, policy in chains.items()))
