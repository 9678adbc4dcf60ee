"""The harness sees what breaks: six mutants of different layers, each caught and named."""

from __future__ import annotations

import json

from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box

# host entry, ingress sandbox, the node as a whole, task, overlay, gossip
SIX = ("A3a", "B2", "B17b", "B19b", "C3a", "D1a")


def test_six_mutants_are_caught_and_named(the_lab: UmlLab, box: Box) -> None:
    """Exit 0, every witness refuted, exactly the wanted finding; afterwards nothing is left."""
    done = box.run("mutants", *SIX, "--json", bound=300.0)

    assert done.err == ""
    results = json.loads(done.out)["results"]
    assert [one["id"] for one in results] == list(SIX)
    assert {one["id"]: one["why"] for one in results if one["why"]} == {}
    assert all(one["named"] and set(one["witnesses"]) <= set(one["caught_by"]) for one in results)
    assert done.code == 0
    assert box.left(the_lab, runs=1) == []
