"""What ``iptables-save`` printed, of either backend, becomes rules.

A word that is not understood stays with its rule in ``others``, so that nobody takes the rule for a wider
one. A text that does not tell whole tables is unread altogether: neither what it lists nor what it lacks
proves anything. ``iptables-nft-save`` leaves such texts: it breaks off without ``COMMIT`` at the first native
rule that it cannot print, and only a comment tells of chains that it left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, deque
from typing import Any

from harness.mesh.kernel import Backend, Rule, Rules

_CHAIN = re.compile(r":(\S+) (\S+)(?: \[[0-9]+:[0-9]+\])?")
_RULE = re.compile(r"(?:\[([0-9]{1,20}):[0-9]+\] )?(-A (\S+)(?: .*)?)")
_LEFT_OUT = re.compile(r"# Table `(.*)' (is|contains) incompatible")
_WORD = re.compile(r' +(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?= |$)')
_PORT = re.compile(r"[0-9]{1,5}")
_MARK = re.compile(r"(0x[0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9})(?:/0x[fF]{8})?")
_SHOWN = 80  # characters of a line that could not be read

_MATCHES = frozenset({"tcp", "udp", "sctp", "addrtype", "conntrack", "state", "ipvs", "comment"})
_VALUES = {
    "-p": "protocol",
    "-s": "source",
    "-d": "destination",
    "-i": "in_interface",
    "-o": "out_interface",
    "--src-type": "src_type",
    "--dst-type": "dst_type",
}
_PORTS = {"--sport": "sport", "--dport": "dport"}
_STATES = frozenset({"--ctstate", "--state"})
_TO = {"DNAT": "--to-destination", "SNAT": "--to-source", "REDIRECT": "--to-ports"}
_SET_MARK = frozenset({"--set-mark", "--set-xmark"})
# Options that change neither what a rule matches nor where it leads to, with the number of their arguments.
_IRRELEVANT = {
    "--comment": 1,
    "--reject-with": 1,
    "--log-prefix": 1,
    "--log-level": 1,
    "--random": 0,
    "--random-fully": 0,
    "--persistent": 0,
}


def read_rules(backend: Backend, text: str) -> Rules | None:
    """The rules of a namespace's tables as ``iptables-save`` printed them, with or without ``-c``.

    Returns:
        None where there is no table. Never raises: a text that does not tell whole tables is ``unread``.
    """
    text_of = _Text()
    for number, line in enumerate(text.split("\n"), start=1):
        text_of.take(number, line.strip())
    why = text_of.unread()
    if why:
        return Rules(backend, unread=why)
    if not text_of.tables:
        return None
    return Rules(backend, tuple(text_of.rules), tuple(text_of.policies))


@dataclasses.dataclass
class _Text:
    """A text while it is read, line by line."""

    table: str = ""
    tables: set[str] = dataclasses.field(default_factory=set)
    policies: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    rules: list[Rule] = dataclasses.field(default_factory=list)
    places: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    broken: list[str] = dataclasses.field(default_factory=list)
    garbage: list[str] = dataclasses.field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        """Read one line; whatever does not belong where it stands is garbage."""
        if not line or line.startswith("#"):
            self._comment(line)
        elif line.startswith("*"):
            self._begin(line[1:])
        elif line == "COMMIT" and self.table:
            self.table = ""
        elif not (self.table and (self._chain(line) or self._rule(line))):
            self.garbage.append(f"line {number}: {line[:_SHOWN]!r}")

    def unread(self) -> str:
        """Why the text tells nothing; empty if it is whole."""
        reasons = list(self.broken)
        if self.table:
            reasons.append(f"table {self.table} has no COMMIT")
        if self.garbage:
            lines = "1 line is" if len(self.garbage) == 1 else f"{len(self.garbage)} lines are"
            reasons.append(f"{lines} not as iptables-save prints them, {self.garbage[0]}")
        return "; ".join(reasons)

    def _comment(self, line: str) -> None:
        found = _LEFT_OUT.match(line)
        if found:
            self.broken.append(f"table {found[1][:_SHOWN]} holds chains that only nft can list")

    def _begin(self, table: str) -> None:
        if self.table:
            self.broken.append(f"table {self.table} has no COMMIT")
        if table in self.tables:  # two readings in one text would double every rule
            self.broken.append(f"table {table} is there twice")
        self.table = table
        self.tables.add(table)

    def _chain(self, line: str) -> bool:
        found = _CHAIN.fullmatch(line)
        if found:
            self.policies.append((self.table, found[1], found[2]))
            self.places[self.table, found[1]] = 0
        return bool(found)

    def _rule(self, line: str) -> bool:
        found = _RULE.fullmatch(line)
        if not found or (self.table, found[3]) not in self.places:
            return False
        words = _words(found[2][len("-A ") + len(found[3]) :])
        if words is None:
            return False
        place = self.places[self.table, found[3]]
        self.places[self.table, found[3]] += 1
        self.rules.append(
            Rule(self.table, found[3], place, packets=int(found[1] or 0), text=found[2], **_understand(words))
        )
        return True


def _words(text: str) -> list[str] | None:
    """The words of a rule, without quotes; None if a quote is left open."""
    words = []
    at = 0
    while at < len(text):
        found = _WORD.match(text, at)
        if not found:
            return None
        words.append(found[2] if found[1] is None else re.sub(r"\\(.)", r"\1", found[1]))
        at = found.end()
    return words


def _understand(words: list[str]) -> dict[str, Any]:
    """Fields of a rule from its words."""
    told: dict[str, Any] = {}
    others: list[str] = []
    left = deque(words)
    while left:
        negated = left[0] == "!" and len(left) > 1
        if negated:
            left.popleft()
        option = left.popleft()
        taken = _take(told, option, left[0] if left else None, negated=negated)
        if taken is None:
            others += ["!", option] if negated else [option]
        elif taken:
            left.popleft()
    return told | {"others": tuple(others)}


def _take(told: dict[str, Any], option: str, value: str | None, *, negated: bool) -> int | None:
    """Understand an option: how many arguments were its own, or None if it was not understood.

    A field that the rule has already stays as it is: a second condition makes the rule narrower, not another.
    """
    if negated:
        field = _VALUES.get(option, "")
        return _keep(told, field, f"!{value}") if field and value is not None else None
    if option == "--ipvs":
        return 0 if _keep(told, "ipvs", True) else None
    if option in _IRRELEVANT and (value is not None or not _IRRELEVANT[option]):
        return _IRRELEVANT[option]
    if value is None:
        return None
    if option == "-m" and value in _MATCHES:
        return 1
    field, meant = _meaning(option, value, str(told.get("target", "")))
    return _keep(told, field, meant) if field else None


def _keep(told: dict[str, Any], field: str, value: object) -> int | None:
    if field in told:
        return None
    told[field] = value
    return 1


def _meaning(option: str, value: str, target: str) -> tuple[str, object]:
    """The field that an option fills, and with what; an empty field if it fills none."""
    found: tuple[str, object] = ("", None)
    if option in _VALUES:
        found = _VALUES[option], value
    elif option in _PORTS and _PORT.fullmatch(value):
        found = _PORTS[option], int(value)
    elif option in _STATES:
        found = "states", tuple(sorted(value.split(",")))
    elif option in {"-j", "-g"}:
        found = "target", value
    elif option == _TO.get(target):
        found = "to", value
    elif target == "MARK" and option in _SET_MARK:
        mark = _MARK.fullmatch(value)  # a narrower mask keeps bits of the mark that was there: no plain value
        found = ("mark", int(mark[1], 0)) if mark else found
    return found
