"""Which of a namespace's tables are the engine's, and what else is there."""

from __future__ import annotations

import re

from harness.mesh.findings import Notes, unread
from harness.mesh.kernel import Backend, Kind, Namespace, Rules

_ENGINE = re.compile(r"DOCKER(-|_|$)")


def engines(space: Namespace, rules: Rules) -> bool:
    """Whether a backend holds rules or chains that only an engine makes; in a sandbox nobody else marks."""
    chains = {rule.chain for rule in rules.rules} | {chain for _, chain, _ in rules.policies}
    marked = any(rule.ipvs or rule.mark is not None or rule.target == "REDIRECT" for rule in rules.rules)
    return any(_ENGINE.match(chain) for chain in chains) or (marked and space.kind is not Kind.HOST)


def read(space: Namespace) -> tuple[Rules, ...]:
    """The backends that were read, the engine's first."""
    return tuple(
        sorted((one for one in space.rules if not one.unread), key=lambda one: not engines(space, one))
    )


def held(space: Namespace, notes: Notes) -> Rules | None:
    """The rules to be judged; None if they may be where nobody could read; what was not read is told.

    An engine's rules that were found stand for themselves, even if the other backend could not be read.
    """
    for rules in space.rules:
        if rules.unread:
            notes.unknown(space, f"its {rules.backend} rules could not be read: {rules.unread}")
    found = read(space)
    if found and engines(space, found[0]):
        return found[0]
    if any(rules.unread for rules in space.rules):
        return None
    why = unread(space, "rules")
    if why:
        notes.unknown(space, f"its rules could not be read: {why}")
        return None
    return found[0] if found else Rules(Backend.LEGACY)
