"""What an audit tells: findings, what could not be told, services by nodes, and how much was compared."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter
from collections.abc import Iterable, Mapping

from harness.judge.verdict import Finding, Subject
from harness.mesh.catalogue import CATALOGUE
from harness.mesh.kernel import Kind, Namespace

HOST = "host"  # how findings name a node's own network
_PARTS = {
    "rules": ("rules", "rules-legacy", "rules-nft"),
    "ipvs": ("ipvs",),
    "devices": ("devices", "addr"),
    "forwarding": ("forwarding", "fdb"),
    "neighbours": ("neighbours", "neigh"),
    "routes": ("routes", "route"),
    "sysctls": ("sysctls", "sysctl"),
    "xfrm": ("xfrm",),
}


class Cell(enum.StrEnum):
    """How a service stands on a node."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    SETTLING = "settling"  # in transit: see harness.mesh.settling
    SKIPPED = "skipped"  # the node takes no tasks
    ABSENT = "-"  # the node has to hold nothing of it


@dataclasses.dataclass(frozen=True)
class Audit:
    """The result of holding the kernels against the manager's word.

    Attributes:
        unknowns: (hostname, namespace, reason) of what could not be read or understood.
        remarks: (hostname, namespace, what is told) of what is worth to know and decides nothing; one
            without a hostname is about the audit itself.
        cells: (service, hostname, state), services by name.
        counted: how many rows of each kind were compared: ``rules``, ``marks``, ``backends``...
        skipped: (hostname, reason) of nodes that take no tasks.
    """

    findings: tuple[Finding, ...]
    unknowns: tuple[tuple[str, str, str], ...]
    cells: tuple[tuple[str, str, Cell], ...]
    counted: Mapping[str, int]
    skipped: tuple[tuple[str, str], ...] = ()
    remarks: tuple[tuple[str, str, str], ...] = ()


class Notes:
    """Collects what the auditors of one node tell."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.findings: list[Finding] = []
        self.unknowns: dict[tuple[str, str, str], None] = {}
        self.remarks: list[tuple[str, str, str]] = []
        self.counted: Counter[str] = Counter()

    def find(
        self,
        name: str,
        space: Namespace | str,
        *,
        expected: str,
        seen: str,
        command: str,
        service: str = "",
        address: str = "",
        modes: tuple[str, ...] = (),
        cause: str = "",
    ) -> None:
        """A finding of the catalogue.

        Args:
            name: its key there.
            space: the namespace it was seen in, or its name.
            expected: what had to be there, as the kernel would print it.
            seen: what was there instead.
            command: what a person types in the namespace; how to enter it is put before it.
            service: whose rows they are; empty if they are the node's.
            address: of the task, VIP or peer in question.
            modes: other than those of the catalogue.
            cause: another one than that of the catalogue.
        """
        entry = CATALOGUE[name]
        place = title(space)
        told = f" of {service}" if service else ""
        where = ", ".join(word for word in (self.node, place) if word) or "the swarm"
        self.findings.append(
            Finding(
                name,
                Subject(node=self.node, service=service, namespace=place, address=address),
                f"{where}: {entry.says}{told}: expected {expected}, seen {seen}",
                modes or entry.modes,
                entry.remedy.replace("SERVICE", service or "SERVICE"),
                expected,
                seen,
                cause or entry.cause,
                typed(place, command),
            )
        )

    def unknown(self, space: Namespace | str, why: str) -> None:
        """Something could not be told."""
        self.unknowns[self.node, title(space), why] = None

    def remark(self, space: Namespace | str, what: str) -> None:
        """Something that is no fault of the mesh's, and worth to know."""
        self.remarks.append((self.node, title(space), what))

    def readable(self, space: Namespace, *parts: str) -> bool:
        """Whether all these parts of a namespace were read; those that were not are told."""
        reasons = [(part, unread(space, part)) for part in parts]
        for part, why in reasons:
            if why:
                self.unknown(space, f"{part} could not be read: {why}")
        return not any(why for _, why in reasons)

    def count(self, what: str, number: int = 1) -> None:
        """So many rows were compared."""
        self.counted[what] += number


def unread(space: Namespace, part: str) -> str:
    """Why a part of a namespace is not known; empty if it was read."""
    known = dict(space.unread)
    reasons = [known.get(name, "") for name in (*_PARTS[part], "")]
    if part == "rules":
        reasons += [rules.unread and f"{rules.backend}: {rules.unread}" for rules in space.rules]
    return next((why for why in reasons if why), "")


def title(space: Namespace | str) -> str:
    """How findings name a namespace."""
    if isinstance(space, str):
        return space
    return HOST if space.kind is Kind.HOST else space.name


def typed(place: str, command: str) -> str:
    """A command as it is typed on the node, to run in a namespace."""
    return command if place in {HOST, ""} else f"nsenter --net=/var/run/docker/netns/{place} {command}"


def listed(items: Iterable[object], most: int = 6) -> str:
    """Items in one line, ``none`` without any; more than a person reads are counted."""
    every = [str(item) for item in items]
    shown = every[:most] + ([f"and {len(every) - most} more"] if len(every) > most else [])
    return ", ".join(shown) or "none"
