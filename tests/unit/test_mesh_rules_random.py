"""Rules of any form are read back as they were; texts that were mangled are whole or unread."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.mesh.kernel import Backend, Rule
from harness.mesh.rules import read_rules
from tests.recorded import recorded

_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,14}", fullmatch=True)
_NETWORKS = st.ip_addresses(v=4).map(lambda address: f"{address}/32")
_PORTS = st.none() | st.integers(0, 65535)
_UNKNOWN = st.lists(
    st.sampled_from(
        [("-m", "limit", "--limit", "3/min"), ("!", "--mark", "0x1"), ("--dports", "1,2:3"), ("--syn",)]
    ),
    max_size=2,
).map(lambda words: tuple(word for group in words for word in group))


def _maybe(values: st.SearchStrategy[str], *, negated: bool = True) -> st.SearchStrategy[str]:
    """Nothing, one of them, or its negation."""
    either = st.one_of(values, values.map("!{}".format)) if negated else values
    return st.just("") | either


@st.composite
def _rules(draw: st.DrawFn) -> Rule:
    target = draw(st.sampled_from(["", "ACCEPT", "DOCKER-INGRESS", "DNAT", "SNAT", "REDIRECT", "MARK"]))
    to = f"10.0.0.{draw(st.integers(0, 255))}:{draw(st.integers(1, 65535))}"
    return Rule(
        "mangle", "CHAIN", 0,
        protocol=draw(_maybe(st.sampled_from(["tcp", "udp", "sctp", "gre"]))),
        source=draw(_maybe(_NETWORKS)),
        destination=draw(_maybe(_NETWORKS)),
        in_interface=draw(_maybe(_NAMES)),
        out_interface=draw(_maybe(_NAMES)),
        sport=draw(_PORTS),
        dport=draw(_PORTS),
        src_type=draw(_maybe(st.sampled_from(["LOCAL", "UNICAST,LOCAL"]))),
        dst_type=draw(_maybe(st.sampled_from(["LOCAL", "BROADCAST"]))),
        states=tuple(sorted(draw(st.sets(st.sampled_from(["NEW", "ESTABLISHED", "RELATED", "DNAT"]))))),
        ipvs=draw(st.booleans()),
        target=target,
        to=to if target in {"DNAT", "SNAT", "REDIRECT"} else "",
        mark=draw(st.integers(0, 2**32 - 1)) if target == "MARK" else None,
        others=draw(_UNKNOWN),
        packets=draw(st.integers(0, 2**64 - 1)),
    )  # fmt: skip


def _print(rule: Rule) -> str:
    """The rule as iptables-save prints it, with the words of its matches in iptables' order."""
    told = [
        ("-s", rule.source), ("-d", rule.destination), ("-i", rule.in_interface), ("-o", rule.out_interface),
        ("-p", rule.protocol), ("-m addrtype --src-type", rule.src_type),
        ("-m addrtype --dst-type", rule.dst_type), ("--sport", rule.sport), ("--dport", rule.dport),
        ("-m ipvs --ipvs", rule.ipvs and " "), ("-m conntrack --ctstate", ",".join(reversed(rule.states))),
        ("-m comment --comment", '"because -j DROP"'), ("", " ".join(rule.others)), ("-j", rule.target),
        ({"DNAT": "--to-destination", "SNAT": "--to-source"}.get(rule.target, "--to-ports"), rule.to),
        ("--set-xmark", "" if rule.mark is None else f"{rule.mark:#x}/0xffffffff"),
    ]  # fmt: skip
    words = ["-A", rule.chain]
    for option, value in told:
        if value is not None and value is not False and value != "":
            negated = str(value).startswith("!") and bool(option)
            *match, last = option.split(" ")
            words += [*match, *(["!"] if negated else []), last, str(value)[negated:]]
    return " ".join(" ".join(words).split())


@settings(deadline=None, max_examples=50)
@given(_rules(), st.booleans())
def test_a_printed_rule_is_read_back(rule: Rule, counted: bool) -> None:
    """Whatever fields a rule has, in any combination, and however it is counted."""
    text = _print(rule)
    counters = f"[{rule.packets}:99] " if counted else ""
    expected = dataclasses.replace(rule, text=text, packets=rule.packets if counted else 0)

    found = read_rules(Backend.NFT, f"*mangle\n:CHAIN - [0:0]\n{counters}{text}\nCOMMIT\n")

    assert found
    assert found.rules == (expected,)


_PIECES = (
    *(
        "-A",
        "CHAIN",
        "-j",
        "-m",
        "!",
        "-p",
        "tcp",
        "MARK",
        "--set-xmark",
        "0x1",
        "--dport",
        "80",
        "--ipvs",
        '"',
    ),
    *(
        "--comment",
        "[1:2]",
        "COMMIT",
        "\n",
        "*nat",
        "\n*filter\n",
        "\n:CHAIN - [0:0]\n",
        "\n-A CHAIN ",
        "\nCOMMIT\n",
    ),
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(_PIECES)).map(" ".join))
def test_any_words_are_rules_or_unread(text: str) -> None:
    """Never an exception; rules are told only of a text that is whole."""
    found = read_rules(Backend.LEGACY, text)

    if found and found.rules:
        assert not found.unread
        assert text.count("\nCOMMIT") >= 1


_RECORDED = tuple(
    dump.text
    for look in ("healthy", "healthy-nft", "deploying")
    for dump in recorded(look).dumps
    if dump.what.startswith("rules-") and dump.text
)


@settings(deadline=None)
@given(st.sampled_from(_RECORDED), st.data())
def test_a_recording_that_is_cut_off_is_never_half_read(text: str, data: st.DataObject) -> None:
    """A cut leaves whole tables, or nothing is told."""
    cut = text[: data.draw(st.integers(0, len(text)))]
    found, whole = read_rules(Backend.LEGACY, cut), read_rules(Backend.LEGACY, text)

    assert whole
    if found and not found.unread:
        tables = {table for table, _, _ in found.policies}
        assert found.rules == tuple(rule for rule in whole.rules if rule.table in tables)
