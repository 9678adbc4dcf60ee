"""A judgement is repeated from the journal: same evidence, same verdict; another sample, another verdict."""

from __future__ import annotations

import json
import pathlib

from harness.evidence import Balancers, Fault, RealServer, Roster, Traffic, VirtualServer
from harness.journal import Journal, load
from harness.judge import covered, even, even_again, outage, replay
from harness.judge.verdict import State, Verdict
from harness.model import Attachment, Outcome, Path, Replica, Sample

NODES = ("swarm-manager", "swarm-worker1")


def recorded(path: pathlib.Path) -> list[Verdict]:
    """A run with four claims, written to a journal."""
    replicas = tuple(
        Replica(f"task{i}", i + 1, NODES[i % 2], (Attachment("ingress", f"10.0.0.{i + 5}"),))
        for i in range(6)
    )
    rows = tuple(RealServer(f"10.0.0.{i + 5}", 1) for i in range(6))
    with Journal(path) as journal:
        roster = journal.keep(Roster("roster-1", "web", 0.0, replicas))
        tables = journal.keep(
            Balancers(
                "balancers-1",
                0.0,
                tuple(VirtualServer(node, "ingress_sbox", 256, "rr", rows) for node in NODES),
            )
        )
        samples = tuple(
            Sample(i, node, Path.INGRESS, i / 20, i / 20, i / 20 + 0.002, Outcome.OK, f"task{i % 6}", i)
            for node in NODES
            for i in range(288)
        )
        journal.samples("traffic-1", samples)
        traffic = journal.keep(Traffic("traffic-1", "web", Path.INGRESS, NODES, 0.0, 14.4, samples))
        fault = journal.keep(Fault("fault-1", "task-kill", "task9", 5.0, 5.1))
        verdicts = [
            covered(traffic, roster),
            even(traffic, roster, tables),
            even_again(traffic.between(5.0, 14.4), roster, tables, 6.0, within=5.0),
            outage(traffic, fault, within=8.5),
        ]
        for number, verdict in enumerate(verdicts):
            journal.claim(f"check.{number}", "", verdict)
    return verdicts


def test_a_saved_run_is_judged_the_same(tmp_path: pathlib.Path) -> None:
    """State, sentence and numbers are those of the run."""
    path = tmp_path / "journal.jsonl"
    verdicts = recorded(path)
    saved = load(path)

    again = [
        replay(claim.verdict.basis, saved.evidence)
        for claim in saved.claims
        if claim.verdict.basis is not None
    ]

    assert [one.state for one in verdicts] == [State.UPHELD] * 4, [str(one) for one in verdicts]
    assert [(one.state, one.sentence) for one in again] == [(one.state, one.sentence) for one in verdicts]
    assert json.loads(json.dumps([one.numbers for one in again])) == json.loads(
        json.dumps([one.numbers for one in verdicts])
    )


def test_one_altered_sample_changes_the_verdict(tmp_path: pathlib.Path) -> None:
    """A request that was lost instead of answered, in the file: evenness is refuted at its node."""
    path = tmp_path / "journal.jsonl"
    recorded(path)
    lines = path.read_text().splitlines()
    index = next(i for i, line in enumerate(lines) if '"kind":"sample"' in line and '"seq":100,' in line)
    lines[index] = lines[index].replace('"outcome":"ok"', '"outcome":"refused"')
    path.write_text("\n".join(lines) + "\n")
    saved = load(path)

    again = [
        replay(claim.verdict.basis, saved.evidence)
        for claim in saved.claims
        if claim.verdict.basis is not None
    ]

    assert again[1].state is State.REFUTED
    assert again[1].subject.node == NODES[0]
