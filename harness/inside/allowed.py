"""What ``--allow node-inspect`` lets a job do beyond reading kernels: said before it is done."""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.engine.spec import Mount
from harness.inside.scripts.engine import SOCKET
from harness.inside.scripts.processes import PROC

NODE_INSPECT = "node-inspect"
MOUNTS = (Mount(SOCKET, SOCKET), Mount(PROC, "/proc"))
CAPABILITIES = (
    "CAP_SYS_PTRACE",
)  # else the kernel shows no open files of dockerd, which may do more than we
WARNING = (
    "--allow node-inspect: on every node that takes tasks the audit's job mounts /var/run/docker.sock and "
    "/proc, both read-only, with CAP_SYS_PTRACE and without AppArmor's profile. That is as good as root "
    "there. It asks the engine for network inspect -v, its containers and its data folder, and reads "
    "swarm-node.crt (never the key), who owns listening sockets, and dockerd's log if that is a file: only "
    "counts of it leave the node."
)


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What nodes are asked for.

    Attributes:
        networks: ids of the overlay networks.
        ports: (protocol, port) whose listeners are told.
        texts: words of each line of dockerd's log that counts, all of which it must hold.
        recent: seconds before the look from which on lines count.
    """

    networks: tuple[str, ...]
    ports: tuple[tuple[str, int], ...]
    texts: tuple[tuple[str, ...], ...]
    recent: float

    def arguments(self) -> dict[str, Any]:
        """As the job's script takes it."""
        return {
            "networks": list(self.networks),
            "ports": [list(one) for one in self.ports],
            "texts": [list(one) for one in self.texts],
            "recent": self.recent,
        }
