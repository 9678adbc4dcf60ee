"""Journals of runs that asked pair by pair: a healthy overlay, and one that is broken in several ways."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from harness import checks
from harness.evidence import OverlayMesh, Pair, Roster
from harness.journal import Journal
from harness.judge.overlay import first_packets, mesh_open
from harness.judge.payload import sizes_pass
from harness.judge.vantage import vantages_agree
from harness.judge.verdict import Verdict
from harness.model import Replica
from tests import pair_swarm
from tests.pair_swarm import NODES, OWN, TASKS, W1, W2, WAYS
from tests.saved_runs import HOSTILE, ScriptedClock

FULL = 1500  # bytes beyond which W1 gets nothing from W2 on the broken swarm


def silence(*, broken: bool = False) -> OverlayMesh:
    """What the quiet job told: on the broken swarm W1's first packet to W2 is lost."""
    pairs = [
        Pair(a, b, OWN[b], "", "udp", "open", 2 if broken and (a, b) == (W1, W2) else 1)
        for a, b in sorted(WAYS)
    ]
    pairs += [
        Pair(a, node, address, task, "icmp", "open", 1, "echo in 1 ms")
        for a in NODES
        for address, task, node in TASKS
        if node != a
    ]
    mesh = pair_swarm.mesh()
    return dataclasses.replace(mesh, id="overlaymesh-2", pairs=tuple(pairs), silence=12.0)


def pairs_run(parent: Path, *, broken: bool = False) -> Path:
    """A folder of a run in ``parent`` that asked pair by pair and judged it; returns the folder.

    Broken: no TCP between W1 and W2, whose proof holds HTML; payloads above ``FULL`` do not pass from W2 to
    W1; 127.0.0.1 is dead on W1; after a silence W1's first packet to W2 is lost.
    """
    folder = parent / "20260101-120000-0f3a9c"
    folder.mkdir(parents=True, exist_ok=True)
    ids = ("overlay.mesh", "overlay.sizes", "reach.vantages", "overlay.after-quiet")

    def dead(pair: Pair) -> str:
        return (
            "silent" if broken and pair.protocol == "tcp" and {pair.source, pair.target} == {W1, W2} else ""
        )

    def passes(sender: str, receiver: str, size: int) -> bool:
        return not (broken and (sender, receiver) == (W2, W1) and size > FULL)

    mesh = pair_swarm.mesh(dead)
    marked = tuple(dataclasses.replace(one, proof=HOSTILE if dead(one) else one.proof) for one in mesh.pairs)
    with Journal(folder / "journal.jsonl", clock=ScriptedClock()) as log:
        log.begin("20260101-120000-0f3a9c", profile="full", checks=list(ids), target="lab")

        def claim(check: str, verdict: Verdict) -> None:
            log.claim(check, checks.claim_of(check), verdict)

        replicas = tuple(Replica(task, slot, node) for slot, (_, task, node) in enumerate(TASKS, start=1))
        log.keep(Roster("roster-1", "web", 0.0, replicas))
        overlay = log.keep(dataclasses.replace(mesh, pairs=marked))
        claim(ids[0], mesh_open(overlay))
        claim(ids[1], sizes_pass(log.keep(pair_swarm.payloads(passes))))
        lost = pair_swarm.vantages(lambda one: 6 * (broken and one.kind == "127.0.0.1" and one.entry == W1))
        claim(ids[2], vantages_agree(log.keep(lost), overlay))
        claim(ids[3], first_packets(log.keep(silence(broken=broken))))
    return folder


if __name__ == "__main__":  # python -m tests.saved_pairs FOLDER: draws both, to be looked at
    from harness.report import write_all

    for kind in ("healthy", "broken"):
        write_all(pairs_run(Path(sys.argv[1]) / kind, broken=kind == "broken")).summary()
