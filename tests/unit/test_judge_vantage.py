"""The judge of vantage points: each set of dead ones has its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.evidence import Cluster, Vantage
from harness.judge.vantage import vantages_agree
from harness.judge.verdict import State
from tests.pair_swarm import NODES, W1, W2, M, mesh, vantages

Where = Callable[[Vantage], bool]


def dead(where: Where) -> Callable[[Vantage], int]:
    """All six requests lost, where it says so."""
    return lambda one: 6 if where(one) else 0


def test_a_port_that_answers_everybody_is_upheld() -> None:
    """Every vantage is counted, and what ::1 did is told."""
    verdict = vantages_agree(vantages(), mesh())

    assert verdict.state is State.UPHELD
    assert "6 vantage points" in verdict.sentence
    assert "::1: refused" in verdict.sentence
    assert verdict.witnesses == ("outside", "inside")


@pytest.mark.parametrize(
    ("where", "name", "mode"),
    [
        (lambda one: one.kind == "127.0.0.1", "localhost-path-broken", "A7"),
        (lambda one: one.kind in {"127.0.0.1", "own"}, "local-path-broken", "A2"),
        (lambda one: one.kind == "own", "own-address-broken", "A2"),
        (lambda one: one.kind in {"outside", "peer"}, "remote-path-broken", "A2"),
        (lambda one: one.kind in {"outside", "peer", "task"}, "remote-path-broken", "A2"),
        (lambda one: one.kind == "outside", "outside-path-blocked", "A5"),
        (lambda _: True, "entry-dead", "A1"),
    ],
    ids=["loopback", "node itself", "own address", "others", "others and tasks", "outside", "all"],
)
def test_the_dead_vantages_of_a_node_name_its_chain(where: Where, name: str, mode: str) -> None:
    """Host entry: PREROUTING, OUTPUT, route_localnet, or a firewall in between."""
    verdict = vantages_agree(vantages(dead(lambda one: one.entry == W1 and where(one))))

    named = [one for one in verdict.findings if one.name != "task-path-broken"]
    assert [(one.name, one.subject.node) for one in named] == [(name, W1)]
    assert mode in named[0].modes


def test_one_cause_is_one_finding_though_tasks_suffer_too() -> None:
    """PREROUTING's jump is gone: tasks of other nodes come from remote as well."""
    verdict = vantages_agree(
        vantages(dead(lambda one: one.entry == W1 and one.kind in {"outside", "peer", "task"}))
    )

    assert [one.name for one in verdict.findings] == ["remote-path-broken"]


def test_a_node_whose_tasks_get_nowhere_is_named_as_theirs() -> None:
    """docker_gwbridge or its MASQUERADE rule on W2."""
    verdict = vantages_agree(vantages(dead(lambda one: one.kind == "task" and one.source == W2)))

    assert [(one.name, one.subject.node) for one in verdict.findings] == [("task-path-broken", W2)]


def test_a_peer_that_alone_is_not_answered_names_both() -> None:
    """A rule on M against W1's address."""
    verdict = vantages_agree(vantages(dead(lambda one: (one.kind, one.source, one.entry) == ("peer", W1, M))))

    (found,) = verdict.findings
    assert (found.name, found.subject.node, found.subject.address) == ("peer-path-blocked", M, W1)


def test_a_share_that_is_lost_behind_the_balancer_is_the_overlays() -> None:
    """With a cut way the entries lose a share from everywhere: explained there, counted here."""
    seen = vantages(lambda one: 2 if one.entry in {W1, W2} else 0)

    explained = vantages_agree(seen, mesh(deaf={(W2, W1)}))
    alone = vantages_agree(seen, mesh())

    assert explained.state is State.UPHELD
    assert "of them lost" in explained.sentence
    assert [(one.name, one.subject.node) for one in alone.findings] == [
        ("requests-lost-at-entry", W1),
        ("requests-lost-at-entry", W2),
    ]


@pytest.mark.parametrize("outcome", ["read-timeout", "connect-timeout", "reset"])
def test_on_ipv6_loopback_hanging_refutes_and_refusing_does_not(outcome: str) -> None:
    """A8, with the engine unknown or new."""
    new = Cluster("cluster-1", 0.0, (), engine="29.8.0")
    for known in (None, new):
        verdict = vantages_agree(vantages(v6=outcome), mesh(), known)
        assert {one.name for one in verdict.findings} == {"ipv6-hangs"}
    for fine in ("ok", "unreachable"):
        assert vantages_agree(vantages(v6=fine)).state is State.UPHELD


def test_an_old_engine_hangs_alike_on_every_node_and_that_is_told() -> None:
    """moby/moby#53091: nothing is broken on this swarm; but a node that differs is."""
    old = Cluster("cluster-1", 0.0, (), engine="26.1.5+dfsg1")
    seen = vantages(v6="read-timeout")
    odd = tuple(
        dataclasses.replace(one, outcomes=(("refused", 2),)) if (one.kind, one.entry) == ("::1", M) else one
        for one in seen.vantages
    )

    alike = vantages_agree(seen, None, old)

    assert alike.state is State.UPHELD
    assert "as engines below 29.8 do (26.1.5+dfsg1)" in alike.sentence
    differs = vantages_agree(dataclasses.replace(seen, vantages=odd), None, old)
    assert [(one.name, one.subject.node) for one in differs.findings] == [("ipv6-differs", M)]
    assert vantages_agree(vantages(v6="connect-timeout"), None, old).state is State.REFUTED


def test_who_was_not_asked_is_unknown() -> None:
    """No answer from a node's job, an entry nobody asked, nobody at all."""
    gone = dataclasses.replace(vantages(), missing=((W1, "its task failed"),))
    unasked = dataclasses.replace(
        vantages(), vantages=tuple(one for one in vantages().vantages if one.entry != W2)
    )

    assert [vantages_agree(one).state for one in (gone, unasked)] == [State.UNKNOWN] * 2
    assert vantages_agree(dataclasses.replace(vantages(), vantages=())).state is State.UNKNOWN
    assert len(NODES) == 3


def test_an_entry_that_no_task_reaches_is_one_finding() -> None:
    """Hosts are answered there; the tasks of all nodes are not."""
    verdict = vantages_agree(vantages(dead(lambda one: one.kind == "task" and one.entry == M)))

    assert [(one.name, one.subject.node) for one in verdict.findings] == [("tasks-blocked-at-entry", M)]


def test_one_lost_now_and_then_is_counted_and_half_of_a_vantage_is_told() -> None:
    """A busy machine loses a request; a stale backend takes its share from everywhere."""
    rare = vantages_agree(vantages(lambda one: 1 if (one.kind, one.entry) == ("own", M) else 0))
    half = vantages_agree(vantages(lambda one: 3 if (one.kind, one.entry) == ("own", M) else 0))
    stale = vantages_agree(vantages(lambda one: 1 if one.entry == M and one.kind != "own" else 0))

    assert (rare.state, rare.numbers["lost"]) == (State.UPHELD, 1)
    for told in (half, stale):
        assert [(one.name, one.subject.node) for one in told.findings] == [("requests-lost-at-entry", M)]
