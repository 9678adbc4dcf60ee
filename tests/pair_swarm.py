"""A healthy swarm seen pair by pair, and functions that take something from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection

from harness.evidence import (
    NameSpan,
    NameView,
    NameWatch,
    OverlayMesh,
    Pair,
    PayloadSizes,
    SizeTry,
    Vantage,
    Vantages,
    Way,
)

M, W1, W2 = NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
STEPS = (1, 600, 1000, 1200, 1300, 1500, 8192, 1 << 20)
TASKS = tuple((f"10.0.1.{10 + i}", f"task{i}", NODES[i % 3]) for i in range(6))
OWN = {node: f"10.0.1.{100 + i}" for i, node in enumerate(NODES)}
WAYS = frozenset((a, b) for a in NODES for b in NODES if a != b)
Lost = Callable[[Pair], str]  # the state of a pair; empty: as it is


def mesh(lost: Lost = lambda _: "", deaf: Collection[tuple[str, str]] = ()) -> OverlayMesh:
    """Three nodes, six tasks, every pair open; a way that is deaf carries nothing, so no answer either.

    Args:
        lost: gives the state of pairs that differ.
        deaf: ways on which nothing arrives.
    """
    pairs = [
        Pair(source, node, address, task, protocol, "open")
        for source in NODES
        for address, task, node in TASKS
        for protocol in ("icmp", "tcp")
    ]
    pairs += [
        Pair(a, b, OWN[b], "", protocol, "open") for a, b in sorted(WAYS) for protocol in ("tcp", "udp")
    ]
    told = []
    for pair in pairs:
        cut = {(pair.source, pair.target), (pair.target, pair.source)} & set(deaf)
        state = "silent" if cut else lost(pair) or pair.state
        told.append(dataclasses.replace(pair, state=state))
    ways = tuple(Way(a, b, (a, b) not in deaf) for a, b in sorted(WAYS))
    return OverlayMesh("overlaymesh-1", "web", "h-net", 0.0, NODES, tuple(told), ways)


def payloads(
    overlay: Callable[[str, str, int], bool] = lambda *_: True,
    ingress: Callable[[str, str, int], bool] = lambda *_: True,
) -> PayloadSizes:
    """Every size passes; ``overlay`` and ``ingress`` say what does.

    Args:
        overlay: of node that sends, node that receives, size.
        ingress: of entry, direction, size.
    """
    tries = []
    for source in NODES:
        for address, _, target in TASKS[:3]:
            for direction in ("down", "up"):
                sender, receiver = (source, target) if direction == "up" else (target, source)
                tries += [
                    SizeTry(
                        source, target, address, "overlay", direction, size, overlay(sender, receiver, size)
                    )
                    for size in STEPS
                ]
        for direction in ("down", "up"):
            tries += [
                SizeTry(source, "", "192.0.2.1", "ingress", direction, size, ingress(source, direction, size))
                for size in (*STEPS, 8192, 8192)
            ]
    return PayloadSizes("payloadsizes-1", "web", 0.0, NODES, tuple(tries))


def vantages(lost: Callable[[Vantage], int] = lambda _: 0, v6: str = "refused") -> Vantages:
    """Every vantage is answered six times; ``lost`` says how many of them time out instead."""
    kinds = [(kind, node, node) for node in NODES for kind in ("127.0.0.1", "own")]
    kinds += [("peer", a, b) for a, b in sorted(WAYS)]
    kinds += [("task", a, b) for a in NODES for b in NODES]
    kinds += [("outside", "", node) for node in NODES]
    found = [Vantage("::1", node, node, ((v6, 2),)) for node in NODES]
    for kind, source, entry in kinds:
        one = Vantage(kind, source, entry, (("ok", 6),))
        bad = lost(one)
        outcomes = tuple((name, n) for name, n in (("connect-timeout", bad), ("ok", 6 - bad)) if n)
        found.append(dataclasses.replace(one, outcomes=outcomes))
    return Vantages("vantages-1", "web", 8080, 0.0, NODES, tuple(found))


STAYED, JOINED, LEFT = "10.0.1.5", "10.0.1.6", "10.0.1.7"


def watch(change: Callable[[NameView], NameView | None] = lambda view: view) -> NameWatch:
    """Scaled from one task to three and back: the joined ones left again, and were named until their end."""
    spans = tuple(NameSpan(node, 100.0, 106.0, 120) for node in NODES)
    views = []
    for node in NODES:
        views += [
            NameView(node, STAYED, 0.0, 6.0, 5.95, held=True),
            NameView(node, JOINED, 2.0, 4.0, 4.02, held=False),
            NameView(node, LEFT, 2.1, 4.0, 3.95, held=False),
        ]
    told = tuple(new for view in views if (new := change(view)) is not None)
    return NameWatch(
        "namewatch-1",
        "web",
        0.0,
        0.05,
        spans,
        told,
        (STAYED,),
        ((JOINED, 102.0), (LEFT, 102.0)),
        (JOINED, LEFT),
        ((STAYED, M), (JOINED, W1), (LEFT, W2)),
    )
