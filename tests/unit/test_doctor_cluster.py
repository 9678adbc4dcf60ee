"""What the manager alone tells, as the preflight judges it: API, quorum, nodes, versions, clocks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from harness.doctor import cluster
from harness.doctor.ground import Ground
from harness.doctor.lines import State
from harness.errors import Exit
from harness.model import Availability, Node, Role
from tests.doctor_ground import asked, engine, ground, one
from tests.mesh_spec import MANAGER, NODES, W1, W2, node
from tests.mesh_swarm import world


def _nodes(*nodes: Node) -> Ground:
    return ground(world().told(nodes=nodes))


def _manager(name: str, *, leader: bool = False, **changed: Any) -> Node:
    told = {"reachability": "reachable", "role": Role.MANAGER, "leader": leader, **changed}
    return dataclasses.replace(node(W1), id=f"id-{name}", hostname=name, **told)


@pytest.mark.parametrize(
    ("changed", "state", "exit_code"),
    [
        ({}, State.OK, Exit.UPHELD),
        ({"spoken": "1.40"}, State.STOP, Exit.BAD_REQUEST),
        ({"trouble": "no answer"}, State.UNKNOWN, Exit.UNKNOWN),
    ],
)
def test_the_api_that_is_spoken(changed: dict[str, str], state: State, exit_code: Exit) -> None:
    """Outside of ours nothing can be carried out: the request is wrong, not the swarm."""
    line = one(cluster.api(ground(preflight=asked(engines=(engine(MANAGER, **changed),)))))

    assert (line.state, line.exit) == (state, exit_code)


LEAD, SECOND, THIRD = _manager("a", leader=True), _manager("b"), _manager("c")
AWAY = _manager("c", reachability="unreachable", state="down")


@pytest.mark.parametrize(
    ("nodes", "state", "told"),
    [
        ((LEAD, SECOND, THIRD), State.OK, "3 of 3 managers reachable, 2 needed, leader a"),
        ((LEAD, SECOND, AWAY), State.OK, "2 of 3 managers reachable, 2 needed, leader a"),
        ((LEAD, SECOND), State.WARN, "2 of 2 managers reachable, 2 needed, leader a"),
        ((LEAD, AWAY), State.STOP, "1 of 2 managers reachable, 2 needed, leader a"),
        ((SECOND, THIRD, AWAY), State.STOP, "2 of 3 managers reachable, 2 needed, leader none"),
        ((LEAD, _manager("b", leader=True), THIRD), State.STOP, "leader a, b"),
        ((node(W1),), State.UNKNOWN, "no manager"),
    ],
    ids=["three", "one away", "even", "no majority", "no leader", "two leaders", "none told"],
)
def test_a_majority_and_exactly_one_leader(nodes: tuple[Node, ...], state: State, told: str) -> None:
    """The sentence counts."""
    line = one(cluster.quorum(_nodes(*nodes)))

    assert line.state is state
    assert told in line.told


def test_a_swarm_that_has_no_leader_says_so_itself() -> None:
    """Then the manager answers nothing else."""
    found = ground(world().told(nodes=()), preflight=asked(leaderless="The swarm does not have a leader"))

    line = one(cluster.quorum(found))

    assert (line.state, line.exit) == (State.STOP, Exit.REFUTED)
    assert "does not have a leader" in line.told
    assert {one(judge(found)).state for judge in (cluster.nodes, cluster.size, cluster.versions)} == {
        State.UNKNOWN
    }


def test_a_node_that_is_not_ready_is_named() -> None:
    """The swarm is at fault."""
    line = one(cluster.nodes(_nodes(node(MANAGER), node(W1, state="down"), node(W2))))

    assert (line.state, line.nodes, line.exit) == (State.STOP, (W1,), Exit.REFUTED)
    assert "down" in line.told


def test_nodes_that_share_a_name_cannot_be_told_apart() -> None:
    """Jobs answer by hostname."""
    line = one(cluster.nodes(_nodes(node(MANAGER), node(W1), node(W1, id="another"))))

    assert (line.state, W1 in line.told) == (State.WARN, True)


def test_all_nodes_ready() -> None:
    """With their number."""
    line = one(cluster.nodes(ground()))

    assert (line.state, line.told) == (State.OK, "all 3 are Ready")


@pytest.mark.parametrize(
    ("nodes", "state", "exit_code"),
    [
        (tuple(map(node, NODES)), State.OK, Exit.UPHELD),
        ((node(MANAGER), node(W1, availability=Availability.DRAIN)), State.WARN, Exit.UPHELD),
        ((node(MANAGER),), State.STOP, Exit.BAD_REQUEST),
    ],
    ids=["three", "one drained", "one"],
)
def test_enough_nodes_to_balance_between(nodes: tuple[Node, ...], state: State, exit_code: Exit) -> None:
    """A swarm of one works, but the request cannot be carried out on it."""
    line = one(cluster.size(_nodes(*nodes)))

    assert (line.state, line.exit) == (state, exit_code)


@pytest.mark.parametrize(
    ("engines", "state", "told"),
    [
        (("26.1.5+dfsg1",) * 3, State.OK, "engine 26.1.5+dfsg1, kernel 6.12.57"),
        (("26.1.5", "28.3.3", "26.1.5"), State.WARN, "engines differ: 26.1.5 on 2, 28.3.3 on 1"),
        (("28.0.0",) * 3, State.STOP, "28.0.0 drops what comes to published ports (moby#49536)"),
        (("28.0.1",) * 3, State.OK, "engine 28.0.1"),
        (("28.2.2",) * 3, State.WARN, "28.2.2 loses names"),
        (("29.6.1",) * 3, State.WARN, "29.6.1 loses or keeps forwarding entries"),
        (("29.6.2",) * 3, State.WARN, "29.6.2 forgets names"),
        (("29.8.0",) * 3, State.WARN, "29.8.0 does not put forwarding entries back"),
        (("27.0.2",) * 3, State.WARN, "overlapping subnets"),
        (("", "", ""), State.UNKNOWN, "not known"),
    ],
)
def test_versions_that_differ_or_are_known_to_be_bad(
    engines: tuple[str, ...], state: State, told: str
) -> None:
    """As failure-modes names them; a swarm on 28.0.0 cannot publish anything."""
    nodes = tuple(node(name, engine=version) for name, version in zip(NODES, engines, strict=True))

    line = one(cluster.versions(_nodes(*nodes)))

    assert line.state is state
    assert told in line.told


@pytest.mark.parametrize(
    ("ahead", "state", "told"),
    [
        (0.9, State.OK, "within 5 s"),
        (-5.0, State.OK, "within 5 s"),
        (12.0, State.WARN, "12 s ahead of the manager"),
        (-90.4, State.WARN, "90 s behind the manager"),
        (7200.0, State.STOP, "7200 s ahead"),
    ],
)
def test_clocks_that_disagree(ahead: float, state: State, told: str) -> None:
    """Certificates are dated back by an hour and no more."""
    line = next(line for line in cluster.clock(ground(clocks={W1: ahead})) if W1 in line.nodes)

    assert line.state is state
    assert told in line.told


def test_clocks_that_were_not_read() -> None:
    """Of one node, of all, or because no job could run."""
    found = ground()
    partly = dataclasses.replace(found.look, clocks=((MANAGER, 0.0), (W2, 0.1)))
    none = dataclasses.replace(found.look, clocks=())

    line = one(cluster.clock(dataclasses.replace(found, look=partly)))
    assert (line.state, line.nodes, line.exit) == (State.UNKNOWN, (W1,), Exit.UNKNOWN)
    assert one(cluster.clock(dataclasses.replace(found, look=none))).state is State.UNKNOWN
    refused = dataclasses.replace(found, look=none, asked=asked(trouble="the engine refuses"))
    assert one(cluster.clock(refused)).told == "the engine refuses"
