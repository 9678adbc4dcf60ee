"""Tables of nf_tables that are not those of iptables: no reader lists their rules, but a job names them.

In a comment of its ``rules-nft`` dump: ``# table inet firewalld: not read``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.evidence.mesh import KernelLook
from harness.mesh.expected import Expected
from harness.mesh.findings import Notes
from harness.mesh.kernel import Kernel, Kind

_NAMED = re.compile(r"^# table (\S+ \S.*): not read$", re.MULTILINE)
_MESH = frozenset({"ip", "inet", "bridge", "netdev"})  # families that see the mesh's packets, which are IPv4
_ENGINE = "docker"
_JUDGED = frozenset({Kind.INGRESS, Kind.BALANCER, Kind.OVERLAY, Kind.TASK})

Tables = Mapping[tuple[str, str], tuple[str, ...]]


def native_tables(look: KernelLook) -> Tables:
    """Family and name of such tables, by hostname and namespace (empty: the host's own)."""
    return {
        (dump.node, dump.namespace): found
        for dump in look.dumps
        if dump.what == "rules-nft" and (found := tuple(_NAMED.findall(dump.text)))
    }


def audit(kernel: Kernel, expected: Expected, tables: Tables, notes: Notes) -> None:
    """Tell tables whose rules nobody read; in a sandbox nobody but an engine writes any."""
    if not expected.networks:
        return
    for space in kernel.namespaces:
        named = [one for one in tables.get((kernel.node, space.name), ()) if one.split()[0] in _MESH]
        foreign = [one for one in named if not one.split()[1].startswith(_ENGINE)]
        for one in foreign:
            if space.kind is Kind.HOST:
                notes.unknown(space, f"table {one} of nf_tables was not read: it may drop the mesh's packets")
            elif space.kind in _JUDGED:
                notes.find(
                    "foreign-table",
                    space,
                    expected="no nf_tables but those of iptables",
                    seen=f"table {one}",
                    command=f"nft list table {one}",
                )
