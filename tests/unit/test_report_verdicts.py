"""verdicts.json: the document that everything else reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness import journal
from harness.errors import Exit
from harness.journal import Journal
from harness.judge.verdict import Finding, State, Subject, Verdict, refuted, unknown, upheld
from harness.report.verdicts import Document, document, rejudge
from tests.saved_runs import ScriptedClock, saved_run

KEYS = {
    "id",
    "claim",
    "verdict",
    "sentence",
    "subject",
    "witnesses",
    "modes",
    "finding",
    "remedy",
    "numbers",
}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Journal]:
    """An open journal; ``log.path`` is its file."""
    with Journal(tmp_path / "journal.jsonl", clock=ScriptedClock()) as opened:
        yield opened


def read(path: Path) -> Document:
    """The document of the journal in this file."""
    return document(journal.load(path))


def test_the_document_has_exactly_the_keys_of_schema_1(tmp_path: Path) -> None:
    """CI reads it: a key that comes or goes needs a new schema number."""
    data = read(saved_run(tmp_path, broken=True) / "journal.jsonl").data()

    assert set(data) == {"schema", "run", "target", "verdict", "checks", "skipped"}
    assert data["schema"] == 1
    assert data["verdict"] == "refuted"
    for check in data["checks"]:
        assert set(check) == KEYS
        assert set(check["subject"]) == {"node", "service", "path", "replica", "namespace", "address"}
    assert data["skipped"] == [{"id": "node-loss.rejoined", "why": "swarm-worker1 has not healed"}]


def test_the_document_survives_a_round_trip(tmp_path: Path) -> None:
    """What was written is what is read."""
    found = read(saved_run(tmp_path) / "journal.jsonl")

    assert Document.model_validate_json(found.json_text()) == found


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"verdict": "green"}, {"surprise": 1}, {"checks": [{"id": "x"}]}], ids=str
)
def test_a_document_of_another_shape_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """An unknown schema is no reason to guess."""
    data = read(saved_run(tmp_path) / "journal.jsonl").data()

    with pytest.raises(ValidationError):
        Document.model_validate(data | change)


def test_a_healthy_run_is_upheld(tmp_path: Path) -> None:
    """Every claim held, every expected check was reached: exit 0."""
    found = read(saved_run(tmp_path) / "journal.jsonl")

    assert found.verdict is State.UPHELD
    assert found.exit is Exit.UPHELD
    assert found.target["engine"] == "26.1.5"
    assert found.target["scheduler"] == ["rr"]
    assert [node["hostname"] for node in found.target["nodes"]] == [
        "swarm-manager",
        "swarm-worker1",
        "swarm-worker2",
    ]


def test_a_missing_replica_is_named_with_its_node_and_remedy(tmp_path: Path) -> None:
    """The planted fault of the issue: cause and node stand in the document."""
    found = read(saved_run(tmp_path, broken=True) / "journal.jsonl")

    broken = next(one for one in found.of(State.REFUTED) if one.id == "spread.covered")
    assert broken.finding == "replica-missing-at-entry"
    assert broken.subject.node == "swarm-worker1"
    assert broken.modes == ("B2",)
    assert "swarm-worker1" in broken.remedy
    assert found.exit is Exit.REFUTED


@pytest.mark.parametrize(
    ("verdicts", "composed"),
    [
        ([upheld("a"), upheld("b")], State.UPHELD),
        ([upheld("a"), unknown("b")], State.UNKNOWN),
        ([unknown("a"), refuted("b"), upheld("c")], State.REFUTED),
        ([], State.UNKNOWN),
    ],
)
def test_composing_is_refuted_then_unknown_then_upheld(
    log: Journal, verdicts: list[Verdict], composed: State
) -> None:
    """And of nothing it is unknown: no evidence is never green."""
    log.begin("r", checks=[])
    for verdict in verdicts:
        log.claim("cluster.leader", "one leads", verdict)

    assert read(log.path).verdict is composed


def test_an_expected_check_that_was_never_reached_is_unknown_with_the_reason(log: Journal) -> None:
    """The run died before it: its silence is not agreement."""
    log.begin("r", checks=["cluster.leader", "spread.even"])
    log.claim("cluster.leader", "exactly one manager leads", upheld("one"))
    log.write("trouble", text="the engine is unreachable")

    found = read(log.path)

    assert found.verdict is State.UNKNOWN
    assert found.exit is Exit.UNKNOWN
    [missed] = found.of(State.UNKNOWN)
    assert missed.id == "spread.even"
    assert missed.sentence == "never reached: the engine is unreachable"


def test_a_skipped_check_changes_no_verdict_but_counts(log: Journal) -> None:
    """Left out with a reason is neither upheld nor unknown."""
    log.begin("r", checks=["cluster.leader", "node-loss.outage"])
    log.claim("cluster.leader", "exactly one manager leads", upheld("one"))
    log.write("skipped", check="node-loss.outage", why="not allowed here")

    found = read(log.path)

    assert (found.verdict, found.total, len(found.skipped)) == (State.UPHELD, 2, 1)


def test_only_skipped_checks_are_unknown(log: Journal) -> None:
    """A profile of which nothing ran cannot be green."""
    log.begin("r", checks=["node-loss.outage"])
    log.write("skipped", check="node-loss.outage", why="not allowed here")

    assert read(log.path).verdict is State.UNKNOWN


def test_one_entry_per_claim_and_labels_tell_them_apart(log: Journal) -> None:
    """The same check over two paths is two promises."""
    log.begin("r", checks=["spread.even"])
    for path in ("ingress", "vip"):
        log.claim(
            "spread.even",
            "even",
            journal.decode_verdict({"state": "upheld", "sentence": "a", "subject": {"path": path}}),
        )

    found = read(log.path)

    assert [found.label(one) for one in found.checks] == ["spread.even (ingress)", "spread.even (vip)"]


def test_labels_fall_back_to_the_service_then_to_a_number(log: Journal) -> None:
    """A task is killed in two services over the same path."""
    for service in ("plain", "healthy", "healthy"):
        verdict = {"state": "upheld", "sentence": service, "subject": {"path": "ingress", "service": service}}
        log.claim("task-kill.outage", "cheap", journal.decode_verdict(verdict))
        if service == "healthy" and len(read(log.path).checks) == 2:
            two = read(log.path)
            assert [two.label(one) for one in two.checks] == [
                "task-kill.outage (plain)",
                "task-kill.outage (healthy)",
            ]

    three = read(log.path)
    assert three.label(three.checks[2]) == "task-kill.outage (claim 3)"


def test_several_findings_keep_what_they_share(log: Journal) -> None:
    """Two nodes with the same trouble: no single node is blamed, all findings are kept in the numbers."""
    findings = [
        Finding("entry-dead", Subject(node=node, path="ingress"), f"{node} is dead", ("A1",), "look there")
        for node in ("n1", "n2")
    ]
    log.claim("reach.every-node", "all answer", refuted("two are dead", *findings))

    [check] = read(log.path).checks

    assert (check.finding, check.subject.node, check.subject.path) == ("entry-dead", "", "ingress")
    assert [one["subject"]["node"] for one in check.numbers["findings"]] == ["n1", "n2"]


def test_infinite_numbers_become_null(log: Journal) -> None:
    """JSON knows no infinity."""
    log.claim("load.fresh", "fast", upheld("a", rate=float("inf")))

    assert json.loads(read(log.path).json_text())["checks"][0]["numbers"] == {"rate": None}


def test_judging_a_saved_run_again_gives_the_same_verdicts(tmp_path: Path) -> None:
    """Judges are pure: same evidence, same verdict."""
    saved = journal.load(saved_run(tmp_path, broken=True) / "journal.jsonl")

    again = rejudge(saved)

    assert [one.verdict.state for one in again] == [one.verdict.state for one in saved.claims]
    assert [one.verdict.sentence for one in again] == [one.verdict.sentence for one in saved.claims]


def test_altering_one_sample_changes_the_verdict(tmp_path: Path) -> None:
    """What the run claims rests on its evidence."""
    path = saved_run(tmp_path) / "journal.jsonl"
    lines = path.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if '"in":"traffic-1"' in line)
    sample = json.loads(lines[place])
    lines[place] = json.dumps(sample | {"outcome": "connect-timeout", "replica": ""}, separators=(",", ":"))
    path.write_text("\n".join(lines) + "\n")
    saved = journal.load(path)

    assert document(saved).verdict is State.UPHELD
    assert document(saved, rejudge(saved)).verdict is State.REFUTED


def test_a_claim_whose_evidence_is_gone_becomes_unknown(tmp_path: Path) -> None:
    """It held once; now nobody can tell."""
    path = saved_run(tmp_path) / "journal.jsonl"
    kept = [line for line in path.read_text().splitlines() if '"id":"roster-1"' not in line]
    path.write_text("\n".join(kept) + "\n")

    again = rejudge(journal.load(path))

    lost = next(one for one in again if one.check == "spread.even")
    assert lost.verdict.state is State.UNKNOWN
    assert "roster-1" in lost.verdict.sentence


def test_a_claim_without_a_basis_stays_as_it_was(log: Journal) -> None:
    """Nothing could be judged then, nothing can be now."""
    log.claim("load.fresh", "fast", unknown("locust did not start"))

    [again] = rejudge(journal.load(log.path))

    assert again.verdict == unknown("locust did not start")
