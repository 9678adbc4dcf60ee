"""What a preflight tells: one line per check, and what the lines together mean for the exit code.

A stop is exit 1 where the swarm itself cannot work, and 2 where it can but the request cannot be carried out
on it. A line that could have stopped and could not be told is exit 3: no evidence is never green. Not so the
lines of which a manager is never told everything (see ``vital``): they would make 3 of every attached swarm.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable

from harness.errors import Exit


class State(enum.StrEnum):
    """The four values of a line, the harmless first."""

    OK = "ok"
    WARN = "warn"
    UNKNOWN = "unknown"
    STOP = "stop"


ORDER = {state: number for number, state in enumerate(State)}


@dataclasses.dataclass(frozen=True)
class Check:
    """A check of the preflight.

    Attributes:
        asks: what it asks, as a person would.
        modes: ids of the failure modes it is about.
        fault: what a stop of it means: the swarm is broken, or the request is wrong.
        vital: whether it must be told; otherwise its *unknown* changes no exit code.
    """

    id: str
    asks: str
    modes: tuple[str, ...] = ()
    fault: Exit = Exit.REFUTED
    vital: bool = True


CHECKS: tuple[Check, ...] = (
    Check("api", "do we speak with the engine", fault=Exit.BAD_REQUEST),
    Check("quorum", "do the managers have a majority and exactly one leader", ("G8",)),
    Check("nodes", "is every node Ready", ("G2", "G10")),
    Check("size", "are there enough nodes to balance between", fault=Exit.BAD_REQUEST),
    Check("versions", "are the engines the same, and none known to be bad", ("H7",)),
    Check("kernel", "can every kernel balance and tunnel", ("B9", "C10", "C12")),
    Check("firewall", "do docker's rules stand in one kind of tables", ("A4", "A6", "A13")),
    Check("subnets", "are the overlays' subnets free on every node", ("F3",)),
    Check("mtu", "do the overlays' packets fit the underlay", ("C3",)),
    Check("source", "do nodes send from the address they advertise", ("C8", "C9")),
    Check("offload", "is the network card known to spoil checksums", ("C2",), vital=False),
    Check("clock", "do the nodes agree on the time", ("G9",)),
    Check("limits", "is there room in the kernels' tables", ("B17",)),
    Check("addresses", "are there free addresses in every network", ("F2", "F4")),
    Check("live-restore", "is live-restore off, which no swarm allows", ("H9",), vital=False),
    Check("images", "can every node have the images", fault=Exit.BAD_REQUEST, vital=False),
    Check("ports", "are the ports free that a run publishes", ("A9", "A10"), fault=Exit.BAD_REQUEST),
    Check("outside", "does this machine reach every node"),
    Check("verifies", "what can be verified on this target"),
)
OF = {check.id: check for check in CHECKS}


@dataclasses.dataclass(frozen=True)
class Line:
    """What one check tells, of some nodes or of the swarm.

    Attributes:
        check: id in ``CHECKS``.
        told: what was seen, in a clause without full stop.
        remedy: what a person can do; empty only where nothing needs to be done.
        nodes: hostnames; empty: the swarm as a whole.
        ours: whether it could not be told by a fault of the harness, which no check is spared.
    """

    check: str
    state: State
    told: str
    remedy: str = ""
    nodes: tuple[str, ...] = ()
    ours: bool = False

    @property
    def exit(self) -> Exit:
        """The exit code that this line alone asks for."""
        if self.state is State.STOP:
            return OF[self.check].fault
        if self.state is State.UNKNOWN and (OF[self.check].vital or self.ours):
            return Exit.UNKNOWN
        return Exit.UPHELD


_WEIGHT = (Exit.UPHELD, Exit.UNKNOWN, Exit.BAD_REQUEST, Exit.REFUTED)


def exit_of(lines: Iterable[Line]) -> Exit:
    """The exit code of all lines: a broken swarm before a wrong request before what could not be told."""
    return max((line.exit for line in lines), key=_WEIGHT.index, default=Exit.UNKNOWN)


def merged(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines of the same words are one line with all their nodes; those that are worse come first."""
    found: dict[Line, list[str]] = {}
    for line in lines:
        found.setdefault(dataclasses.replace(line, nodes=()), []).extend(line.nodes)
    made = [dataclasses.replace(line, nodes=tuple(sorted(set(nodes)))) for line, nodes in found.items()]
    return tuple(sorted(made, key=lambda line: (-ORDER[line.state], line.nodes)))


def ok(check: str, told: str, *nodes: str) -> Line:
    """All is well."""
    return Line(check, State.OK, told, "", nodes)


def warn(check: str, told: str, remedy: str, *nodes: str) -> Line:
    """It works, but not well, or not for long."""
    return Line(check, State.WARN, told, remedy, nodes)


def stop(check: str, told: str, remedy: str, *nodes: str) -> Line:
    """It cannot work."""
    return Line(check, State.STOP, told, remedy, nodes)


def unknown(check: str, why: str, remedy: str, *nodes: str) -> Line:
    """It could not be told."""
    return Line(check, State.UNKNOWN, why, remedy, nodes)
