"""Journals as a run leaves them, made from a script: a healthy swarm, and one that breaks promises.

Times follow what a three-node lab showed: timeouts for about 5.4 s after a power cut, Down after 15.5 s.
"""

from __future__ import annotations

import dataclasses
import functools
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import checks
from harness.config import Limits
from harness.evidence import (
    Balancers,
    Change,
    Cluster,
    Fault,
    History,
    Load,
    LoadCell,
    RealServer,
    Roster,
    Traffic,
    VirtualServer,
)
from harness.journal import Journal
from harness.judge.availability import outage
from harness.judge.capacity import throughput
from harness.judge.cluster import nodes_ready, one_leader
from harness.judge.recovery import detected, rescheduled
from harness.judge.settle import even_again
from harness.judge.spread import covered, even, pinned
from harness.judge.verdict import Verdict
from harness.model import Attachment, Availability, Node, Outcome, Replica, Role, Sample
from harness.model import Path as Way

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
HOSTILE = '<img src=x onerror="throw 1"></script><script>throw 2</script>'
SERVICE = "h-0f3a9c-whoami"


@dataclasses.dataclass
class ScriptedClock:
    """A clock that is where the script puts it."""

    at: float = 1000.0

    def now(self) -> float:
        """Seconds."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Pass at once."""
        self.at += seconds


