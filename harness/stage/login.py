"""The words for a database that has its password from a secret."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable

import pytest

from harness.evidence import Logins
from harness.stage.session import Stage
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.conditions import completed

_BOUND = 150.0  # seconds for the database to fill its data folder, and a client to be told
_LOGS = 10.0  # seconds to wait for what the client wrote


@pytest.fixture
def logged_in(stage: Stage, swarm: Swarm, works: Workloads, allow: Callable[..., None]) -> Logins:
    """MySQL with its password in a secret; a client with that secret logs in, and tries another password."""
    name = f"h-{stage.run}-mysql-pass"
    with contextlib.ExitStack() as undo, stage.steps("deploy mysql and log in"):
        undo.enter_context(swarm.secret(name, secrets.token_hex(12).encode()))
        database, client = works.mysql(name)
        served = undo.enter_context(swarm.deploy(database))
        works.bring_up(served)
        asking = undo.enter_context(swarm.deploy(client))
        allow("a client to be told", completed(asking), within=_BOUND)
        lines = [one.text.strip() for one in swarm.engine.service_logs(asking.id, bound=_LOGS)]
        told = tuple(
            (word, line.removeprefix(f"{word}: "))
            for word in ("right", "wrong")
            for line in lines
            if line.startswith(f"{word}: ")
        )
        node = next((task.node for task in asking.tasks() if task.node), "")
        return stage.journal.keep(
            Logins(stage.journal.new_id("logins"), stage.journal.clock.now(), served.name, node, told)
        )


__all__ = ["logged_in"]
