"""A packet's way through chains: as the kernel walks them, and honest where a rule is not understood."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.mesh.kernel import Rules
from harness.mesh.packets import Fate, Packet, matches, walk
from tests.mesh_rules import rule, rules

PEER, OWN = "192.168.200.12", "192.168.200.11"
DATA = Packet("udp", PEER, OWN, 4789, in_interface="eth0", local=True)


def chain(*texts: str, policy: str = "ACCEPT") -> Rules:
    """A filter table."""
    return rules({"filter": list(texts)}, policies={("filter", "INPUT"): policy})


MATCHING = (
    ("-A INPUT -j DROP", True),
    ("-A INPUT -p udp -j DROP", True),
    ("-A INPUT ! -p tcp -j DROP", True),
    ("-A INPUT -p tcp -j DROP", False),
    ("-A INPUT -p udp --dport 4789 -j DROP", True),
    ("-A INPUT -p udp --dport 4780:4800 -j DROP", True),
    ("-A INPUT -p udp --dport :4000 -j DROP", False),
    ("-A INPUT -p udp ! --dport 4789 -j DROP", False),
    ("-A INPUT -p udp -m multiport --dports 53,4789 -j DROP", True),
    ("-A INPUT -p udp -m multiport ! --dports 53,4789 -j DROP", False),
    ("-A INPUT -p udp -m multiport --ports 4789 -j DROP", True),
    ("-A INPUT -s 192.168.200.0/24 -j DROP", True),
    ("-A INPUT ! -s 192.168.200.0/24 -j DROP", False),
    ("-A INPUT -s 192.168.200.13/32 -j DROP", False),
    ("-A INPUT -i eth0 -j DROP", True),
    ("-A INPUT -i eth+ -j DROP", True),
    ("-A INPUT ! -i eth0 -j DROP", False),
    ("-A INPUT -o eth0 -j DROP", False),
    ("-A INPUT -m conntrack --ctstate NEW -j DROP", True),
    ("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP", False),
    ("-A INPUT -m conntrack ! --ctstate NEW -j DROP", False),
    ("-A INPUT -m addrtype --dst-type LOCAL -j DROP", True),
    ("-A INPUT -m addrtype ! --dst-type LOCAL -j DROP", False),
    ("-A INPUT -m length --length 0:99 -j DROP", False),
    ("-A INPUT -m length --length 100 -j DROP", True),
    ("-A INPUT -m comment --comment words -j DROP", True),
    ("-A INPUT -m statistic --mode random --probability 0.5 -j DROP", True),
    ("-A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable", True),
    ("-A INPUT -m set --match-set peers src -j DROP", None),
    ("-A INPUT -m set --match-set peers src -p tcp -j DROP", False),
)


@pytest.mark.parametrize(("text", "expected"), MATCHING)
def test_what_a_rule_matches(text: str, expected: bool | None) -> None:
    """Yes, no, or it cannot be told."""
    assert matches(rule("filter", text), DATA) is expected


def test_the_first_rule_that_matches_decides() -> None:
    """Order counts, and the policy comes last."""
    drop, accept = "-A INPUT -p udp --dport 4789 -j DROP", "-A INPUT -p udp -j ACCEPT"

    assert walk(chain(drop, accept), "filter", "INPUT", DATA).fate is Fate.DROP
    assert walk(chain(accept, drop), "filter", "INPUT", DATA).fate is Fate.PASS
    assert walk(chain(policy="DROP"), "filter", "INPUT", DATA).culprit == "-P INPUT DROP"
    assert walk(chain(accept, policy="DROP"), "filter", "INPUT", DATA).fate is Fate.PASS
    assert walk(chain(), "raw", "PREROUTING", DATA).fate is Fate.PASS


def test_jumps_return_where_they_came_from() -> None:
    """RETURN, the end of a chain and an empty chain all go on after the jump."""
    texts = (
        "-A INPUT -j first",
        "-A INPUT -j empty",
        "-A INPUT -p udp -j second",
        "-A first -j RETURN",
        "-A first -j ACCEPT",
        "-A second -p tcp -j ACCEPT",
        "-A second -j LOG",
        "-A second -j DROP",
    )
    ended = walk(chain(*texts), "filter", "INPUT", DATA)

    assert (ended.fate, ended.culprit) == (Fate.DROP, "-A second -j DROP")


def test_a_rule_that_is_not_understood_neither_damns_nor_saves() -> None:
    """A drop of it is not blamed; an acceptance of it makes a later drop unsure."""
    perhaps = "-A INPUT -m set --match-set peers src"

    assert walk(chain(f"{perhaps} -j DROP"), "filter", "INPUT", DATA).fate is Fate.PASS
    saved = walk(chain(f"{perhaps} -j ACCEPT", policy="DROP"), "filter", "INPUT", DATA)
    assert (saved.fate, saved.culprit) == (Fate.UNSURE, f"{perhaps} -j ACCEPT")
    through = chain(f"{perhaps} -j friends", "-A friends -j ACCEPT", policy="DROP")
    assert walk(through, "filter", "INPUT", DATA).fate is Fate.UNSURE


def test_a_circle_of_jumps_ends() -> None:
    """No kernel holds one, but what was read may be garbled."""
    ended = walk(chain("-A INPUT -j a", "-A a -j b", "-A b -j a"), "filter", "INPUT", DATA)

    assert ended.fate is Fate.PASS


@given(
    st.lists(st.sampled_from([text for text, _ in MATCHING]), max_size=6),
    st.sampled_from(["ACCEPT", "DROP"]),
    st.integers(0, 65535),
)
def test_rules_that_cannot_match_change_nothing(texts: list[str], policy: str, port: int) -> None:
    """For any table and packet: leaving out what does not match leaves the outcome."""
    packet = dataclasses.replace(DATA, dport=port)
    every = chain(*texts, policy=policy)
    fitting = chain(
        *(text for text in texts if matches(rule("filter", text), packet) is not False), policy=policy
    )

    assert walk(every, "filter", "INPUT", packet).fate is walk(fitting, "filter", "INPUT", packet).fate
