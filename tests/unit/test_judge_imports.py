"""A saved run can be judged next year: judging needs no engine, no network library, no test runner."""

import json
import subprocess
import sys

import pytest

FORBIDDEN = ("docker", "requests", "pytest", "locust", "scipy", "numpy", "pydantic", "typer", "rich")


@pytest.mark.parametrize("module", ["harness.judge", "harness.judge.spread", "harness.evidence"])
def test_importing_judges_loads_nothing_that_talks(module: str) -> None:
    """Importing the judges loads none of the libraries that reach out or run tests."""
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}

    assert not loaded.intersection(FORBIDDEN)
    assert "harness" in loaded


def test_the_package_registers_every_judge() -> None:
    """What replays a saved claim finds every judge after importing the package alone."""
    script = "import json, harness.judge.verdict as v; print(json.dumps(sorted(v._JUDGES)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert set(json.loads(done.stdout)) >= {
        "nodes_ready", "one_leader", "ports_open", "answers_everywhere", "answers_without_task",
        "closed_after_remove", "covered", "even", "pinned", "vip_resolves", "tasks_resolve",
        "counts_exactly", "counts_through_kill", "replaced", "detected", "rescheduled", "rejoined",
        "outage", "kill_outage", "silent_after_death", "even_again", "nobody_refused", "throughput",
        "mesh_open", "first_packets", "sizes_pass", "vantages_agree", "names_fresh",
        "another_volume", "readable", "nowhere_else", "kept_while_used", "rotated", "completes",
        "fails_well", "scales", "leaves_by_its_node",
        "reaches_all", "answers_at_home", "serves_on", "serves_again",
        "sources_as_documented", "reaches_itself",
        "drawn_at_random", "refused", "aliases_resolve", "names_stay", "apart", "well_wired", "joins",
        "own_vip_answers", "dies_when_silent", "sealed", "counted_answers", "counted_covered", "counted_even",
        "runs_as_asked", "leaves_nothing", "went_the_way", "fails_for", "falls_once", "replaces",
        "keeps_all", "locks", "tasks_untouched", "hides_news", "hides_tasks", "port_named",
        "cut_spares_service", "stays_ready", "certified", "refuses", "rotated_root",
    }  # fmt: skip
