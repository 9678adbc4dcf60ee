"""Makes ``mesh/<node>.json`` from the text of a recording session on that node.

    python -m tests.recorded.convert rec.swarm-worker1.txt swarm-worker1 mesh/swarm-worker1.json

The session printed ``== host TABLE`` (``iptables-save -c -t TABLE``), then for every file of
``/var/run/docker/netns`` a line ``=== NS PATH``, ``== TABLE`` for tables with rules, ``/proc/net/ip_vs``,
``ip -j -d addr``, ``bridge -j fdb``, ``ip -j neigh``, ``ip -j route`` and four sysctls, last ``== hostfacts``
with the names under ``/sys/module``. ``netns/default`` is the host's own network. Its rules were read again
there, without counters and seconds later: they are taken where they differ, since they fit the other
namespaces.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SYSCTLS = (
    "net.ipv4.vs.conntrack",
    "net.ipv4.vs.expire_nodest_conn",
    "net.ipv4.vs.conn_reuse_mode",
    "net.ipv4.ip_forward",
)
LISTS = ("addr", "fdb", "neigh", "route")
MODULES = re.compile(
    r"(ip|ip6|nf|xt|br|x)_?(tables?|vs|conntrack|nat|netfilter)\w*|xt_\w+|vxlan|bridge|veth|overlay"
)
KEPT = frozenset({"ifindex", "ifname", "flags", "mtu", "master", "operstate", "address", "addr_info"})
ADDRESS = frozenset({"family", "local", "prefixlen", "scope", "label"})


def main(source: str, node: str, target: str) -> None:
    """Write the node's dumps, one line of its text each, so that differences can be read."""
    dumps = [
        {"node": node, "namespace": namespace, "what": what, "lines": lines}
        for namespace, what, lines in _parts(Path(source).read_text())
    ]
    Path(target).write_text(json.dumps(dumps, indent=0) + "\n")


def _parts(text: str) -> Iterator[tuple[str, str, list[str]]]:
    spaces, facts = text.split("== hostfacts\n")
    host, *others = re.split(r"^=== NS .*/", spaces, flags=re.MULTILINE)
    for space in others:
        name, _, body = space.partition("\n")
        rules = _tables(body)
        if name == "default":
            name = ""
            counted = _tables(host)
            rules = counted if _uncounted(counted) == _uncounted(rules) else rules
            yield name, "facts", [json.dumps({"modules": _modules(facts)})]
        yield name, "rules-legacy", rules
        yield name, "rules-nft", []
        lines = [line for line in body.split("\n") if line]
        begin = lines.index(next(line for line in lines if line.startswith("IP Virtual Server")))
        end = next(number for number, line in enumerate(lines) if line.startswith("[{"))
        yield name, "ipvs", lines[begin:end]
        for what, line in zip(LISTS, lines[end:], strict=False):
            yield name, what, _rows(what, json.loads(line))
        values = lines[end + len(LISTS) :]
        yield name, "sysctl", [f"{key} = {value}" for key, value in zip(SYSCTLS, values, strict=True)]


def _tables(body: str) -> list[str]:
    """The tables as one call of ``iptables-save`` prints them."""
    return [
        line
        for table in re.findall(r"^# Generated.*?^# Completed.*?$", body, flags=re.MULTILINE | re.DOTALL)
        for line in table.split("\n")
    ]


def _uncounted(lines: list[str]) -> list[str]:
    """The rules alone, to be compared."""
    return [line[line.index("-A ") :] for line in lines if "-A " in line]


def _rows(what: str, rows: list[dict[str, Any]]) -> list[str]:
    """A JSON list, one line for each of its rows; of interfaces only what describes them."""
    if not rows:
        return ["[]"]
    kept = [_interface(row) for row in rows] if what == "addr" else rows
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in kept)
    return f"[{lines}]".split("\n")


def _interface(row: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in row.items() if key in KEPT}
    found["addr_info"] = [
        {key: value for key, value in one.items() if key in ADDRESS} for one in found["addr_info"]
    ]
    link = row.get("linkinfo", {})
    if link:
        data = link.get("info_data", {}) if link["info_kind"] == "vxlan" else {}
        found["linkinfo"] = {"info_kind": link["info_kind"]} | ({"info_data": data} if data else {})
    return found


def _modules(facts: str) -> list[str]:
    words = facts.partition("/sys/module:\n")[2].split("\n")
    return sorted({word for word in words if MODULES.fullmatch(word)})


if __name__ == "__main__":
    main(*sys.argv[1:])
