"""One direction of imports, no circles: each room may import those below it only."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# From top to bottom; rooms of one row do not import one another, except where a row says so.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("pytest_plugin", "cli"),
    ("mutants",),
    ("stage",),
    ("report",),
    ("doctor",),
    ("mesh", "faults", "load", "workloads"),
    ("inside",),
    ("swarm",),
    ("lab", "probe"),
    ("engine",),
    ("journal", "config", "shell", "checks", "request"),
    ("judge",),
    ("evidence",),
    ("model", "errors", "clock", "progress"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
FILES = sorted((ROOT / "harness").rglob("*.py"))


def _room(path: Path) -> str:
    parts = path.relative_to(ROOT / "harness").with_suffix("").parts
    return parts[0]


@functools.cache
def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def _rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in _imports(path) if name.startswith("harness.")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_those_below_it(path: Path) -> None:
    """The arrow points down: a file reaches its own room and lower layers."""
    mine = _room(path)
    if mine == "__init__":
        return
    wrong = {room for room in _rooms_imported(path) if room != mine and LEVEL[room] <= LEVEL[mine]}

    assert not wrong


def test_every_room_has_its_layer() -> None:
    """A new room is put in its place before it is used."""
    rooms = {_room(path) for path in FILES} - {"__init__"}

    assert rooms <= set(LEVEL)


def test_the_engine_client_library_has_one_door() -> None:
    """docker-py is transport: one file imports it, nobody imports Locust (it patches the process)."""
    users = {
        library: {
            str(path.relative_to(ROOT))
            for path in FILES
            if any(name.split(".")[0] == library for name in _imports(path))
        }
        for library in ("docker", "locust")
    }

    assert users == {"docker": {"harness/engine/clients.py"}, "locust": set()}


@pytest.mark.parametrize("path", sorted((ROOT / "suites").glob("test_*.py")), ids=lambda path: path.name)
def test_suites_read_as_claims(path: Path) -> None:
    """Given, act, claims: no if, no loop, no sleep, no engine client in a suite."""
    tree = ast.parse(path.read_text())
    control = [
        type(node).__name__ for node in ast.walk(tree) if isinstance(node, ast.If | ast.For | ast.While)
    ]
    reached = {name.split(".")[0] for name in _imports(path)} & {"docker", "subprocess", "time"}

    assert (control, reached) == ([], set())
