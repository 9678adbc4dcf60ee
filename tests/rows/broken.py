"""One thing that is broken for a row of the tutorial, and the moments at which it may be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.lab.processes import Box


@dataclasses.dataclass(frozen=True)
class Broken:
    """What is broken, and how it is to be named.

    Attributes:
        check: the promise that must be refuted.
        plant: shell, on every node; ``heal``: after the run.
        moment: when, by what the journal of the run holds.
        name: of the finding; ``node``: where it must be placed, empty for a whole service, None for any node.
        paused: whether the run waits, once its services are deployed, for what is planted.
    """

    check: str
    plant: str
    moment: Callable[[Box], bool]
    name: str
    node: str | None = ""
    heal: str = "true"
    paused: bool = False


def begun(box: Box) -> bool:
    """Nothing is deployed yet."""
    return bool(box.records("run"))


def deployed(box: Box) -> bool:
    """The service answers, and is not updated yet."""
    return any(phase["name"].startswith("deploy") for phase in box.records("phase"))


def stacked(box: Box) -> bool:
    """The stack runs, and is not asked yet."""
    return any(phase["name"] == "deploy stack.yml" for phase in box.records("phase"))


def paused(box: Box) -> bool:
    """The services answer, and the run waits."""
    return bool(box.records("paused"))


def answering(box: Box) -> bool:
    """whoami answers everywhere."""
    return any(phase["name"] == "deploy" for phase in box.records("phase"))


def killed(box: Box) -> bool:
    """A task dies at this moment; its successor begins five seconds later."""
    return bool(box.records("fault-begins"))


def moved(box: Box) -> bool:
    """Redis runs on another node."""
    return any(phase["name"].startswith("move ") for phase in box.records("phase"))
