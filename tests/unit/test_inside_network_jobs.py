"""Jobs about VIPs and networks, and plain containers, as evidence in a journal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import Unmeasurable
from harness.evidence import Frames, Quiet, Sent
from harness.inside import around, onwire, vip
from harness.inside.around import Questions
from harness.inside.onwire import Ends
from harness.inside.witness import Ask
from harness.journal import Journal, load
from harness.judge.apart import joins
from harness.judge.verdict import State
from harness.judge.vip import dies_when_silent
from harness.lab import idling
from harness.lab.protocol import Lab
from harness.model import Attachment, Network, Replica
from harness.shell import Done
from tests.inside_bench import FakeClock, FakeSwarm, lines, node

NETWORK = Network("net", "h-net", "overlay", "swarm", ("10.0.1.0/24",))
HOW = Ask(requests=2, expect="r/s", image="i")
M1 = Replica("task1", 1, "m", (Attachment("net", "10.0.1.5"), Attachment("ingress", "10.0.0.5")))
W1 = Replica("task2", 2, "w", (Attachment("net", "10.0.1.6"),))


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[FakeSwarm]:
    """Two nodes."""
    with Journal(tmp_path / "journal.jsonl") as journal:
        yield FakeSwarm(journal, FakeClock(), [node("m"), node("w")])


def service(*replicas: Replica) -> Any:
    """A service of these replicas."""
    return SimpleNamespace(id="s", name="web", port=8080, replicas=lambda: replicas)


class Balancing:
    """A lab whose nodes have a timeout each for silent connections; ``dead`` ones refuse another."""

    def __init__(self, **seconds: str) -> None:
        self.nodes, self.dead = seconds, ""
        self.seen: list[tuple[str, str]] = []
        self.lab = cast("Lab", SimpleNamespace(exec=self._exec))

    def _exec(self, at: str, argv: Sequence[str]) -> Done:
        if "--set" not in argv[2]:
            return Done(tuple(argv), 0, f"{self.nodes[at]}\n", "")
        if at == self.dead:
            return Done(tuple(argv), 1, "", "Operation not permitted")
        assert argv[4] == "/var/run/docker/netns/lb_012345678"
        self.nodes[at] = argv[5]
        self.seen.append((at, argv[5]))
        return Done(tuple(argv), 0, "", "")


def test_a_short_timeout_is_put_back_whatever_happens() -> None:
    """Each node its own."""
    lab = Balancing(m="900", w="60")

    with contextlib.suppress(ZeroDivisionError), idling.forgetful(lab.lab, ["m", "w"], "0123456789ab", 4):
        assert lab.nodes == {"m": "4", "w": "4"}
        raise ZeroDivisionError

    assert lab.nodes == {"m": "900", "w": "60"}


def test_a_node_that_refuses_ends_it_for_all() -> None:
    """Those before it get theirs back; so does one without a balancer."""
    refusing, lacking = Balancing(m="900", w="900"), Balancing(m="900", w="")
    refusing.dead = "w"

    for lab, says in ((refusing, "on w: Operation not permitted"), (lacking, "w has no balancer")):
        with (
            pytest.raises(Unmeasurable, match=says),
            idling.forgetful(lab.lab, ["m", "w"], "0123456789ab", 4),
        ):
            pass
        assert lab.nodes["m"] == "900"


def test_silence_is_journaled_as_it_was(swarm: FakeSwarm, tmp_path: Path) -> None:
    """The timeout was short while scripts were ready, and is not any more."""
    lab = Balancing(m="900", w="900")
    network = Network("0123456789ab", "h-net", "overlay", "swarm")
    for name in ("m", "w"):
        swarm.log[name] = lines(
            name,
            {"kind": "ready"},
            {"kind": "quiet", "rows": [["silent", 9.0, "reset"], ["silent", 9.1, "reset"], ["x", 1, "odd"]]},
            {"kind": "timeouts", "before": 900, "during": 4, "after": 4},
        )

    seen = vip.stay_silent(swarm, lab.lab, service(M1), network, "i")

    assert lab.seen == [("m", "4"), ("w", "4"), ("w", "900"), ("m", "900")]
    assert seen.timeouts == (("m", 900, 4), ("w", 900, 4))
    assert seen.quiet[0] == Quiet("m", "silent", 9.1, (("reset", 2),))
    assert load(tmp_path / "journal.jsonl").evidence[seen.id] == seen
    assert dies_when_silent(seen).state is State.UNKNOWN  # no other kind was told


def test_a_services_tasks_are_asked_where_they_run(swarm: FakeSwarm, tmp_path: Path) -> None:
    """By their addresses on the shared network; what a node tells of another's task does not count."""
    told = {"names": [["task1", "10.0.1.2"]], "outcomes": [["task1", "ok", 2], ["task2", "ok", 2]]}
    replicas = {"replicas": [["task1", "task1", 1], ["task1", "task2", 1]]}
    swarm.log["m"] = lines(
        "m", *({"kind": kind, "rows": rows} for kind, rows in {**told, **replicas}.items())
    )

    seen = vip.from_own_tasks(swarm, service(M1, W1), NETWORK, HOW)

    args = json.loads(swarm.specs[0].env["HARNESS_ARGS"])
    assert args["tasks"] == [["task1", "10.0.1.5"], ["task2", "10.0.1.6"]]
    assert seen.vips == ("10.0.1.2",)
    assert [(one.task, one.node, one.asked) for one in seen.tasks] == [("task1", "m", 2), ("task2", "w", 0)]
    assert seen.tasks[0].replicas == (("task1", 1), ("task2", 1))
    assert load(tmp_path / "journal.jsonl").evidence[seen.id] == seen


