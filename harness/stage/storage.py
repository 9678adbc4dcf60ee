"""The words for data that tasks keep: a Redis on a local volume, and its move to another node."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.errors import RequestError, Unmeasurable
from harness.evidence import Roster
from harness.lab.protocol import Lab
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import none_on
from harness.swarm.service import ServiceHandle
from harness.workloads import flask_redis

_MOVE = 60.0  # seconds for a task to end on one node and run on another
_REMOVAL = 20.0  # seconds for a node to remove a volume
_RM = """
until=$(($(date +%s) + 15))
while said=$(docker volume rm "$1" 2>&1); test $? != 0; do
    case $said in *"no such volume"* | *"not found"*) exit 0 ;; esac  # so says a manager
    test "$(date +%s)" -lt "$until" || { echo "$said" >&2; exit 1; }
    sleep 0.5
done
"""


@dataclasses.dataclass(frozen=True)
class Store:
    """flask-redis over a Redis that keeps its data on a local volume.

    Attributes:
        home: hostname of the node that Redis runs on; ``away``: of another.
    """

    web: ServiceHandle
    data: ServiceHandle
    home: str
    away: str


@pytest.fixture(scope="session")
def store(
    stage: Stage, swarm: Swarm, lab: Lab, works: Workloads, entries: tuple[str, ...]
) -> Iterator[Store]:
    """A Redis on a local volume, and the web tier over it; the volumes go last."""
    if len(entries) < 2:  # noqa: PLR2004  from one node to another
        raise RequestError("a task cannot move on one node", remedy="use a lab with workers")
    home, away = entries[-1], entries[-2]
    data, web = works.kept(home)
    with (
        volumes(stage, swarm, lab, flask_redis.volume(stage.run)),
        swarm.deploy(data) as redis,
        swarm.deploy(web) as flask,
    ):
        with stage.steps("deploy flask-redis over a volume"):
            works.bring_up(redis, flask)
            works.settle(flask, entries)
        yield Store(flask, redis, home, away)


@contextlib.contextmanager
def volumes(stage: Stage, swarm: Swarm, lab: Lab, volume: str) -> Iterator[None]:
    """What tasks of the block leave on nodes: a volume outlives its service, and no manager knows of it."""
    try:
        yield
    finally:
        if not swarm.keeps:
            with ThreadPoolExecutor(len(lab.nodes)) as threads:
                names = [node.hostname for node in lab.nodes]
                for left in threads.map(lambda name: _remove(lab, name, volume), names):
                    if left:
                        stage.journal.write("trouble", text=left)


def _remove(lab: Lab, node: str, volume: str) -> str:
    """Remove a volume from a node as soon as the containers of ended tasks are gone; says what is left."""
    try:
        done = lab.exec(node, ["sh", "-c", _RM, "rm", volume], bound=_REMOVAL)
    except Unmeasurable as error:
        return f"volume {volume} may be left: {error}"
    return "" if done.ok else f"volume {volume} is left on {node}: {done.err.strip()}"


@dataclasses.dataclass(frozen=True)
class Move:
    """A move to another node and back: where the tasks ran, before and after each way."""

    rosters: list[Roster] = dataclasses.field(default_factory=list)


@pytest.fixture(scope="session")
def moved(
    stage: Stage, allow: Callable[..., None]
) -> Callable[[Store], contextlib.AbstractContextManager[Move]]:
    """``with moved(store) as move``: its Redis runs on another node, and at the block's end where it was."""

    def go(store: Store, move: Move, there: str, left: str) -> None:
        move.rosters.append(store.data.roster())
        with stage.steps(f"move {stage.short(store.data.name)} to {there}"):
            store.data.update(dataclasses.replace(store.data.spec, constraints=flask_redis.on(there)))
            allow("the move", none_on(store.data, left) & store.data.running(), within=_MOVE)
        move.rosters.append(store.data.roster())

    @contextlib.contextmanager
    def moving(store: Store) -> Iterator[Move]:
        move = Move()
        go(store, move, store.away, store.home)
        yield move
        go(store, move, store.home, store.away)

    return moving
