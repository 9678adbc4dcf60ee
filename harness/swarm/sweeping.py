"""Take away what runs left on a swarm, by label: whatever was killed, the label is on the objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.clock import SYSTEM, Clock, Deadline
from harness.engine.protocol import Engine, InUseError
from harness.engine.spec import RUN_LABEL
from harness.errors import RequestError, WaitTimeout
from harness.model import Service
from harness.swarm import lock

_BOUND = 60.0  # seconds for tasks to end and networks to come free
_AGAIN = 0.3


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
    label = RUN_LABEL if run is None else f"{RUN_LABEL}={run}"
    deadline = Deadline.after(_BOUND, clock)
    services = engine.services(label)
    for service in services:
        engine.remove_service(service.id)
    removed = [f"service {service.name}" for service in services]
    _ended(engine, services, deadline)
    for config in engine.configs(label):
        if config.name == lock.NAME and holder and holder.run == mine:
            continue
        persist(engine.remove_config, config.id, deadline)
        removed.append(f"config {config.name}")
    for secret in engine.secrets(label):
        persist(engine.remove_secret, secret.id, deadline)
        removed.append(f"secret {secret.name}")
    for network in engine.networks(label):
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