def test_a_capture_holds_what_left_and_what_was_sent(swarm: FakeSwarm, tmp_path: Path) -> None:
    """Both jobs' words, and that frames went by unseen; numbers that cannot be are left out."""
    for name, peer in (("m", "w"), ("w", "m")):
        swarm.log[name] = lines(
            name,
            {"kind": "ready"},
            {"kind": "frames", "rows": [[peer, 5, 0, 6], [peer, -1, 0, 0]]},
            {"kind": "lost", "frames": 3 if name == "w" else 0},
            {"kind": "sent", "rows": [[peer, "sealed", 6, 5], [peer, "odd", 1, 1], [peer, "plain", 1, 2]]},
        )
    sealed = Network("sealed", "h-sealed", "overlay", "swarm", encrypted=True)

    seen = onwire.capture(swarm, (sealed, NETWORK), Ends([("m", "10.0.2.5")], [("m", "10.0.1.5")]), "i")

    assert seen.frames == (Frames("m", "w", 5, 0, 6), Frames("w", "m", 5, 0, 6))
    assert seen.sent == (Sent("m", "w", "sealed", 6, 5), Sent("w", "m", "sealed", 6, 5))
    assert (seen.network, seen.lost) == ("h-sealed", (("w", 3),))
    assert load(tmp_path / "journal.jsonl").evidence[seen.id] == seen
    networks = {spec.networks for spec in swarm.specs}
    assert networks == {("host",), ("sealed", "net")}


class Running:
    """A lab whose nodes run containers; ``log``: what each prints, or why it does not."""

    def __init__(self, **log: list[str] | str) -> None:
        self.log = log
        self.argv: dict[str, Sequence[str]] = {}

    def exec(self, at: str, argv: Sequence[str], *, bound: float, stdin: bytes) -> Done:
        """As the lab does."""
        assert bound > 0
        assert stdin.startswith(b"PK")
        self.argv[at] = argv
        told = self.log[at]
        if isinstance(told, str):
            return Done(tuple(argv), 125, "", told)
        return Done(tuple(argv), 0, "\n".join(told), "")


def test_a_plain_container_tells_as_a_task_does(swarm: FakeSwarm) -> None:
    """On every node; labelled, on the network by its name, and gone afterwards."""
    records = (
        {"kind": "answers", "rows": [["web", "10.0.1.2", 3]]},
        {"kind": "reached", "rows": [["h-net", a, "ok", "task1", 1] for a in ("10.0.1.2", "10.0.1.5")]},
    )
    lab = Running(m=lines("m", *records), w="docker: no such network")
    questions = Questions([("web", 3, 1)], [(NETWORK, "10.0.1.5")], "r/s")

    seen = around.look_plain(swarm, cast("Lab", lab), NETWORK, questions, "i")

    assert (seen.asker, seen.nodes) == ("container", ("m",))
    assert seen.missing == (("w", "docker: no such network"),)
    assert {"harness.run=abc123", "h-net", "i"} <= set(lab.argv["m"])
    assert "HARNESS_NODE=m" in lab.argv["m"]
    roster = SimpleNamespace(replicas=(M1,))
    verdict = joins(seen, cast("Any", roster), name="web", vips=["10.0.1.2"])
    assert (verdict.state, verdict.findings) == (State.UNKNOWN, ())
