"""Jobs that ask pair by pair, as evidence in a journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import RequestError
from harness.evidence import NameView, Way
from harness.inside import fresh, pairs, silence
from harness.inside.job import Job
from harness.inside.pairs import MESH, one_each
from harness.inside.runner import run_job
from harness.inside.witness import Ask
from harness.journal import Journal, load
from harness.judge.overlay import mesh_open
from harness.judge.verdict import State
from harness.model import Attachment, Network, Replica
from tests.ageing_lab import Ageing
from tests.inside_bench import FakeClock, FakeSwarm, lines, node

NETWORK = Network("net", "h-net", "overlay", "swarm")
HOW = Ask(requests=2, expect="r/s", image="i")
M1 = Replica("task1", 1, "m", (Attachment("net", "10.0.1.5"), Attachment("ingress", "10.0.0.5")))
W1 = Replica("task2", 2, "w", (Attachment("net", "10.0.1.6"),))
M2 = Replica("task3", 3, "m", (Attachment("net", "10.0.1.7"),))


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[FakeSwarm]:
    """Two nodes."""
    with Journal(tmp_path / "journal.jsonl") as journal:
        yield FakeSwarm(journal, FakeClock(), [node("m"), node("w")])


def service(*replicas: Replica) -> Any:
    """A service of these replicas."""
    return SimpleNamespace(id="s", name="web", port=8080, replicas=lambda: replicas)


def told_by(name: str, peer: str, own: str, other: str) -> list[str]:
    """A node whose task reached both tasks and its peer."""
    return lines(
        name,
        {"kind": "icmp", "rows": [["10.0.1.5", True, 1, 1.0], ["10.0.1.6", True, 1, 1.0]]},
        {"kind": "asked", "rows": [["10.0.1.5", "ok", "task1", "", 1], ["10.0.1.6", "ok", "task2", "", 1]]},
        {"kind": "self", "address": own, "heard": [[other, "udp"]]},
        {
            "kind": "mesh",
            "rows": [[other, peer, "udp", "open", "1 ms"], [other, peer, "tcp", "open", "1 ms"]],
        },
    )


def test_a_look_asks_every_task_by_its_own_address_and_keeps_what_came(
    swarm: FakeSwarm, tmp_path: Path
) -> None:
    """Addresses of the shared network only; the evidence can be judged again from the journal."""
    swarm.log["m"] = told_by("m", "w", "10.0.1.100", "10.0.1.101")
    swarm.log["w"] = told_by("w", "m", "10.0.1.101", "10.0.1.100")

    seen = pairs.look(swarm, service(M1, W1), NETWORK, HOW, [("m", "192.0.2.1")], frozenset({MESH}))

    (spec,) = swarm.specs
    args = json.loads(spec.env["HARNESS_ARGS"])
    assert args["tasks"] == [["10.0.1.5", "m"], ["10.0.1.6", "w"]]
    assert (args["sizes"], args["entries"]) == ([], [])
    assert load(tmp_path / "journal.jsonl").evidence[seen.mesh.id] == seen.mesh
    assert seen.mesh.ways == (Way("m", "w", arrived=True), Way("w", "m", arrived=True))
    assert mesh_open(seen.mesh).state is State.UPHELD
    assert len(seen.mesh.pairs) == 12
    assert (seen.sizes.tries, seen.vantages.vantages) == ((), ())


def test_a_node_that_tells_nothing_is_missing(swarm: FakeSwarm) -> None:
    """The others' pairs are kept, and nothing is made of it."""
    swarm.log["m"] = told_by("m", "w", "10.0.1.100", "10.0.1.101")
    swarm.log["w"] = []

    seen = pairs.look(swarm, service(M1, W1), NETWORK, HOW, [], frozenset({MESH}))

    assert dict(seen.mesh.missing)["w"].startswith("it told nothing")
    assert mesh_open(seen.mesh).state is State.UNKNOWN


def test_sizes_are_tried_with_one_task_of_every_node() -> None:
    """The first by slot: an MTU is a matter of nodes."""
    assert one_each([("10.0.1.5", M1), ("10.0.1.6", W1), ("10.0.1.7", M2)]) == ("10.0.1.5", "10.0.1.6")


