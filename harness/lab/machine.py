"""Who uses the processors of the machine that runs the lab: the lab and the harness, or somebody else.

Nodes of the lab are processes here. Where others take the processors, nodes are slow through no fault of the
swarm, and bounds in time say nothing about it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
_PARENT, _TIMES = (
    1,
    slice(11, 15),
)  # fields of /proc/PID/stat behind the name: ppid; utime, stime, and children's
_IDLE, _WAIT, _STEAL = 3, 4, 7  # fields of the first line of /proc/stat


@dataclasses.dataclass(frozen=True)
class Reading:
    """Processor time spent since the machine's start, in the kernel's ticks.

    Attributes:
        whole: by everything and everybody, idling included; ``busy``: without idling.
        stolen: by the hypervisor for other machines.
        ours: by the processes asked about and all that they started; their ended children are counted as long
            as somebody of them waited for those.
    """

    whole: int
    busy: int
    stolen: int
    ours: int

    def others(self, before: Reading) -> float:
        """Share of the machine's processor time since ``before`` that others took, from 0 to 1."""
        whole = self.whole - before.whole
        taken = (self.busy - before.busy) - max(0, self.ours - before.ours) + (self.stolen - before.stolen)
        return min(1.0, max(0.0, taken / whole)) if whole > 0 else 0.0


def read(roots: Iterable[int], proc: Path = PROC) -> Reading:
    """How much has been spent until now.

    Args:
        roots: process ids; they and their descendants are ours.
        proc: where the kernel tells.

    Raises:
        OSError: the kernel does not tell.
    """
    with (proc / "stat").open() as file:
        fields = [int(word) for word in file.readline().split()[1:9]]
    parents: dict[int, int] = {}
    spent: dict[int, int] = {}
    for name in os.listdir(proc):  # noqa: PTH208  names alone, of several hundred processes
        if not name.isdigit():
            continue
        try:
            words = (proc / name / "stat").read_text().rpartition(")")[2].split()
            parents[int(name)] = int(words[_PARENT])
            spent[int(name)] = sum(map(int, words[_TIMES]))
        except (OSError, ValueError, IndexError):
            continue  # it ended meanwhile
    ours = _family(set(roots), parents)
    idle = fields[_IDLE] + fields[_WAIT]
    return Reading(
        whole=sum(fields),
        busy=sum(fields) - idle - fields[_STEAL],
        stolen=fields[_STEAL],
        ours=sum(spent[process] for process in ours if process in spent),
    )


def _family(roots: set[int], parents: dict[int, int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for process, parent in parents.items():
        children.setdefault(parent, []).append(process)
    found, pending = set(roots), list(roots)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in found:
                found.add(child)
                pending.append(child)
    return found
