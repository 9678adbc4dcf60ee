"""A lab whose nodes have vxlan devices and an ageing each, and take what ``ip link set`` says."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from harness.lab.protocol import Lab
from harness.shell import Done

SPACE = "/var/run/docker/netns/1-net"


class Ageing:
    """Answers the two scripts of :mod:`harness.lab.ageing`, told apart by whether something is piped in.

    Attributes:
        nodes: the ageing in seconds of each node's devices.
        deaf: nodes that take a setting and do not follow it; ``dead``: that refuse it.
        seen: every ageing that any device ever had.
    """

    def __init__(self, nodes: dict[str, dict[str, str]], *, deaf: str = "", dead: str = "") -> None:
        self.nodes, self.deaf, self.dead = nodes, deaf, dead
        self.seen = {seconds for devices in nodes.values() for seconds in devices.values()}
        self.lab = cast("Lab", SimpleNamespace(exec=self._exec))

    def _exec(self, node: str, argv: Sequence[str], *, stdin: str | None = None) -> Done:
        devices = self.nodes[node]
        if stdin is None:
            told = "".join(f"{SPACE} {name} {seconds}\n" for name, seconds in devices.items())
            return Done(tuple(argv), 0, told, "")
        for line in stdin.splitlines():
            _, name, before = line.split(" ")
            wish = argv[-1] or before or "0"
            if node == self.dead and argv[-1]:
                return Done(tuple(argv), 2, "", "RTNETLINK answers: Operation not supported")
            if node != self.deaf:
                devices[name] = wish
                self.seen.add(wish)
        return Done(tuple(argv), 0, "", "")
