"""Faults of the network: a port that a node's firewall cuts. They need a lab of ours."""

from __future__ import annotations

import dataclasses

from harness.errors import Unmeasurable
from harness.lab.protocol import Lab

CHAIN = "HARNESS-CUT"
_PROOF = 8.0  # seconds for something to be dropped: heartbeats come every 5 s
_CUT = """
chain=$1; shift
iptables -w -N "$chain" && iptables -w -A "$chain" -j DROP || exit 1
for rule in "$@"; do iptables -w -I $rule -j "$chain" || exit 1; done
"""
_DROPPED = """
for _ in $(seq $2); do
    packets=$(iptables -w -nvxL "$1" | awk '$3 == "DROP" { print $1 }')
    [ "${packets:-0}" = 0 ] || { echo "$packets"; exit 0; }
    sleep 0.1
done
exit 1
"""
# a chain that a rule still leads to cannot be removed: that it is gone proves that every rule is
_MEND = """
chain=$1; shift
iptables -w -nL "$chain" >/dev/null 2>&1 || exit 0
for rule in "$@"; do while iptables -w -D $rule -j "$chain" 2>/dev/null; do :; done; done
iptables -w -F "$chain" && iptables -w -X "$chain"
"""


@dataclasses.dataclass(frozen=True)
class CutPort:
    """A node's own firewall drops what one of the swarm's ports needs, both ways.

    Attributes:
        rules: of the filter table, each a chain and what it matches (``INPUT -p udp --dport 4789``).
        poke: shell in the lab's network that sends something there, where nobody else would.
    """

    lab: Lab
    node: str
    port: int
    rules: tuple[str, ...]
    poke: str = ""
    lasting: bool = True

    @property
    def kind(self) -> str:
        """Which port is cut."""
        return f"cut-{self.port}"

    @property
    def subject(self) -> str:
        """The node's hostname."""
        return self.node

    def begin(self) -> str:
        """Cut it; packets that were dropped are the proof."""
        cut = self.lab.exec(self.node, ["sh", "-c", _CUT, "cut", CHAIN, *self.rules])
        if not cut.ok:
            raise Unmeasurable(f"port {self.port} of {self.node} could not be cut: {cut.err.strip()}")
        if self.poke:
            self.lab.exec(None, ["bash", "-c", self.poke])
        tries = str(int(_PROOF * 10))
        seen = self.lab.exec(self.node, ["sh", "-c", _DROPPED, "dropped", CHAIN, tries])
        packets = seen.out.strip()
        return f"{self.node} dropped {packets} packets of port {self.port}" if seen.ok and packets else ""

    def end(self) -> None:
        """Open it again.

        Raises:
            Unmeasurable: a rule is left.
        """
        mended = self.lab.exec(self.node, ["sh", "-c", _MEND, "mend", CHAIN, *self.rules])
        if not mended.ok:
            raise Unmeasurable(
                f"port {self.port} of {self.node} is still cut: {mended.err.strip()}",
                remedy=f"iptables -S on {self.node}, or harness lab down",
            )


def cut_data_path(lab: Lab, node: str, port: int) -> CutPort:
    """VXLAN between the node and all others."""
    return CutPort(lab, node, port, (f"INPUT -p udp --dport {port}", f"OUTPUT -p udp --dport {port}"))


def cut_gossip(lab: Lab, node: str, port: int) -> CutPort:
    """Gossip between the node and all others, over TCP and UDP."""
    rules = (f"{way} -p {kind} --dport {port}" for way in ("INPUT", "OUTPUT") for kind in ("tcp", "udp"))
    return CutPort(lab, node, port, tuple(rules))


def cut_management(lab: Lab, node: str, port: int) -> CutPort:
    """A worker's way to its managers."""
    return CutPort(lab, node, port, (f"OUTPUT -p tcp --dport {port}", f"INPUT -p tcp --sport {port}"))


def cut_api(lab: Lab, node: str, port: int, address: str) -> CutPort:
    """The remote API of a node's engine."""
    poke = f"timeout 1 bash -c '</dev/tcp/{address}/{port}'"
    return CutPort(lab, node, port, (f"INPUT -p tcp --dport {port}",), poke)
