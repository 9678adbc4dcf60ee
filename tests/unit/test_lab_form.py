"""Engines become one swarm, whatever state they are found in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from harness.lab.uml import form


class FakeSwarm:
    """Engines by address, with the little that forming a swarm asks of them."""

    def __init__(self) -> None:
        self.members: dict[str, str] = {}
        self.refuse_join = ""
        self.calls: list[tuple[str, str]] = []

    def engine(self, address: str, certs: Path) -> FakeEngine:
        """The engine at ``address``."""
        return FakeEngine(self, address)


class FakeEngine:
    """One engine."""

    def __init__(self, swarm: FakeSwarm, address: str) -> None:
        self.swarm, self.address = swarm, address

    def wait(self, until: float) -> dict[str, Any]:
        """Answers at once."""
        state = "active" if self.address in self.swarm.members else "inactive"
        return {"ServerVersion": "26.1.5", "Swarm": {"LocalNodeState": state}}

    def call(self, method: str, path: str, body: Any = None, *, bound: float = 10.0) -> Any:
        """The requests that a former makes."""
        self.swarm.calls.append((self.address, path))
        if path == "/swarm/init":
            self.swarm.members[self.address] = "manager"
        elif path == "/swarm/join":
            if self.swarm.refuse_join:
                raise RuntimeError(self.swarm.refuse_join)
            self.swarm.members[self.address] = {"M": "manager", "W": "worker"}[body["JoinToken"]]
        elif path == "/swarm":
            return {"JoinTokens": {"Manager": "M", "Worker": "W"}}
        elif path == "/nodes":
            return [
                {"Description": {"Hostname": address}, "Status": {"State": "ready"}}
                for address in self.swarm.members
            ]
        return None


NODES = [
    {"hostname": "10.0.0.1", "address": "10.0.0.1", "role": "manager"},
    {"hostname": "10.0.0.2", "address": "10.0.0.2", "role": "manager"},
    {"hostname": "10.0.0.3", "address": "10.0.0.3", "role": "worker"},
]


@pytest.fixture
def swarm(monkeypatch: pytest.MonkeyPatch) -> FakeSwarm:
    """Engines without a swarm."""
    fake = FakeSwarm()
    monkeypatch.setattr(form, "Engine", fake.engine)
    return fake


def run(said: list[tuple[str, str]] | None = None) -> None:
    """Form a swarm of all nodes."""
    heard = said if said is not None else []
    form.Former(NODES, Path(), time.monotonic() + 5.0, lambda *note: heard.append(note)).run()


def test_fresh_engines_become_one_swarm_with_their_roles(swarm: FakeSwarm) -> None:
    """The first manager founds it, all others join with the token of their role, and each is told of."""
    said: list[tuple[str, str]] = []
    run(said)
    assert swarm.members == {"10.0.0.1": "manager", "10.0.0.2": "manager", "10.0.0.3": "worker"}
    assert {name for name, note in said if note == "in the swarm"} == {node["hostname"] for node in NODES}


def test_a_standing_swarm_is_left_alone(swarm: FakeSwarm) -> None:
    """Run again, it only looks."""
    run()
    swarm.calls.clear()
    run()
    assert {path for _, path in swarm.calls} == {"/swarm", "/nodes"}


def test_a_half_formed_swarm_is_completed(swarm: FakeSwarm) -> None:
    """Only the nodes that are missing join."""
    swarm.members["10.0.0.1"] = "manager"
    swarm.members["10.0.0.3"] = "worker"
    run()
    assert [call for call in swarm.calls if call[1] == "/swarm/join"] == [("10.0.0.2", "/swarm/join")]


def test_an_engine_that_refuses_ends_it_with_its_words(swarm: FakeSwarm) -> None:
    """What the engine said is what is reported."""
    swarm.refuse_join = "10.0.0.3: certificate expired"
    with pytest.raises(RuntimeError, match="certificate expired"):
        run()


def test_a_join_that_goes_on_by_itself_is_waited_for(
    swarm: FakeSwarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that gave up waiting but joins in the background counts once the manager sees it."""
    real = FakeEngine.call

    def slow(self: FakeEngine, method: str, path: str, body: Any = None, *, bound: float = 10.0) -> Any:
        answer = real(self, method, path, body, bound=bound)
        if path == "/swarm/join":
            raise RuntimeError("Timeout was reached. The attempt to join will continue in the background.")
        return answer

    monkeypatch.setattr(FakeEngine, "call", slow)
    run()
    assert len(swarm.members) == 3


def test_nodes_that_never_become_ready_are_listed(swarm: FakeSwarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline the error carries what the manager said of each."""
    monkeypatch.setattr(form, "POLL", 0.0)
    former = form.Former(NODES, Path(), 0.0, lambda *_: None)
    swarm.members["10.0.0.1"] = "manager"
    with pytest.raises(TimeoutError, match=r"not every node became ready: .*10\.0\.0\.1.*ready"):
        former._all_ready()
