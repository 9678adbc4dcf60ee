"""Tasks that wait for an address: a full network keeps them so, and the manager says nothing of it."""

from __future__ import annotations

import dataclasses

from harness.mesh.settling import Window


@dataclasses.dataclass(frozen=True)
class Waiting:
    """Tasks of a service that have no address yet, and the ids of the networks on which they wait for one."""

    tasks: int
    networks: frozenset[str]


def waiting(window: Window) -> dict[str, Waiting]:
    """By service, the tasks that waited to be allocated before and after the kernels were read."""
    found = {}
    for key, (_, service) in window.services.items():
        tasks = sum(
            window.stuck(task) for task, (_, now) in window.tasks.items() if now and now.service == key
        )
        if service is not None and tasks:
            places = [*service.vips]
            places += [
                one for _, now in window.tasks.values() if now and now.service == key for one in now.addresses
            ]
            found[service.name] = Waiting(tasks, frozenset(one.network for one in places))
    return found
