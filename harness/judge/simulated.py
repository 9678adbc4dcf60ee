"""A made-up swarm with a known state: what its entry nodes would answer, to try judges against.

Each entry node has an IPVS table of its own, so faults can be planted as on a real node: a row removed, a row
that nobody has, a dead entry.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from harness.evidence import Balancers, RealServer, Roster, Traffic, VirtualServer
from harness.model import Attachment, Outcome, Path, Replica, Sample

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
_LONG, _SHORT = 2.0, 0.002  # seconds that a timeout and an answer take


def roster(replicas: int = 6) -> Roster:
    """Replicas task0.. at 10.0.0.10.., one after the other on the nodes."""
    return Roster(
        "roster-1",
        "web",
        0.0,
        tuple(
            Replica(f"task{i}", i + 1, NODES[i % 3], (Attachment("ingress", f"10.0.0.{10 + i}"),))
            for i in range(replicas)
        ),
    )


def healthy(replicas: int = 6) -> list[str]:
    """The rows of a healthy table."""
    return [f"10.0.0.{10 + i}" for i in range(replicas)]


@dataclasses.dataclass
class Swarm:
    """Entry nodes with IPVS tables of their own, and who answers at each address.

    Attributes:
        tables: rows (addresses) by node; ``owners``: which task answers at an address, if any does.
        dead: nodes on whose address every request ends so.
        choose: how a balancer picks from its rows at a pointer; None: in turn.
        weights: of (node, row), where they are not 1.
        pointer: where every table's turn begins.
        foreign_every: after so many of ours, one connection of somebody else takes a turn; 0: never.
    """

    tables: dict[str, list[str]]
    owners: dict[str, str]
    dead: dict[str, Outcome] = dataclasses.field(default_factory=dict)
    choose: Callable[[list[str], int], str] | None = None
    weights: dict[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    pointer: int = 3
    foreign_every: int = 0

    @classmethod
    def of(cls, replicas: int = 6) -> Swarm:
        """A healthy one."""
        rows = healthy(replicas)
        return cls({node: list(rows) for node in NODES}, {row: f"task{i}" for i, row in enumerate(rows)})

    def asked(self, requests: int, path: Path = Path.INGRESS, nodes: Sequence[str] = NODES) -> Traffic:
        """A sequential burst of ``requests`` through every node."""
        samples = [one for node in nodes for one in self._burst(node, requests, path)]
        return Traffic("traffic-1", "web", path, tuple(nodes), 0.0, 100.0, tuple(samples))

    def _burst(self, node: str, requests: int, path: Path) -> list[Sample]:
        found, pointer, clock = [], self.pointer, 0.0
        rows = [row for row in self.tables[node] if self.weights.get((node, row), 1)]
        for seq in range(requests):
            outcome, replica = self.dead.get(node), ""
            if outcome is None and rows:
                row = self.choose(rows, pointer) if self.choose else rows[pointer % len(rows)]
                pointer += (
                    2 if self.foreign_every and seq % self.foreign_every == self.foreign_every - 1 else 1
                )
                replica = self.owners.get(row, "")
                outcome = Outcome.OK if replica else Outcome.CONNECT_TIMEOUT
            outcome = outcome or Outcome.REFUSED
            took = _LONG if "timeout" in outcome.value else _SHORT
            found.append(Sample(seq, node, path, clock, clock, clock + took, outcome, replica, seq))
            clock += took
        return found

    def read(self, scheduler: str = "rr", namespace: str = "ingress_sbox") -> Balancers:
        """Its tables as the kernel witness reads them."""
        return Balancers(
            "balancers-1",
            0.0,
            tuple(
                VirtualServer(
                    node,
                    namespace,
                    256,
                    scheduler,
                    tuple(RealServer(row, self.weights.get((node, row), 1)) for row in rows),
                )
                for node, rows in self.tables.items()
            ),
        )
