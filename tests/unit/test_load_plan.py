"""What the locustfile is told, and what is made of what it tells back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.errors import Unmeasurable
from harness.evidence import LoadCell
from harness.load import plan

PLAN = plan.Plan(
    targets=(("n1", "http://192.168.200.10:8080/"), ("n2", "http://192.168.200.11:8080/")),
    kept_alive=True,
    seconds=20.0,
    requests=5000,
    expect_name="run/whoami",
    timeout=2.0,
    result="result.json",
)
RESULT = plan.Result(
    seconds=10.0,
    p50=0.01,
    p95=0.02,
    p99=0.03,
    nodes=(("n1", 400, 4),),
    replicas=(("b", 200, 0), ("a", 196, 0)),
    errors=(("x", 1), ("y", 3)),
    cpu=0.5,
)


def test_the_plan_is_written_whole(tmp_path: Path) -> None:
    """The locustfile reads plain JSON, field by field."""
    plan.write(PLAN, tmp_path / "plan.json")
    written = json.loads((tmp_path / "plan.json").read_text())

    assert written["targets"] == [
        ["n1", "http://192.168.200.10:8080/"],
        ["n2", "http://192.168.200.11:8080/"],
    ]
    assert set(written) == {field.name for field in dataclasses.fields(plan.Plan)}


def test_a_result_becomes_evidence() -> None:
    """Rates follow from the counts; cells are sorted; a node that got no request appears with none."""
    load = plan.evidence(RESULT, load="load-1", service="whoami", plan=PLAN, warnings="")

    assert (load.requests, load.failures, load.rate) == (400, 4, 40.0)
    assert load.nodes == (LoadCell("n1", 400, 4), LoadCell("n2", 0, 0))
    assert load.replicas == (LoadCell("a", 196, 0), LoadCell("b", 200, 0))
    assert load.errors == (("y", 3), ("x", 1))
    assert (load.kept_alive, load.generator) == (True, "")


def test_a_saturated_generator_is_named() -> None:
    """A rate that Locust's own core limited is no finding about the swarm."""
    busy = dataclasses.replace(RESULT, cpu=0.96)
    load = plan.evidence(busy, load="load-1", service="whoami", plan=PLAN, warnings="CPU usage above 90%!")

    assert load.generator == "Locust used 96% of one core; CPU usage above 90%!"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "left no result"),
        ("", "left no result"),
        ('{"seconds": 1}', "left no result"),
        (json.dumps({**dataclasses.asdict(RESULT), "nodes": []}), "made no request"),
    ],
)
def test_a_missing_or_empty_result_is_unmeasurable(tmp_path: Path, text: str | None, told: str) -> None:
    """No evidence is never green."""
    path = tmp_path / "result.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(Unmeasurable, match=told):
        plan.read(path)
