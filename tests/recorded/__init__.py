"""What kernels of lab nodes printed (engine 26.1.5, Linux 6.12, iptables 1.8.11), as looks at kernels.

``mesh/*.json`` holds one node each; ``convert.py`` made them from a session's text, ``record_nft.sh`` the
tables of the other backend.

=================  ==================================================================================
look               holds
=================  ==================================================================================
``healthy``        swarm-worker1 at rest: whoami (6 replicas, 2 of them here) published on 8080 and on an
                   overlay network of its own (10.0.9.0/24), another service (2 replicas elsewhere) on 8081
``healthy-nft``    the same with its rules in nftables, as ``iptables-nft`` 1.8.9 wrote them
``deploying``      swarm-manager 7 s earlier, in the midst of whoami's deployment: VIP alias and neighbours
                   are there, the published port is not, the network's balancer knows 2 of 6 replicas
=================  ==================================================================================
"""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

from harness.evidence import Dump, KernelLook

FOLDER = Path(__file__).parent / "mesh"
NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
_LOOKS = {"healthy": "swarm-worker1", "healthy-nft": "swarm-worker1", "deploying": "swarm-manager"}


@functools.cache
def recorded(name: str) -> KernelLook:
    """A recorded look; nodes that it does not hold are ``missing``.

    Raises:
        KeyError: there is none of that name.
    """
    node = _LOOKS[name]
    dumps = _dumps(node)
    if name.endswith("-nft"):
        dumps = _in_nftables(dumps)
    missing = tuple((other, "it is not in this recording") for other in NODES if other != node)
    return KernelLook(f"kernels-{name}", 100.0, 104.0, dumps, missing)


def _dumps(file: str) -> tuple[Dump, ...]:
    rows = json.loads((FOLDER / f"{file}.json").read_text())
    return tuple(
        Dump(row["node"], row["namespace"], row["what"], "".join(f"{line}\n" for line in row["lines"]))
        for row in rows
    )


def _in_nftables(dumps: tuple[Dump, ...]) -> tuple[Dump, ...]:
    """The same dumps where the legacy backend holds nothing and the other what it held."""
    written = {dump.namespace: dump.text for dump in _dumps("swarm-worker1-nft")}
    texts = {"rules-legacy": dict.fromkeys(written, ""), "rules-nft": written}
    return tuple(
        dataclasses.replace(dump, text=texts[dump.what].get(dump.namespace, dump.text))
        if dump.what in texts
        else dump
        for dump in dumps
    )
