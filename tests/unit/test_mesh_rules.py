"""Rules as iptables-save prints them: each word has its field, or is told to have none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from harness.mesh.kernel import Backend, Rule, Rules
from harness.mesh.rules import read_rules


def _read(text: str) -> Rules:
    found = read_rules(Backend.LEGACY, text)
    assert found
    return found


def _rule(words: str) -> Rule:
    (found,) = _read(f"*nat\n:CHAIN - [0:0]\n-A CHAIN {words}\nCOMMIT\n").rules
    return found


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (
            "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:8080",
            {"protocol": "tcp", "dport": 8080, "target": "DNAT", "to": "172.18.0.2:8080"},
        ),
        (
            "-d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.4",
            {"destination": "10.0.0.0/24", "ipvs": True, "target": "SNAT", "to": "10.0.0.4"},
        ),
        (
            "-d 10.0.0.91/32 -p tcp -m tcp --dport 8080 -j REDIRECT --to-ports 80",
            {
                "destination": "10.0.0.91/32",
                "protocol": "tcp",
                "dport": 8080,
                "target": "REDIRECT",
                "to": "80",
            },
        ),
        (
            "-p tcp -m tcp --sport 8080 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            {"protocol": "tcp", "sport": 8080, "states": ("ESTABLISHED", "RELATED"), "target": "ACCEPT"},
        ),
        ("-m state --state NEW -g MINE", {"states": ("NEW",), "target": "MINE"}),
        (
            "-o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE",
            {"out_interface": "docker_gwbridge", "src_type": "LOCAL", "target": "MASQUERADE"},
        ),
        (
            "-s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE --random-fully",
            {"source": "172.18.0.0/16", "out_interface": "!docker_gwbridge", "target": "MASQUERADE"},
        ),
        (
            "! -p tcp ! -d 127.0.0.0/8 -m addrtype ! --dst-type LOCAL -j DOCKER",
            {
                "protocol": "!tcp",
                "destination": "!127.0.0.0/8",
                "dst_type": "!LOCAL",
                "target": "DOCKER",
            },
        ),
        ("-j MARK --set-xmark 0x121/0xffffffff", {"target": "MARK", "mark": 0x121}),
        ("-j MARK --set-mark 0x121", {"target": "MARK", "mark": 0x121}),
        ("-j MARK --set-mark 289", {"target": "MARK", "mark": 289}),
        ("-j REJECT --reject-with icmp-port-unreachable", {"target": "REJECT"}),
        (r'-m comment --comment "say \"-j DROP\" \\ it\'s" -j ACCEPT', {"target": "ACCEPT"}),
        ("-m comment --comment -j -j ACCEPT", {"target": "ACCEPT"}),
        ("", {}),
    ],
)
def test_every_word_has_its_field(words: str, fields: dict[str, Any]) -> None:
    """The forms that docker writes, as both backends print them; nothing is left over."""
    text = f"-A CHAIN {words}".rstrip()

    assert _rule(words) == Rule("nat", "CHAIN", 0, **fields, text=text)


@pytest.mark.parametrize(
    ("words", "others", "fields"),
    [
        ("-p tcp -m tcp --dport 80:90 -j DROP", "--dport 80:90", {"protocol": "tcp", "target": "DROP"}),
        ("-p tcp -m tcp ! --dport 80 -j DROP", "! --dport 80", {"protocol": "tcp", "target": "DROP"}),
        ("-m multiport --dports 80,90:91 -j DROP", "-m multiport --dports 80,90:91", {"target": "DROP"}),
        ("-m mark ! --mark 0x1 -j DROP", "-m mark ! --mark 0x1", {"target": "DROP"}),
        ("-m conntrack ! --ctstate NEW -j DROP", "! --ctstate NEW", {"target": "DROP"}),
        (
            "-m conntrack --ctstate NEW --ctproto 6 -j DROP",
            "--ctproto 6",
            {"states": ("NEW",), "target": "DROP"},
        ),
        (
            "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
            "--tcp-flags SYN,RST SYN --clamp-mss-to-pmtu",
            {"protocol": "tcp", "target": "TCPMSS"},
        ),
        ("-m ipvs ! --ipvs -j ACCEPT", "! --ipvs", {"target": "ACCEPT"}),
        ("-m ipvs --ipvs --vport 80 -j ACCEPT", "--vport 80", {"ipvs": True, "target": "ACCEPT"}),
        ("-j MARK --set-xmark 0x1/0xff", "--set-xmark 0x1/0xff", {"target": "MARK"}),
        ("-j MARK --or-mark 0x1", "--or-mark 0x1", {"target": "MARK"}),
        ("-j CONNMARK --set-xmark 0x1/0xffffffff", "--set-xmark 0x1/0xffffffff", {"target": "CONNMARK"}),
        ("-j MASQUERADE --to-ports 1024-2048", "--to-ports 1024-2048", {"target": "MASQUERADE"}),
        ("-s 10.0.0.1/32 -s 10.0.0.2/32", "-s 10.0.0.2/32", {"source": "10.0.0.1/32"}),
        (
            '-m string --string "a b" --algo bm -j DROP',
            '-m string --string "a b" --algo bm',
            {"target": "DROP"},
        ),
        ("-m ipvs [unsupported revision] -j ACCEPT", "[unsupported revision]", {"target": "ACCEPT"}),
        ("-j DROP -d", "-d", {"target": "DROP"}),
        ("-j DROP !", "!", {"target": "DROP"}),
    ],
)
def test_what_is_not_understood_stays_with_the_rule(words: str, others: str, fields: dict[str, Any]) -> None:
    """A rule of which a condition was overlooked would seem to match more than it does."""
    left = tuple(others.replace('"a b"', "a_b").split())
    expected = Rule("nat", "CHAIN", 0, **fields, others=tuple(word.replace("a_b", "a b") for word in left))

    assert dataclasses.replace(_rule(words), text="") == expected


_TWO_TABLES = """\
# Generated by iptables-save v1.8.11 on Tue Nov 24 23:31:34 2026
*nat
:PREROUTING ACCEPT [5634:599709]
:DOCKER-INGRESS - [0:0]
[8080:746268] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS
-A DOCKER-INGRESS -p udp -m udp --dport 53 -j RETURN
[5611:598128] -A DOCKER-INGRESS -j RETURN
COMMIT
# Completed on Tue Nov 24 23:31:34 2026
*filter
:DOCKER-INGRESS - [0:0]
[7:70] -A DOCKER-INGRESS -j RETURN
COMMIT
"""


def test_tables_chains_and_counters_are_kept_apart() -> None:
    """Places count within a chain of a table; packets are those of the rule, not of the chain's policy."""
    found = _read(_TWO_TABLES)

    assert [(rule.table, rule.chain, rule.place, rule.packets) for rule in found.rules] == [
        ("nat", "PREROUTING", 0, 8080),
        ("nat", "DOCKER-INGRESS", 0, 0),
        ("nat", "DOCKER-INGRESS", 1, 5611),
        ("filter", "DOCKER-INGRESS", 0, 7),
    ]
    assert found.rules[0].text == "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS"
    assert found.policies == (
        ("nat", "PREROUTING", "ACCEPT"),
        ("nat", "DOCKER-INGRESS", "-"),
        ("filter", "DOCKER-INGRESS", "-"),
    )


