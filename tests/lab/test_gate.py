"""A healthy swarm: smoke is green, and a saved run is judged and drawn without a swarm."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness import checks
from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box, Ended

_FILES = {"journal.jsonl", "verdicts.json", "junit.xml", "report.html", "request.json", "artifacts"}


@dataclasses.dataclass(frozen=True)
class Healthy:
    """A run of smoke for people and the box it ran in."""

    box: Box
    done: Ended


@pytest.fixture(scope="module")
def healthy(the_lab: UmlLab, tmp_path_factory: pytest.TempPathFactory) -> Healthy:
    """Smoke on the shared lab; ``tox -e soak`` does it again and again."""
    box = Box(tmp_path_factory.mktemp("gate") / "box")
    return Healthy(box, box.run("gate", "--profile", "smoke"))


def test_smoke_is_green(the_lab: UmlLab, healthy: Healthy) -> None:
    """Exit 0 and nothing on stderr, every promise of the profile upheld, nothing left but the report."""
    found = healthy.box.verdicts()
    broken = [check for check in found["checks"] if check["verdict"] != "upheld"]
    assert [f"{check['id']}: {check['sentence']}" for check in broken] == []
    assert (healthy.done.code, healthy.done.err) == (0, "")
    assert found["verdict"] == "upheld"
    assert {check["id"] for check in found["checks"]} == {check.id for check in checks.of_profile("smoke")}
    assert all(check["sentence"] for check in found["checks"])
    [run] = healthy.box.runs()
    assert {path.name for path in run.iterdir()} == _FILES
    assert (healthy.box.reports / "latest").resolve() == run
    assert healthy.box.left(the_lab, runs=1) == []


def test_it_says_how_many_were_upheld_and_where_the_time_went(healthy: Healthy) -> None:
    """The summary names the count first; steps come with their seconds."""
    promised = {check.id for check in checks.of_profile("smoke")}
    assert f"of {len(healthy.box.verdicts()['checks'])}" in healthy.done.out
    assert all(word in healthy.done.out for word in ("deploy", "look from inside", "report", " s"))
    assert len(promised) == len({check["id"] for check in healthy.box.verdicts()["checks"]})


def test_json_is_the_verdicts_document_and_nothing_else(the_lab: UmlLab, box: Box) -> None:
    """Programs get verdicts.json on stdout, without progress."""
    done = box.run("gate", "--only", "cluster.leader", "--json")

    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == box.verdicts()
    assert box.left(the_lab, runs=1) == []


@pytest.fixture
def copy(healthy: Healthy, tmp_path: Path) -> Path:
    """A copy of the first run without its verdicts and its page."""
    made = Path(shutil.copytree(healthy.box.runs()[0], tmp_path / "copy"))
    (made / "verdicts.json").unlink()
    (made / "report.html").unlink()
    return made


def test_a_saved_run_is_judged_again_without_a_swarm(lonely_box: Box, healthy: Healthy, copy: Path) -> None:
    """No lab runs where this is asked: the same verdicts from the evidence alone, and the page again."""
    done = lonely_box.run("judge", str(copy))

    assert (done.code, done.err) == (0, "")
    before = json.loads((healthy.box.runs()[0] / "verdicts.json").read_text())
    assert json.loads((copy / "verdicts.json").read_text()) == before
    (copy / "report.html").unlink()
    drawn = lonely_box.run("report", str(copy))
    assert (drawn.code, drawn.err, drawn.out.strip()) == (0, "", str(copy / "report.html"))
    assert '<span id="verdict">upheld</span>' in (copy / "report.html").read_text()
    assert lonely_box.left() == []


def test_one_altered_sample_changes_the_verdict(lonely_box: Box, copy: Path) -> None:
    """An answer is made somebody else's, which no busy machine excuses: exit 1, and the change is told."""
    journal = copy / "journal.jsonl"
    lines = journal.read_text().splitlines()
    records = [json.loads(line) for line in lines]
    judged = _traffic_of(records, "reach.every-node")
    place, sample = next(
        (number, one) for number, one in enumerate(records) if one["kind"] == "sample" and one["in"] in judged
    )
    lines[place] = json.dumps(sample | {"replica": "nobody"})
    journal.write_text("\n".join(lines) + "\n")

    done = lonely_box.run("judge", str(copy))

    assert (done.code, done.err) == (1, "")
    assert "reach.every-node: upheld when it ran, refuted now" in done.out
    assert json.loads((copy / "verdicts.json").read_text())["verdict"] == "refuted"


def _traffic_of(records: list[dict[str, Any]], check: str) -> set[str]:
    """Ids of the evidence that a claim was judged on."""
    claim = next(one for one in records if one["kind"] == "claim" and one["check"] == check)
    return set(json.dumps(claim["verdict"]["basis"]).replace('"', " ").split())


def test_list_shows_the_checks_without_a_swarm(lonely_box: Box) -> None:
    """``--list`` names the ids of a profile, narrowed as asked."""
    done = lonely_box.run("gate", "--list", "--profile", "smoke", "--only", "spread", "--skip", "spread.even")

    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()] == ["spread.covered"]
    assert lonely_box.left() == []
