"""Names, places and the lock that tells whether a lab lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import RequestError, Unmeasurable
from harness.lab.protocol import Role
from harness.lab.uml import state

LOCKER = """
import sys
from pathlib import Path
from harness.lab.uml import state
lock = state.keep_alive_lock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_nodes_have_the_documented_names_and_addresses() -> None:
    """Three managers and two workers are named and numbered as the documentation says."""
    found = [(node.hostname, node.address.rpartition(".")[2], node.role) for node in state.plan(3, 2)]
    assert found == [
        ("swarm-manager", "10", Role.MANAGER),
        ("swarm-manager2", "20", Role.MANAGER),
        ("swarm-manager3", "21", Role.MANAGER),
        ("swarm-worker1", "11", Role.WORKER),
        ("swarm-worker2", "12", Role.WORKER),
    ]


@pytest.mark.parametrize(("managers", "workers"), [(0, 3), (1, -1), (1, 9), (9, 1)])
def test_impossible_numbers_are_refused(managers: int, workers: int) -> None:
    """No manager, a negative number or a tenth node is a wrong request."""
    with pytest.raises(RequestError, match="at least 1 manager and at most 9 nodes"):
        state.plan(managers, workers)


def test_addresses_never_collide() -> None:
    """Every possible lab gives each node an address and a name of its own."""
    for managers in range(1, 10):
        nodes = state.plan(managers, 9 - managers)
        assert len({node.address for node in nodes}) == len({node.hostname for node in nodes}) == 9


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """HARNESS_CACHE decides, then XDG_CACHE_HOME."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    assert state.cache_root() == tmp_path / "xdg" / "swarm-harness"
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "own"))
    assert state.cache_root() == tmp_path / "own"


def test_a_labs_name_cannot_leave_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a path in it is refused."""
    monkeypatch.setenv("HARNESS_LAB", "../elsewhere")
    with pytest.raises(RequestError, match="no name for a lab"):
        state.lab_key()


def test_nobody_holds_a_lab_that_never_was(tmp_path: Path) -> None:
    """Without the file, and with the file but no lock, no holder lives."""
    where = state.Places(tmp_path)
    assert state.holder_pid(where) is None
    where.alive.touch()
    assert state.holder_pid(where) is None
    assert not state.kill_holder(where)


def test_the_holder_is_known_by_its_lock_and_dies_of_it(tmp_path: Path) -> None:
    """The kernel names the process with the lock; killing the holder kills that one and frees the lock."""
    where = state.Places(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(where.alive)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"locked\n"
        assert state.holder_pid(where) == child.pid
        assert state.kill_holder(where)
        assert child.wait(timeout=10) == -9
    assert state.holder_pid(where) is None


def test_a_turn_is_taken_by_one_at_a_time(tmp_path: Path) -> None:
    """While one changes the lab, another is told so."""
    path = tmp_path / "turn"
    with (
        state.locked(path, bound=0.0, busy="x"),
        pytest.raises(Unmeasurable, match="another process is painting"),
        state.locked(path, bound=0.0, busy="painting"),
    ):
        pass
    with state.locked(path, bound=0.0, busy="x"):
        assert path.exists()


def test_a_record_survives_the_disk_and_nonsense_does_not(tmp_path: Path) -> None:
    """What was saved is read back; a half-written or foreign file is as good as none."""
    record = state.Record(1, 2, "disk/base.img", "tools", 1536, {"docker.io": "26.1"})
    path = tmp_path / "lab.json"
    record.save(path)
    assert state.Record.load(path) == record
    path.write_text(path.read_text()[:20])
    assert state.Record.load(path) is None
    path.write_text('{"managers": 1}')
    assert state.Record.load(path) is None