@pytest.mark.parametrize(
    "text", ["", "\n", "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"]
)
def test_no_table_is_no_backend(text: str) -> None:
    """A namespace of which a backend holds nothing."""
    assert read_rules(Backend.NFT, text) is None


_LINES = "1 line is not as iptables-save prints them, line "


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_TWO_TABLES[: _TWO_TABLES.rindex("COMMIT")], "table filter has no COMMIT"),
        (_TWO_TABLES.replace("COMMIT\n", "", 1), "table nat has no COMMIT"),
        (_TWO_TABLES * 2, "table nat is there twice; table filter is there twice"),
        (
            "# Table `filter' contains incompatible base-chains, use 'nft' tool to list them.\n"
            + _TWO_TABLES,
            "table filter holds chains that only nft can list",
        ),
        (
            "# Table `nat' is incompatible, use 'nft' tool.\n",
            "table nat holds chains that only nft can list",
        ),
        (
            _TWO_TABLES.replace(":PREROUTING ACCEPT [5634:599709]\n", ""),
            f"{_LINES}4: '[8080:746268] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS'",
        ),
        (
            _TWO_TABLES + "-A DOCKER-INGRESS -j DROP\n",
            f"{_LINES}14: '-A DOCKER-INGRESS -j DROP'",
        ),
        (
            "iptables-save: not found\n" * 2,
            "2 lines are not as iptables-save prints them, line 1: 'iptables-save: not found'",
        ),
        (
            "iptables-save: command not found",
            f"{_LINES}1: 'iptables-save: command not found'",
        ),
        (
            '*nat\n:X - [0:0]\n-A X -m comment --comment "open -j DROP\nCOMMIT\n',
            f"{_LINES}3: '-A X -m comment --comment \"open -j DROP'",
        ),
    ],
)
def test_a_text_that_does_not_tell_whole_tables_proves_nothing(text: str, why: str) -> None:
    """No rule of it is kept: the one that matters may be among those that are missing."""
    assert read_rules(Backend.NFT, text) == Rules(Backend.NFT, unread=why)