def test_the_quiet_job_is_given_its_silence(swarm: FakeSwarm) -> None:
    """What is learned ages after 300 s where nobody set it; two silences and a start fit into its bound."""
    swarm.log["m"] = lines(
        "m",
        {"kind": "icmp", "rows": [["10.0.1.6", True, 1, 1.0]]},
        {"kind": "self", "address": "10.0.1.100", "heard": [["10.0.1.101", "udp"]]},
        {"kind": "mesh", "rows": [["10.0.1.101", "w", "udp", "open", "", 2]]},
    )

    seen = silence.first_packets(swarm, service(M1, W1), NETWORK, "i", None)

    args = json.loads(swarm.specs[0].env["HARNESS_ARGS"])
    assert (args["silence"], args["bound"]) == (302.0, 634.0)
    assert args["tasks"] == [["10.0.1.5", "m"], ["10.0.1.6", "w"]]
    assert (seen.silence, seen.ageing) == (302.0, 300.0)
    assert [(one.source, one.target, one.protocol, one.state, one.tries) for one in seen.pairs] == [
        ("m", "w", "icmp", "open", 1),
        ("w", "m", "icmp", "skipped", 0),
        ("m", "w", "udp", "open", 2),
    ]


def test_on_a_lab_the_silence_is_short_once_the_ageing_is(swarm: FakeSwarm) -> None:
    """It is set when every task is there, and put back; a job that never is ready shows nothing."""
    lab = Ageing({"m": {"vxlan0": "300"}, "w": {"vxlan0": "300"}})
    for name, own in (("m", "10.0.1.100"), ("w", "10.0.1.101")):
        swarm.log[name] = lines(
            name, {"kind": "ready", "address": own}, {"kind": "self", "address": own, "heard": []}
        )

    short = silence.first_packets(swarm, service(M1, W1), NETWORK, "i", lab.lab)
    assert lab.seen == {"2", "300"}
    swarm.log["w"] = swarm.log["m"] = []
    never = silence.first_packets(swarm, service(M1, W1), NETWORK, "i", lab.lab)

    assert (short.silence, short.ageing) == (12.0, 2.0)
    assert (never.silence, never.ageing) == (12.0, 300.0)
    assert {seconds for devices in lab.nodes.values() for seconds in devices.values()} == {"300"}


def test_of_works_side_by_side_the_failure_comes_out() -> None:
    """The other one is told to stop."""

    def fail(_: object) -> None:
        raise RequestError("refused")

    with pytest.raises(RequestError, match="refused"):
        pairs.together(fail, lambda stop: stop.wait(10))
    assert pairs.together(lambda _: 1, lambda _: 2) == [1, 2]


def test_ready_is_called_once_when_every_script_says_so(swarm: FakeSwarm) -> None:
    """And never by a job that does not say it."""
    calls: list[float] = []
    for name in ("m", "w"):
        swarm.log[name] = lines(name, {"kind": "ready", "addresses": []})
    job = Job("fresh", "i", {}, bound=5.0, start=20.0)

    run_job(swarm, job, ready=lambda: calls.append(swarm.clock.now()))
    first = list(calls)
    swarm.log["w"] = lines("w")
    run_job(swarm, job, ready=lambda: calls.append(swarm.clock.now()))

    assert len(first) == 1
    assert len(calls) == 1


class Scale:
    """Scales a scripted service: what its replicas are is told by ``now``."""

    def __init__(self, clock: FakeClock, states: Callable[[str], None]) -> None:
        self._clock, self._states = clock, states

    def up(self) -> float:
        """To the peak."""
        self._states("peak")
        return self._clock.now()

    def down(self) -> float:
        """Back."""
        self._states("after")
        return self._clock.now()


def test_names_are_followed_through_the_scaling(swarm: FakeSwarm) -> None:
    """Who stayed, who joined and who left is what the manager showed before, at the peak and after."""
    states = {"before": (M1,), "peak": (M1, W1, M2), "after": (M1,)}
    now = ["before"]
    asked = SimpleNamespace(id="s", name="web", port=0, replicas=lambda: states[now[-1]])
    for name in ("m", "w"):
        swarm.log[name] = lines(
            name,
            {"kind": "ready", "addresses": ["10.0.1.5"]},
            {"kind": "span", "rows": [[0.1, 3.0, 60, 0]]},
            {"kind": "views", "rows": [["10.0.1.5", 0.1, 3.0, 2.9, True]]},
        )
    scaling = Scale(FakeClock(), now.append)

    seen = fresh.follow(swarm, asked, NETWORK, "i", scaling, more=2)

    args = json.loads(swarm.specs[0].env["HARNESS_ARGS"])
    assert (args["name"], args["before"], args["peak"]) == ("tasks.web", 1, 3)
    assert now == ["before", "peak", "after"]
    assert seen.stayed == ("10.0.1.5",)
    assert seen.left == ("10.0.1.6", "10.0.1.7")
    assert [address for address, _ in seen.joined] == ["10.0.1.6", "10.0.1.7"]
    assert seen.views[0] == NameView("m", "10.0.1.5", 0.1, 3.0, 2.9, held=True)