@dataclasses.dataclass
class Script:
    """Writes one run.

    Attributes:
        broken: swarm-worker1 misses a replica, and heals from a node loss 14 s late.
        hostile: answers hold HTML.
        rate: requests/s per entry node of steady traffic: half of what a real run sends.
    """

    folder: Path
    broken: bool = False
    hostile: bool = False
    rate: float = 25.0
    clock: ScriptedClock = dataclasses.field(default_factory=ScriptedClock)

    def write(self) -> Path:
        """Write the journal; returns the run's folder."""
        self.random = random.Random(7)  # noqa: S311  the same run every time
        with Journal(self.folder / "journal.jsonl", clock=self.clock) as self.log:
            self._phase("lab", 11.4)
            self._begin()
            self._cluster()
            roster = self._roster(0.0)
            self._phase("deploy", 8.2)
            tables = self._tables()
            self._spread(roster, tables)
            self._kept(roster)
            self._node_loss(roster, tables)
            self._loads(roster)
            if self.broken:
                self.log.write("skipped", check="node-loss.rejoined", why="swarm-worker1 has not healed")
                self.log.write(
                    "artifacts",
                    folder="artifacts/1-test-even-ingress",
                    test="test_spread.py::test_even[ingress]",
                    files=["nodes.json", "swarm-worker1/engine.log"],
                    missing=["swarm-worker1/kernel.log: no answer within 6 s"],
                )
            self._phase("clean up", 4.1)
        return self.folder

    def _phase(self, name: str, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.log.write("phase", name=name, seconds=seconds)

    def _begin(self) -> None:
        verified = {
            "cluster.nodes-ready",
            "cluster.leader",
            "spread.covered",
            "spread.even",
            "keepalive.pins",
        }
        verified |= {
            "node-loss.detected",
            "node-loss.rescheduled",
            "node-loss.outage",
            "node-loss.even-again",
        }
        verified |= {"load.fresh", "load.kept"} | ({"node-loss.rejoined"} if self.broken else set())
        self.log.begin(
            self.folder.name,
            profile="release",
            checks=[one.id for one in checks.CHECKS if one.id in verified],
            target="lab",
            limits=Limits().model_dump(),
            images={"whoami": "traefik/whoami:v1.10.3"},
            harness="0.1.0",
            python="3.11.2",
            machine="Linux 6.1.0 x86_64, 2 cores",
        )

    def _cluster(self) -> None:
        nodes = tuple(
            Node(
                f"{name}-id", name, Role.WORKER if number else Role.MANAGER, Availability.ACTIVE, "ready",
                f"192.168.200.{10 + number}", leader=not number, engine="26.1.5",
                reachability="" if number else "reachable",
            )
            for number, name in enumerate(NODES)
        )  # fmt: skip
        kernels = tuple((name, "6.12.48") for name in NODES)
        seen = Cluster("cluster-1", self.clock.now(), nodes, "26.1.5", "1.44", kernels)
        self.log.keep(seen)
        self._claim("cluster.nodes-ready", nodes_ready(seen))
        self._claim("cluster.leader", one_leader(seen))

    def _roster(self, since: float, nodes: tuple[str, ...] = NODES, *, ident: str = "roster-1") -> Roster:
        replicas = tuple(
            Replica(f"t{slot}{node[-1]:x<23}", slot, node, (Attachment("ingress", f"10.0.0.{10 + slot}"),))
            for slot, node in ((slot, nodes[(slot - 1) % len(nodes)]) for slot in range(1, 7))
        )  # fmt: skip
        return self.log.keep(Roster(ident, SERVICE, self.clock.now() + since, replicas))

    def _tables(self) -> Balancers:
        rows = tuple(RealServer(f"10.0.0.{10 + slot}", 1) for slot in range(1, 7))
        servers = tuple(
            VirtualServer(
                name, "ingress_sbox", 256, "rr", rows[1:] if self.broken and name == NODES[1] else rows
            )
            for name in NODES
        )
        marks = tuple((name, "ingress_sbox", "port", "8080", 256) for name in NODES)
        return self.log.keep(Balancers("balancers-1", self.clock.now(), servers, marks))

    def _spread(self, roster: Roster, tables: Balancers) -> None:
        for number, way in enumerate((Way.INGRESS, Way.VIP), start=1):

            def pick(entry: str, turn: int, way: Way = way) -> Replica:
                short = self.broken and way is Way.INGRESS and entry == NODES[1]
                known = roster.replicas[1:] if short else roster.replicas
                return known[turn % len(known)]

            traffic = self._burst(f"traffic-{number}", way, pick)
            used = tables if way is Way.INGRESS else None
            self._claim("spread.covered", covered(traffic, roster, used))
            self._claim("spread.even", even(traffic, roster, used))
        self._phase("spread", 3.0)

    def _burst(self, ident: str, way: Way, pick: Callable[[str, int], Replica]) -> Traffic:
        began = self.clock.now()
        samples: list[Sample] = []
        for entry in NODES:
            at = began
            for turn in range(120):
                taken = self._latency()
                hostile = self.hostile and turn == 60 and entry == NODES[2] and way is Way.VIP
                samples.append(
                    Sample(len(samples), entry, way, at, at, at + taken,
                           Outcome.WRONG_BODY if hostile else Outcome.OK,
                           HOSTILE if hostile else pick(entry, turn).task, len(samples),
                           detail=HOSTILE if hostile else "")
                )  # fmt: skip
                at += taken
        self.clock.sleep(1.2)
        return self._keep(Traffic(ident, SERVICE, way, NODES, began, self.clock.now(), tuple(samples)))

    def _kept(self, roster: Roster) -> None:
        began = self.clock.now()
        samples: list[Sample] = []
        for connection in range(12):
            for turn in range(5):
                at = began + turn * 0.01
                samples.append(
                    Sample(len(samples), NODES[connection % 3], Way.INGRESS, at, at, at + 0.002, Outcome.OK,
                           roster.replicas[connection % 6].task, connection)
                )  # fmt: skip
        self.clock.sleep(1)
        ended = self.clock.now()
        kept = Traffic(
            "traffic-3", SERVICE, Way.INGRESS, NODES, began, ended, tuple(samples), kept_alive=True
        )
        self._claim("keepalive.pins", pinned(self._keep(kept), roster))

    def _node_loss(self, before: Roster, tables: Balancers) -> None:
        began, cut = self.clock.now(), self.clock.now() + 5
        survivors, lost = NODES[:2], NODES[2]
        after = self._roster(30, survivors, ident="roster-2")
        samples = list(self._steady(before, after, survivors, began, cut))
        self.clock.sleep(40)
        traffic = self._keep(
            Traffic("traffic-4", SERVICE, Way.INGRESS, survivors, began, self.clock.now(), tuple(samples))
        )
        history = self.log.keep(
            History("history-1", SERVICE, began, self.clock.now(), tuple(_changes(before, after, began, cut)))
        )
        fault = self.log.keep(Fault("fault-1", "power-off", lost, cut, cut + 0.1, "no ping", cut + 33))
        self._claim("node-loss.detected", detected(history, fault, within=17.5))
        self._claim("node-loss.rescheduled", rescheduled(history, fault, within=25.0, roster=before))
        self._claim("node-loss.outage", outage(traffic, fault, within=7.0))
        late = cut + 22
        self._claim("node-loss.even-again", even_again(traffic, after, None, late, within=5.0))
        self._phase("node loss", 2.0)

    def _steady(
        self, before: Roster, after: Roster, entries: tuple[str, ...], began: float, cut: float
    ) -> Iterator[Sample]:
        heal = {entry: 14.0 if self.broken and entry == NODES[1] else 5.4 for entry in entries}
        total = int(40 * self.rate)
        for number in range(total):
            at = began + number / self.rate
            for entry in entries:
                # each round of three is shifted, so that neither replica nor loss depends on the bin
                dead = cut <= at < cut + heal[entry] and number % 3 == 0
                alive = [one for one in before.replicas if at < cut or one.node != NODES[2]]
                chosen = after.replicas if at > cut + 22 else alive
                taken = 2.0 if dead else self._latency()
                yield Sample(
                    number, entry, Way.INGRESS, at, at, at + taken,
                    Outcome.CONNECT_TIMEOUT if dead else Outcome.OK,
                    "" if dead else chosen[number % len(chosen)].task, number,
                )  # fmt: skip

    def _loads(self, roster: Roster) -> None:
        for number, kept in enumerate((False, True), start=1):
            self.clock.sleep(21)
            rate, failures = (905.0, 0) if kept else (612.0, 3 if self.broken else 0)
            requests = int(rate * 20)
            share = requests // 6
            load = self.log.keep(
                Load(
                    f"load-{number}", SERVICE, kept, 20.1, requests, failures, rate, 0.018, 0.041, 0.083,
                    tuple(LoadCell(one, requests // 3, failures if one == NODES[1] else 0) for one in NODES),
                    tuple(LoadCell(one.label, share + number, 0) for one in roster.replicas),
                    (("ConnectionResetError(104)", failures),) if failures else (),
                )
            )  # fmt: skip
            verdict = throughput(load, seconds=20, requests=5000, rate=250, failures=0, p99=1.0)
            self._claim("load.kept" if kept else "load.fresh", verdict)

    def _keep(self, traffic: Traffic) -> Traffic:
        self.log.samples(traffic.id, traffic.samples)
        return self.log.keep(traffic)

    def _claim(self, check: str, verdict: Verdict) -> None:
        self.log.claim(check, checks.claim_of(check), verdict)

    def _latency(self) -> float:
        return self.random.lognormvariate(-6.2, 0.35)


def _changes(before: Roster, after: Roster, began: float, cut: float) -> Iterator[Change]:
    for name in NODES:
        yield Change(began, "node", f"{name}-id", "ready", node=name)
    for one in before.replicas:
        yield Change(began, "task", one.task, "running", "running", one.node, one.slot)
    yield Change(cut + 15.5, "node", f"{NODES[2]}-id", "down", node=NODES[2])
    new = {one.slot: one for one in after.replicas}
    for one in before.replicas:
        if one.node == NODES[2]:
            heir = new[one.slot]
            yield Change(cut + 15.6, "task", one.task, "running", "shutdown", one.node, one.slot)
            yield Change(cut + 15.6, "task", heir.task, "pending", "running", heir.node, one.slot)
            yield Change(cut + 20.7, "task", heir.task, "starting", "running", heir.node, one.slot)
            yield Change(cut + 22.0, "task", heir.task, "running", "running", heir.node, one.slot)
    yield Change(cut + 34.5, "node", f"{NODES[2]}-id", "ready", node=NODES[2])


@functools.cache
def _journal(*, broken: bool, hostile: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return (Script(Path(folder), broken=broken, hostile=hostile).write() / "journal.jsonl").read_bytes()


def saved_run(parent: Path, *, broken: bool = False, hostile: bool = False) -> Path:
    """A folder of a saved run in ``parent``, made once per process and then copied."""
    folder = parent / "20260101-120000-0f3a9c"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_bytes(_journal(broken=broken, hostile=hostile))
    return folder


if __name__ == "__main__":  # python -m tests.saved_runs FOLDER: draws both, to be looked at
    from harness.report import write_all

    for kind in ("healthy", "broken"):
        place = Path(sys.argv[1]) / f"20260101-120000-{kind[:6]}"
        place.mkdir(parents=True, exist_ok=True)
        (place / "journal.jsonl").unlink(missing_ok=True)
        Script(place, broken=kind == "broken", hostile=kind == "broken").write()
        write_all(place).summary()
