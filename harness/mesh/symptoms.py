"""Lines of dockerd's log that were seen with known faults, and which failure modes they belong to.

They are evidence of what is likely, not of what is: a line never makes a finding, it backs one.
Sources stand with the modes in the issues of moby named here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from harness.judge.verdict import Finding
from harness.mesh.inspected import LOG, Inspected

RECENT = 600.0  # seconds before the look from which on lines count


@dataclasses.dataclass(frozen=True)
class Symptom:
    """A line holds all of ``words``; ``text`` is how it is called."""

    text: str
    words: tuple[str, ...]
    modes: tuple[str, ...]


def _one(words: str, *modes: str) -> Symptom:
    return Symptom(words, tuple(part.strip() for part in words.split("...") if part.strip()), modes)


SYMPTOMS = (
    _one("Failed to create real server", "B6"),  # moby#28564
    _one("Failed to delete real server", "B1"),  # moby#30464
    _one("Failed to add firewall mark rule in sbox", "B9"),
    _one("Could not get ipvs family information from the kernel", "B9"),  # moby#24005
    _one("Failed to write to /proc/sys/net/ipv4/vs/conntrack", "B9"),
    _one("error creating vxlan interface ... operation not supported", "C10"),
    _one("error creating vxlan interface ... file exists", "C11"),
    _one("Neighbor entry already present", "C5"),  # moby#53663
    _one("could not add fdb entry", "C5"),  # moby#53663
    _one("Peer delete operation failed", "C6"),  # moby#50236
    _one("Entry was not in db", "C6"),  # moby#44283
    _one("Reprogramming on L3 miss failed", "C5", "C7"),  # moby#33589
    _one("rmServiceBinding ... possible transient state", "B1", "E1"),  # moby#50551
    _one("Refuting a suspect message", "D1"),  # moby#32195
    _one("Failed fallback ping", "D1"),  # moby#32195
    _one("Bulk sync to node ... timed out", "D1", "D4"),  # moby#52661
    _one("could not find an available IP while allocating VIP", "F2"),  # moby#43052
    _one("could not allocate IP from IPAM: Address already in use", "F1"),  # moby#37165
    _one("Pool overlaps with other one on this address space", "F3"),  # moby#48069
    _one("failed to create proxy for port", "A9"),  # a warning: the DNAT rule is written all the same
    _one("Failed to allocate and map port", "A9"),
)
TEXTS = tuple(one.words for one in SYMPTOMS)
_MODES = {one.text: one.modes for one in SYMPTOMS}
_WHEN = f"in the last {RECENT / 60:g} min"


def counted(numbers: Iterable[int]) -> tuple[tuple[str, int], ...]:
    """Those that were seen, of counts in the order of :data:`TEXTS`."""
    return tuple((one.text, number) for one, number in zip(SYMPTOMS, numbers, strict=False) if number)


def remarks(inspected: Inspected) -> Iterator[str]:
    """What is to say of a node's log."""
    why = inspected.why(LOG)
    if why:
        yield f"dockerd's log was not read: {why}"
    elif not inspected.log:
        yield "dockerd's log was not read: it is no file (journalctl -u docker shows it on most hosts)"
    if inspected.short:
        yield f"dockerd's log was read from {inspected.short} on only: it is long"
    for text, number in inspected.symptoms:
        modes = ", ".join(_MODES.get(text, ()))
        yield f"dockerd logged {text!r} {_times(number)} {_WHEN} ({modes})"


def backed(finding: Finding, inspected: Inspected) -> Finding:
    """The finding, with what dockerd logged of its modes beside its cause."""
    seen = [
        f"dockerd logged {text!r} {_times(number)} {_WHEN}"
        for text, number in inspected.symptoms
        if set(_MODES.get(text, ())) & set(finding.modes)
    ]
    return dataclasses.replace(finding, cause="; ".join([finding.cause, *seen])) if seen else finding


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
