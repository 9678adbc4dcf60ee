"""Mutants of gossip: the port closed, rows of a dead owner."""

from harness.mutants.mutant import KERNEL, Mutant, Wanted

_RULES = [
    f"{chain} -p {protocol} --dport 7946" for chain in ("INPUT", "OUTPUT") for protocol in ("tcp", "udp")
]

MUTANTS = (
    Mutant(
        "D1a",
        "D1",
        "gossip over UDP is closed one way",
        "iptables -I INPUT -p udp --dport 7946 -j DROP",
        "gone iptables -D INPUT -p udp --dport 7946 -j DROP",
        (Wanted("gossip-blocked"),),
    ),
    Mutant(
        "D1b",
        "D1",
        "gossip is closed",
        "; ".join(f"iptables -I {rule} -j DROP" for rule in _RULES),
        "; ".join(f"gone iptables -D {rule} -j DROP" for rule in _RULES),
        (Wanted("gossip-blocked"),),
        frozenset({KERNEL}),
    ),
)
