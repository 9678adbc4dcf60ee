"""Evidence of the third witness: what every node's kernel printed, and what the manager said around it."""

from __future__ import annotations

import dataclasses

from harness.model import Network, Node, Service, Task

HOST = ""  # the namespace of a node's own network


@dataclasses.dataclass(frozen=True)
class Dump:
    """One thing that a node printed, as it printed it.

    Attributes:
        namespace: name under ``/var/run/docker/netns`` (``ingress_sbox``, ``lb_...``, ``1-...``, or a task's
            sandbox); empty for the host's own network.
        what: ``rules-legacy`` and ``rules-nft`` (``iptables-save -c``, all tables; what no reader knows is
            marked ``[unknown]``, tables of nf_tables that are not those of iptables are named in a comment
            that says where they hook in and whether they may drop), ``ipvs`` (``/proc/net/ip_vs``), ``addr``
            (``ip -j -d addr``), ``fdb`` (``bridge -j fdb``), ``neigh`` (``ip -j -d neigh``), ``route``
            (``ip -j -d route``), ``sysctl`` (lines ``name = value``), ``facts`` (a JSON object; host only),
            ``xfrm`` (a JSON list of IPsec's policies and keyed states, without keys; host only, where there
            are encrypted networks). Only where ``node-inspect`` was allowed, host only, JSON: ``gossip``,
            ``containers``, ``listeners``, ``certificate``, ``dockerd-log`` (see
            :mod:`harness.inside.scripts.inspection`).
        text: empty where the node has nothing of it.
        trouble: why it could not be read: then nothing follows from its absence.
    """

    node: str
    namespace: str
    what: str
    text: str
    trouble: str = ""


@dataclasses.dataclass(frozen=True)
class KernelLook:
    """What the kernels of all nodes that could be asked printed.

    Attributes:
        began: when the first node was asked, ``at``: when the last had answered (seconds, monotonic).
        read: no kernel was read earlier than this (seconds, monotonic); 0.0 where that is not known.
        clocks: (hostname, seconds that its calendar is ahead of the manager's, as far as could be told).
        missing: (hostname, reason) of nodes without a whole answer; ``skipped``: of nodes that take no tasks.
        allowed: what more than reading the kernels was allowed: ``node-inspect``.
    """

    id: str
    began: float
    at: float
    dumps: tuple[Dump, ...]
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    clocks: tuple[tuple[str, float], ...] = ()
    read: float = 0.0
    allowed: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Truth:
    """What the manager said: all nodes, services, networks and tasks, at one moment.

    Attributes:
        at: seconds, monotonic; ``wall``: engine time of the same moment (seconds since the epoch).
        data_port: UDP port of the swarm's data path.
        roots: certificates (PEM) that its nodes trust; empty if not told, or while they are being changed.
    """

    id: str
    at: float
    wall: float
    nodes: tuple[Node, ...]
    services: tuple[Service, ...]
    networks: tuple[Network, ...]
    tasks: tuple[Task, ...]
    data_port: int = 4789
    roots: str = ""
