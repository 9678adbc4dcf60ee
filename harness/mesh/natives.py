"""Tables of nf_tables that are not those of iptables: a job names them, and says what they may do.

In a comment of its ``rules-nft`` dump: ``# table inet firewalld: hooks input, forward; may drop``, or
``# table inet firewalld: not read``.

**What an audit makes of them.** What the engine writes is judged by its own tables. A table of somebody
else's on the host is no fault of the mesh's, and whether it drops the mesh's packets only traffic can tell:
it is a remark. One that could not be read is unknown. In a sandbox nobody but the engine has any business.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from harness.evidence.mesh import KernelLook
from harness.mesh.expected import Expected
from harness.mesh.findings import Notes
from harness.mesh.kernel import Kernel, Kind, Namespace

_NAMED = re.compile(r"^# table (\S+ \S.*): (?:not read|hooks (.+); (may drop|drops nothing))$", re.MULTILINE)
_MESH = frozenset({"ip", "inet", "bridge", "netdev"})  # families that see the mesh's packets, which are IPv4
_ENGINE = "docker"
_JUDGED = frozenset({Kind.INGRESS, Kind.BALANCER, Kind.OVERLAY, Kind.TASK})


@dataclasses.dataclass(frozen=True)
class Native:
    """A table that no reader of iptables lists.

    Attributes:
        name: family and name.
        hooks: where packets come to it, in words; empty if nothing was read of it.
        drops: whether it has a rule or policy that ends packets, whatever the conditions.
    """

    name: str
    hooks: str = ""
    drops: bool = False

    @property
    def engines(self) -> bool:
        """Whether the engine itself wrote it."""
        return self.name.partition(" ")[2].startswith(_ENGINE)

    @property
    def foreign(self) -> bool:
        """Whether it is somebody else's than the engine's, and sees the mesh's packets."""
        return not self.engines and self.name.partition(" ")[0] in _MESH

    def __str__(self) -> str:
        told = f"may drop at {self.hooks}; traffic decides" if self.drops else "drops nothing"
        return f"table {self.name} of nf_tables is not docker's: it {told}"


Tables = Mapping[tuple[str, str], tuple[Native, ...]]


def native_tables(look: KernelLook) -> Tables:
    """Such tables, by hostname and namespace (empty: the host's own)."""
    found = {
        (dump.node, dump.namespace): tuple(
            Native(name, hooks, drops == "may drop") for name, hooks, drops in _NAMED.findall(dump.text)
        )
        for dump in look.dumps
        if dump.what == "rules-nft"
    }
    return {place: tables for place, tables in found.items() if tables}


def audit(kernel: Kernel, expected: Expected, tables: Tables, notes: Notes) -> None:
    """Tell tables that are not the engine's."""
    if not expected.networks:
        return
    for space in kernel.namespaces:
        for one in tables.get((kernel.node, space.name), ()):
            if one.foreign:
                _tell(space, one, notes)


def _tell(space: Namespace, one: Native, notes: Notes) -> None:
    if space.kind in _JUDGED:
        notes.find(
            "foreign-table",
            space,
            expected="no nf_tables but those of iptables",
            seen=f"table {one.name}",
            command=f"nft list table {one.name}",
        )
    elif space.kind is Kind.HOST and one.hooks:
        notes.remark(space, str(one))
    elif space.kind is Kind.HOST:
        notes.unknown(space, f"table {one.name} of nf_tables was not read: it may drop the mesh's packets")
