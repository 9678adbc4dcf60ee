"""From the ways between nodes that are bad to the fewest causes that explain them: a node, or a pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Set as AbstractSet

from harness.judge.words import listed

Way = tuple[str, str]  # from node, to node
_LEAST = 2  # peers with whom a node must be in trouble for it to be the node's trouble


@dataclasses.dataclass(frozen=True)
class Cause:
    """One thing that is wrong.

    Attributes:
        node: where; of a pair the one at which nothing arrives; empty: everywhere.
        peer: the other node of a pair; empty: all of them.
        direction: ``to`` the node, ``from`` it, or ``both``.
        ways: that it explains.
    """

    node: str
    peer: str
    direction: str
    ways: frozenset[Way]

    @property
    def words(self) -> str:
        """``swarm-worker2 -> swarm-worker1``, ``all nodes -> swarm-worker1``."""
        if not self.node:
            return "every node <-> every other"
        arrow = {"to": "->", "from": "<-", "both": "<->"}[self.direction]
        return f"{self.peer or 'all nodes'} {arrow} {self.node}"


def explain(bad: AbstractSet[Way], judged: AbstractSet[Way]) -> tuple[Cause, ...]:
    """The fewest causes of the bad ways, the widest first.

    Args:
        bad: ways on which something is wrong.
        judged: all ways of which something is known, the bad ones among them.
    """
    nodes = sorted({node for way in judged for node in way})
    left = frozenset(bad)
    if left and left == frozenset(judged) and len(nodes) > _LEAST:
        return (Cause("", "", "both", left),)
    causes: list[Cause] = []
    while left:
        cause = max(
            (one for node in nodes for one in _of_node(node, frozenset(bad), judged)),
            key=lambda one: (len(one.ways & left), one.direction == "to", one.node),
            default=None,
        )
        if cause is None or len(cause.ways & left) < _LEAST:
            break
        causes.append(cause)
        left -= cause.ways
    return (*causes, *_pairs(left))


def _of_node(node: str, bad: frozenset[Way], judged: AbstractSet[Way]) -> list[Cause]:
    to = frozenset(way for way in judged if way[1] == node)
    out = frozenset(way for way in judged if way[0] == node)
    dead = {
        direction: ways
        for direction, ways in (("to", to), ("from", out))
        if len(ways) >= _LEAST and ways <= bad
    }
    found = [Cause(node, "", direction, ways) for direction, ways in dead.items()]
    if len(dead) == len({"to", "from"}):
        found = [Cause(node, "", "both", to | out)]
    return found


def _pairs(left: frozenset[Way]) -> tuple[Cause, ...]:
    found = []
    for source, target in sorted(left):
        back = (target, source)
        if back not in left:
            found.append(Cause(target, source, "to", frozenset({(source, target)})))
        elif source < target:
            found.append(Cause(target, source, "both", frozenset({(source, target), back})))
    return tuple(found)


def named(causes: tuple[Cause, ...]) -> str:
    """The causes in one line."""
    return listed([cause.words for cause in causes])
