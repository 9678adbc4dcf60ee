"""What tables of others may do to packets, by what a kernel answered of them, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inside.scripts import foreign, netlink, nft

RECORDED = json.loads((Path(__file__).parents[1] / "recorded" / "foreign.json").read_text())
INET, IP, NETDEV = 1, 2, 5


def recorded(what: str) -> list[netlink.Message]:
    """The kernel's answer about all tables: chains or rules."""
    return [(kind, bytes.fromhex(body)) for kind, body in RECORDED[what]]


CHAINS, RULES = recorded("chains"), recorded("rules")


@pytest.mark.parametrize(
    ("family", "name", "told"),
    [
        (INET, b"firewalld", "hooks prerouting, input, forward, output; may drop"),
        (INET, b"stats", "hooks input; drops nothing"),
        (IP, b"closed", "hooks input; may drop"),
        (INET, b"mapped", "hooks prerouting; may drop"),
        (IP, b"unhooked", "hooks none; drops nothing"),
        (NETDEV, b"early", "hooks ingress; may drop"),
        (IP, b"firewalld", "hooks none; drops nothing"),
    ],
)
def test_a_table_tells_where_it_hooks_in_and_whether_it_may_drop(family: int, name: bytes, told: str) -> None:
    """By a rule that drops or rejects, a policy, a map of verdicts; another family's table is another."""
    assert foreign.summed(family, name + b"\0", CHAINS, RULES) == told


def test_each_of_firewallds_ways_to_end_a_packet_counts() -> None:
    """With only its rejections, only its drops, or neither."""
    name = b"firewalld\0"
    rejects = [one for one in RULES if b"reject\0" in one[1]]
    drops = [one for one in RULES if b"immediate\0" in one[1] and b"reject\0" not in one[1]]
    others = [one for one in RULES if b"reject\0" not in one[1] and b"missing" not in one[1]]
    accepts = [one for one in others if not foreign._drops(one[1][nft.GENERAL :])]

    assert rejects
    assert foreign.summed(INET, name, CHAINS, rejects).endswith("may drop")
    assert foreign.summed(INET, name, CHAINS, drops).endswith("may drop")
    assert foreign.summed(INET, name, CHAINS, accepts).endswith("drops nothing")


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_mangled_answer_is_an_error_and_no_crash(data: st.DataObject) -> None:
    """Bytes changed and ends cut off give a line or a ValueError."""

    def mangled(told: list[netlink.Message]) -> list[netlink.Message]:
        kind, body = data.draw(st.sampled_from(told))
        changed = bytearray(body)
        changed[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        return [*told, (kind, bytes(changed[: data.draw(st.integers(0, len(body)))]))]

    try:
        told = foreign.summed(INET, b"stats\0", mangled(CHAINS), mangled(RULES))
    except ValueError as error:
        assert "malformed" in str(error)  # noqa: PT017  either way is right
    else:
        assert told.startswith("hooks ")
