"""The ground that a preflight judges: all its evidence, read once into values."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable

from harness.doctor.lines import Line, unknown
from harness.evidence import KernelLook, Preflight, Truth
from harness.judge.verdict import Finding
from harness.mesh import audit_node
from harness.mesh.audit import scene_of
from harness.mesh.expected import Expected, expect
from harness.mesh.findings import Notes, unread
from harness.mesh.kernel import Kernel, Kind, Namespace
from harness.mesh.natives import Tables, native_tables
from harness.mesh.observed import kernels
from harness.mesh.places import Scene
from harness.model import Node

AGAIN = "put right what kept it from being read, and run harness doctor again"


@dataclasses.dataclass(frozen=True)
class Ground:
    """The evidence of a preflight.

    Attributes:
        kernels: given by tests; by default those that the look holds.
    """

    asked: Preflight
    look: KernelLook
    before: Truth
    after: Truth
    given: tuple[Kernel, ...] | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, as the manager said last."""
        return self.after.nodes

    @functools.cached_property
    def expected(self) -> Expected:
        """What the manager's word means for the kernels."""
        return expect(self.before, self.after, self.look.clocks)

    @functools.cached_property
    def scene(self) -> Scene:
        """The kernels of the nodes that take tasks and told something."""
        read: Iterable[Kernel] = kernels(self.look) if self.given is None else self.given
        return scene_of(read, self.expected)

    @functools.cached_property
    def natives(self) -> Tables:
        """Tables of nf_tables that are not those of iptables, by hostname and namespace."""
        return native_tables(self.look)

    @functools.cached_property
    def unread(self) -> tuple[tuple[str, str], ...]:
        """(hostname, reason) of nodes that take tasks and told nothing."""
        reasons = dict(self.look.missing)
        return tuple(
            (node.hostname, self.asked.trouble or reasons.get(node.hostname, "it did not answer"))
            for node in self.expected.nodes
            if node.hostname not in self.scene.kernels
        )

    @functools.cached_property
    def _found(self) -> dict[str, dict[str, Finding]]:
        found = {}
        for name, kernel in self.scene.kernels.items():
            notes = Notes(name)
            audit_node.audit(kernel, self.scene, notes)
            found[name] = {finding.name: finding for finding in notes.findings}
        return found

    def finding(self, kernel: Kernel, name: str) -> Finding | None:
        """What the audit of the node as a whole finds of it, so that the two commands never disagree."""
        return self._found[kernel.node].get(name)

    def engine(self, hostname: str) -> str:
        """The version of a node's engine; empty if it is not known."""
        return next((node.engine for node in self.nodes if node.hostname == hostname), "")


Judge = Callable[[Kernel, Namespace, Ground], Line]


def each(check: str, ground: Ground, judge: Judge, *parts: str) -> list[Line]:
    """A line per node that takes tasks; *unknown* with the reason where what is needed was not read.

    Args:
        check: id of the check.
        ground: all evidence.
        judge: tells of a kernel and its host's namespace.
        parts: of that namespace that it needs; ``facts`` are the node's plain values.
    """
    lines = []
    for node, kernel in ground.scene.kernels.items():
        host = kernel.the(Kind.HOST)
        reasons = [why for part in parts if host and (why := _unread(host, part))]
        if host is None:
            lines.append(unknown(check, "the host's own network was not read", AGAIN, node))
        elif reasons:
            lines.append(unknown(check, reasons[0], AGAIN, node))
        else:
            lines.append(judge(kernel, host, ground))
    lines += [unknown(check, why, AGAIN, node) for node, why in ground.unread]
    why = ground.asked.trouble or "there is no node that takes tasks"
    return lines or [unknown(check, why, AGAIN)]


def _unread(host: Namespace, part: str) -> str:
    why = host.why(part) if part == "facts" else unread(host, part)
    return f"{part} could not be read: {why}" if why else ""
