"""Taking the evidence of a preflight on a swarm in memory: what does not answer is evidence, no error."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import journal
from harness import lab as labs
from harness.config import Settings
from harness.doctor.lines import State
from harness.doctor.preflight import examine
from harness.engine.dockerd import DockerEngine
from harness.engine.failures import FlickerError
from harness.errors import Interrupted, RequestError, Unmeasurable
from harness.evidence import Preflight
from harness.inside import kernel
from harness.lab.protocol import Endpoint, LabNode, Role
from harness.progress import Silent
from harness.stage import opening, preflight
from tests.contract.swarms import Bench, bench

SETTINGS = Settings(published_port=8321)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A swarm of three nodes, all of which answer."""
    monkeypatch.setattr(opening, "answer", lambda address, port: "open")
    found = bench(tmp_path)
    yield found
    found.swarm.close()
    found.journal.close()


def take(made: Bench, *, in_lab: bool = False) -> preflight.Taken:
    """The evidence of an attached swarm."""
    return preflight.take(made.swarm, SETTINGS, Silent(), in_lab=in_lab)


def states(taken: preflight.Taken) -> dict[str, State]:
    """The worst state of each check."""
    return {line.check: line.state for line in reversed(examine(taken.ground))}


def test_manager_registry_and_ways_are_asked_and_kept(made: Bench) -> None:
    """Of images that the manager has a registry is asked too: other nodes may have to pull them."""
    taken = take(made)

    asked = taken.asked
    assert journal.load(made.journal.path).evidence[asked.id] == asked
    assert (asked.manager, asked.lab, asked.ports) == ("swarm-manager", False, (8321, 8322, 8323, 8324))
    assert [(one.node, one.live_restore, one.spoken) for one in asked.engines] == [
        ("swarm-manager", False, "1.44")
    ]
    assert asked.engines[0].lacking == ("xiaopeng163/flask-redis:latest",)
    assert dict(asked.registry)["redis:7"] == "known"
    assert dict(asked.registry)["xiaopeng163/flask-redis:latest"] == "absent"
    assert [one[::2] for one in asked.reach] == [
        ("swarm-manager", "open"),
        ("swarm-worker1", "open"),
        ("swarm-worker2", "open"),
    ]
    assert made.engine.services() == ()
    assert made.engine.configs() == ()


def test_nodes_whose_job_told_nothing_are_unknown(made: Bench) -> None:
    """The fake's tasks write no log."""
    taken = take(made)

    assert [node for node, _ in taken.look.missing] == ["swarm-manager", "swarm-worker1", "swarm-worker2"]
    assert taken.asked.trouble == ""
    found = states(taken)
    assert (found["kernel"], found["ports"], found["quorum"]) == (State.UNKNOWN, State.UNKNOWN, State.OK)
    assert (found["images"], found["outside"]) == (State.STOP, State.OK)


@pytest.mark.parametrize("error", [RequestError("capability refused"), Unmeasurable("it went away")])
def test_a_job_that_cannot_run_leaves_the_other_checks_be(
    made: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Its reason stands in every line that needed it."""

    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(kernel, "look", refused)
    taken = take(made)

    lines = {line.check: line for line in examine(taken.ground)}
    assert lines["kernel"].told == f"the job that reads the kernels could not run: {error}"
    assert lines["quorum"].state is State.OK
    assert taken.judged().basis is not None


def test_an_interrupt_is_not_evidence(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the command."""

    def stopped(*_: object, **__: object) -> None:
        raise Interrupted("stopped")

    monkeypatch.setattr(kernel, "look", stopped)

    with pytest.raises(Interrupted):
        take(made)


def test_a_swarm_without_a_leader_is_evidence(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other silence of the manager is an error."""
    words = "the engine at x could not answer: The swarm does not have a leader"

    def leaderless() -> None:
        raise FlickerError(words)

    monkeypatch.setattr(made.engine, "nodes", leaderless)
    taken = take(made)
    assert (taken.asked.leaderless, states(taken)["quorum"]) == (words, State.STOP)

    made.engine.away = True
    with pytest.raises(Unmeasurable):
        take(made)


def test_a_registry_that_does_not_answer_is_told_in_its_own_words(
    made: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error, and nothing green."""

    def silent(name: str) -> bool:
        raise Unmeasurable(f"no answer of the registry of {name}")

    monkeypatch.setattr(made.engine, "registry_has", silent)
    taken = take(made)

    assert dict(taken.asked.registry)["redis:7"] == "no answer of the registry of redis:7"
    assert states(taken)["images"] is State.UNKNOWN


def test_on_a_lab_every_engine_is_asked(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer is told, and is no error."""
    nodes = [LabNode(f"swarm-{name}", "192.0.2.1", Role.WORKER) for name in ("manager", "worker1", "worker2")]
    end = Endpoint("tcp://192.0.2.1:2376", Path("ca"), Path("cert"), Path("key"))
    lab = types.SimpleNamespace(nodes=nodes, endpoint_of=lambda name: end)
    monkeypatch.setattr(labs, "find", lambda: lab)

    def opened(url: str, tls: object, *, name: str) -> object:
        if name == "swarm-worker2":
            raise Unmeasurable("no answer in time")
        return types.SimpleNamespace(
            version=made.engine.version,
            info=made.engine.info,
            has_image=lambda image: True,
            close=lambda: None,
        )

    monkeypatch.setattr(DockerEngine, "open", opened)
    asked: Preflight = take(made, in_lab=True).asked

    told = {one.node: one for one in asked.engines}
    assert (len(told["swarm-worker1"].images), told["swarm-worker1"].trouble) == (4, "")
    assert told["swarm-worker2"].trouble == "no answer in time"
    assert asked.lab
