"""Take away what runs left on a swarm, by label: whatever was killed, the label is on the objects.

A stack's objects are made by the docker CLI, which labels them with the stack's name; that of a run begins
with the run's id, as the names of all its objects do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from harness.clock import SYSTEM, Clock, Deadline
from harness.engine.protocol import Engine, InUseError
from harness.engine.spec import RUN_LABEL
from harness.errors import RequestError, WaitTimeout
from harness.model import Service
from harness.swarm import lock

STACK_LABEL = "com.docker.stack.namespace"
_OURS = re.compile(r"h-([0-9a-f]{6})-")
_BOUND = 60.0  # seconds for tasks to end and networks to come free
_AGAIN = 0.3


class Labelled(Protocol):
    """An object of the swarm."""

    @property
    def id(self) -> str:
        """The engine's id."""

    @property
    def name(self) -> str:
        """How people call it."""

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Its labels."""


T = TypeVar("T", bound=Labelled)
Lists = Callable[[str | None], Sequence[T]]  # a verb of the engine: all objects with this label


class Select(Protocol):
    """Chooses among the objects of a swarm."""

    def __call__(self, lists: Lists[T], /) -> list[T]:
        """Those to be removed of the objects that a verb of the engine lists."""


def of_run(run: str | None) -> Select:
    """What a run made, or with None every run, stacks included."""

    def select(lists: Lists[T], /) -> list[T]:
        own = lists(RUN_LABEL if run is None else f"{RUN_LABEL}={run}")
        stacked = [one for one in lists(STACK_LABEL) if _made_by(run, dict(one.labels)[STACK_LABEL])]
        return [*own, *stacked]

    return select


def of_stack(name: str) -> Select:
    """What belongs to a stack."""

    def select(lists: Lists[T], /) -> list[T]:
        return list(lists(f"{STACK_LABEL}={name}"))

    return select


def sweep(engine: Engine, clock: Clock = SYSTEM, *, run: str | None = None, mine: str = "") -> list[str]:
    """Remove services, then their files, then networks of ``run``, or of every run; wait until they are gone.

    Args:
        engine: the swarm's manager.
        clock: what the bound is measured on.
        run: id of one run; None means all that no longer live.
        mine: id of the run that sweeps: its own lock neither stops it nor is removed.

    Returns:
        What was removed, one line each.

    Raises:
        RequestError: the run to sweep, or with None any other, is alive.
        InUseError: a network, config or secret is still used after a minute.
        WaitTimeout: tasks still live after a minute.
    """
    holder = lock.holder(engine)
    alive = holder is not None and not holder.dead and holder.run != mine
    if holder and alive and run in {None, holder.run}:
        raise RequestError(
            f"not swept: at work is {holder}", remedy=f"wait for it; it is given up after {lock.LEASE:.0f} s"
        )
    spared = {lock.NAME} if holder and holder.run == mine else set()
    return remove(engine, of_run(run), Deadline.after(_BOUND, clock), spare=spared)


def remove(engine: Engine, select: Select, deadline: Deadline, *, spare: Collection[str] = ()) -> list[str]:
    """Remove the services that ``select`` chooses, then its configs, secrets and networks.

    Args:
        engine: the swarm's manager.
        select: what is removed.
        deadline: for all of it to be gone.
        spare: names of configs that stay.

    Returns:
        What was removed, one line each.

    Raises:
        InUseError: a network, config or secret is still used at the deadline.
        WaitTimeout: tasks still live then.
    """
    services = select(engine.services)
    for service in services:
        engine.remove_service(service.id)
    removed = [f"service {service.name}" for service in services]
    _ended(engine, services, deadline)
    for config in select(engine.configs):
        if config.name not in spare:
            persist(engine.remove_config, config.id, deadline)
            removed.append(f"config {config.name}")
    for secret in select(engine.secrets):
        persist(engine.remove_secret, secret.id, deadline)
        removed.append(f"secret {secret.name}")
    for network in select(engine.networks):
        persist(engine.remove_network, network.id, deadline)
        removed.append(f"network {network.name}")
    return removed


def persist(remove: Callable[[str], None], ident: str, deadline: Deadline) -> None:
    """Remove something by its id that may still be used for a moment: tasks end, endpoints come free.

    Raises:
        InUseError: it is still used at the deadline.
    """
    while True:
        try:
            remove(ident)
        except InUseError:
            if deadline.passed:
                raise
            deadline.clock.sleep(_AGAIN)
        else:
            return


def _made_by(run: str | None, stack: str) -> bool:
    found = _OURS.match(stack)
    return found is not None and run in {None, found[1]}


def _ended(engine: Engine, services: Sequence[Service], deadline: Deadline) -> None:
    """Wait until the tasks of removed services have ended; those of lost nodes cannot tell."""
    while services:
        ready = {node.id for node in engine.nodes() if node.ready}
        tasks = [task for service in services for task in engine.tasks(service.id)]
        left = [task for task in tasks if not task.ended and task.node in ready]
        if not left:
            return
        if deadline.passed:
            raise WaitTimeout(
                f"{len(left)} tasks of removed services still live", remedy="look at 'docker ps' on the nodes"
            )
        deadline.clock.sleep(_AGAIN)
