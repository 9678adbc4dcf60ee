"""What a fault is, and the one place where it is injected: health gates around it, its undo before it.

The order is that of every careful experiment: steady state, then the fault with proof that it bit, then what
the caller waits for, then the undo whatever happened, then the steady state again.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

from harness.evidence import Fault
from harness.journal import Journal


class Breakage(Protocol):
    """One way to break one thing."""

    @property
    def kind(self) -> str:
        """What is done, such as ``power-off``."""

    @property
    def subject(self) -> str:
        """What it is done to, such as a node's hostname or a task's id."""

    @property
    def lasting(self) -> bool:
        """Whether it holds until it is undone; otherwise the swarm heals it by itself."""

    def begin(self) -> str:
        """Break it; returns what proves that it bit, empty when nothing does."""

    def end(self) -> None:
        """Undo it; must be safe when ``begin`` never ran, or ran half."""


class Injection:
    """A fault under way; ``fault`` is what is known of it so far, as evidence."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


@contextlib.contextmanager
def injected(breakage: Breakage, journal: Journal, *, gate: Callable[[str], None]) -> Iterator[Injection]:
    """Hold ``breakage`` for the length of the block.

    Args:
        breakage: what to break.
        journal: where the fault is kept as evidence, at its proof and again at its end.
        gate: raises unless the swarm is healthy; called with ``before`` and ``after``.

    Raises:
        HarnessError: the gate before found the swarm unhealthy, or the fault could not be injected.
    """
    gate("before")
    clock = journal.clock
    fault = Fault(
        journal.new_id("fault"),
        breakage.kind,
        breakage.subject,
        clock.now(),
        None,
        lasting=breakage.lasting,
    )
    with contextlib.ExitStack() as undo:
        injection = Injection(fault)
        undo.callback(_finish, injection, breakage, journal)
        journal.write("fault-begins", fault=breakage.kind, subject=breakage.subject)
        proof = breakage.begin()
        injection.fault = dataclasses.replace(fault, proved=clock.now() if proof else None, proof=proof)
        journal.keep(injection.fault)
        yield injection
    gate("after")


def _finish(injection: Injection, breakage: Breakage, journal: Journal) -> None:
    breakage.end()
    injection.fault = dataclasses.replace(injection.fault, ended=journal.clock.now())
    journal.keep(injection.fault)
