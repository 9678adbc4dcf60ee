"""The judge of names that change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.evidence import NameView
from harness.judge.fresh import names_fresh
from harness.judge.verdict import State
from tests.pair_swarm import JOINED, LEFT, NODES, STAYED, W1, M, watch

Change = Callable[[NameView], NameView | None]


def at(node: str, address: str, **fields: object) -> Change:
    """Changes one node's view of one address."""

    def change(view: NameView) -> NameView | None:
        mine = (view.node, view.address) == (node, address)
        return dataclasses.replace(view, **fields) if mine else view  # type: ignore[arg-type]  # fields of the view

    return change


def test_names_that_follow_are_upheld_in_milliseconds() -> None:
    """The window is the last answer with the address less its last sign of life."""
    verdict = names_fresh(watch(), within=2.0)

    assert verdict.state is State.UPHELD
    assert "no dead address named longer than 50 ms" in verdict.sentence
    assert verdict.numbers["stale_ms"] == dict.fromkeys(NODES, 50)
    assert verdict.numbers["late_s"] == dict.fromkeys(NODES, 0.1)


@pytest.mark.parametrize(
    ("change", "name", "mode", "address"),
    [
        (at(W1, LEFT, last=6.0, held=True), "stale-name", "E1", LEFT),
        (at(W1, LEFT, last=6.0), "slow-name", "E1", LEFT),
        (at(W1, STAYED, held=False), "name-missing", "E2", STAYED),
        (at(W1, JOINED, first=5.5, last=5.6), "late-name", "E2", JOINED),
        (
            lambda view: None if (view.node, view.address) == (W1, JOINED) else view,
            "name-missing",
            "E2",
            JOINED,
        ),
    ],
)
def test_a_name_that_does_not_follow_on_one_node_is_named_there(
    change: Change, name: str, mode: str, address: str
) -> None:
    """One cause, one finding: the node and the address."""
    verdict = names_fresh(watch(change), within=2.0)

    (found,) = verdict.findings
    assert (found.name, found.subject.node, found.subject.address) == (name, W1, address)
    assert mode in found.modes


def test_the_same_on_every_node_is_one_finding() -> None:
    """D1 or the allocator: no single node is to blame."""
    verdict = names_fresh(watch(lambda v: dataclasses.replace(v, held=True) if v.address == LEFT else v))

    (found,) = verdict.findings
    assert (found.name, found.subject.node) == ("stale-name", "")
    assert found.sentence.startswith("every node")


def test_an_address_that_no_task_ever_had_is_stale() -> None:
    """An entry out of nowhere."""
    seen = watch()
    strange = NameView(M, "10.0.1.250", 0.0, 6.0, None, held=True)

    verdict = names_fresh(dataclasses.replace(seen, views=(*seen.views, strange)))

    assert [(one.name, one.subject.address) for one in verdict.findings] == [("stale-name", "10.0.1.250")]


def test_a_death_that_nobody_saw_is_unknown() -> None:
    """A node that never reached the tasks cannot say how long they were named in vain."""
    blind = names_fresh(watch(lambda v: dataclasses.replace(v, alive=None) if v.node == W1 else v))
    gone = names_fresh(dataclasses.replace(watch(), missing=((M, "its task failed"),)))
    nobody = names_fresh(dataclasses.replace(watch(), spans=()))
    still = names_fresh(dataclasses.replace(watch(), joined=(), left=()))

    assert [one.state for one in (blind, gone, nobody, still)] == [State.UNKNOWN] * 4
    assert W1 in blind.sentence


def test_a_node_that_hears_nothing_and_is_not_heard_of_is_one_finding() -> None:
    """D1, gossip blocked on W1, as the lab showed it: nobody names its task, it names nobody else's."""
    hosts = dict(watch().hosts)

    verdict = names_fresh(watch(lambda v: v if (v.node == W1) == (hosts[v.address] == W1) else None))

    (found,) = verdict.findings
    assert (found.name, found.subject.node) == ("names-cut-off", W1)
    assert found.modes[0] == "D1"
