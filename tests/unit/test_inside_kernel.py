"""Dumps of kernels become evidence: whole ones as they were printed, everything else named."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence import Dump
from harness.inside import kernel
from harness.inside.allowed import MOUNTS, Inspection
from harness.inside.frames import assemble
from harness.inside.parse import JobAnswers
from harness.inside.scripts.space import Teller
from harness.inside.scripts.wire import LONGEST, Wire
from harness.journal import Journal, load
from harness.model import Availability, Role
from tests.inside_bench import FakeClock, FakeSwarm, lines, node

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)
END = {"kind": "namespaces", "rows": []}


def dump(what: str, text: str, namespace: str = "", trouble: str = "") -> dict[str, Any]:
    """A record that carries a short text in one piece."""
    rows = [[0, text]] if text else []
    return {
        "kind": "dump",
        "ns": namespace,
        "what": what,
        "pieces": len(rows),
        "trouble": trouble,
        "rows": rows,
    }


def job(told: list[str]) -> JobAnswers:
    """The answers in the lines of nodes that were all asked."""
    found = tuple(assemble(told).values())
    return JobAnswers(found, (), 1.0, 9.0, tuple((answer.node, 5.0) for answer in found))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., FakeSwarm]]:
    """Makes a swarm of these nodes."""
    with Journal(tmp_path / "journal.jsonl") as journal:
        yield lambda *nodes: FakeSwarm(journal, FakeClock(), list(nodes))


def test_a_look_keeps_what_every_kernel_printed(make: Callable[..., FakeSwarm], tmp_path: Path) -> None:
    """Dumps in order, what is lacking with its reason, clocks against the manager's; all in the journal."""
    swarm = make(node("m", role=Role.MANAGER), node("w"), node("d", availability=Availability.DRAIN))
    swarm.log["m"] = lines("m", {"kind": "clock", "wall": 1000.0}, dump("ipvs", "a\nb\n", "lb_x"), END)
    swarm.log["w"] = lines("w", {"kind": "clock", "wall": 1004.5}, dump("addr", "", trouble="ip failed"))

    seen = kernel.look(swarm, "image")

    assert load(tmp_path / "journal.jsonl").evidence[seen.id] == seen
    assert seen.dumps == (
        Dump("m", "lb_x", "ipvs", "a\nb\n"),
        Dump("w", "", "addr", "", trouble="ip failed"),
    )
    assert seen.missing == (("w", "it told nothing of its namespaces"),)
    assert seen.skipped == (("d", "availability is drain"),)
    assert dict(seen.clocks) == {"m": 0.0, "w": pytest.approx(4.5, abs=0.6)}
    assert 1000.0 <= seen.began <= seen.at


def test_a_look_asks_for_the_way_to_every_peer(make: Callable[..., FakeSwarm]) -> None:
    """Addresses only: a name would be looked up on the node."""
    swarm = make(*(node(name, address=to) for name, to in (("m", "10.0.0.1"), ("w", "fd00::2"), ("x", "x"))))

    kernel.look(swarm, "image")

    (spec,) = swarm.specs
    args = json.loads(dict(spec.env)["HARNESS_ARGS"])
    assert args["peers"] == [["m", "10.0.0.1"], ["w", "fd00::2"]]
    assert args["data_port"] == 4789
    assert spec.networks == ("host",)
    assert "encrypted" not in args


def test_a_look_asks_for_ipsec_where_networks_are_encrypted(make: Callable[..., FakeSwarm]) -> None:
    """Elsewhere nobody spends time on it."""
    swarm = make(node("m", address="10.0.0.1"))

    kernel.look(swarm, "image", encrypted=True)

    assert json.loads(dict(swarm.specs[0].env)["HARNESS_ARGS"])["encrypted"] is True


def test_engines_are_asked_only_where_that_is_allowed(make: Callable[..., FakeSwarm]) -> None:
    """The job then mounts what it takes, and the evidence says that it did."""
    swarm = make(node("m", address="10.0.0.1"))
    wanted = Inspection(("net",), (("tcp", 8080),), (("x", "y"),), 600.0)

    plain, deep = kernel.look(swarm, "image"), kernel.look(swarm, "image", inspect=wanted)

    args = [json.loads(dict(spec.env)["HARNESS_ARGS"]) for spec in swarm.specs]
    assert (plain.allowed, deep.allowed) == ((), ("node-inspect",))
    assert [len(spec.mounts) for spec in swarm.specs] == [1, 1 + len(MOUNTS)]
    assert "inspect" not in args[0]
    assert args[1]["inspect"] == {
        "networks": ["net"],
        "ports": [["tcp", 8080]],
        "texts": [["x", "y"]],
        "recent": 600.0,
    }


TEXTS = st.builds(lambda text, times: text * times, st.text(max_size=40), st.integers(1, 2000))


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=3), st.randoms())
def test_texts_of_any_length_arrive_as_they_were_told(texts: list[str], chance: random.Random) -> None:
    """They travel in pieces that fit a log line, and are put together again whatever the lines' order."""
    with tempfile.TemporaryFile("w+") as file:
        wire = Wire("n", "t", out=file.fileno())
        for number, text in enumerate(texts):
            Teller(wire, f"ns{number}").tell("addr", text)
        wire.rows("namespaces", [])
        wire.close()
        file.seek(0)
        sent = file.read().splitlines()
    chance.shuffle(sent)

    found, missing = kernel.dumps(job(sent))

    assert all(len(line) <= LONGEST for line in sent)
    assert [one.text for one in found] == [kernel._sound(text) for text in texts]
    assert missing == ()


def test_a_lost_piece_leaves_no_half_text() -> None:
    """A cut table would look like one that lacks rules: the dump says how much of it came, no more."""
    record = {**dump("rules-legacy", "x"), "pieces": 3}

    (found,), missing = kernel.dumps(job(lines("n", record, END)))

    assert found == Dump("n", "", "rules-legacy", "", trouble="1 of 3 pieces arrived")
    assert missing == ()


@pytest.mark.parametrize(
    "change",
    [
        {"pieces": -1},
        {"pieces": "1"},
        {"pieces": 10**9},
        {"pieces": None},
        {"trouble": None},
        {"rows": None},
        {"rows": [[1, "x"]]},
        {"rows": [[True, "x"]]},
        {"rows": [[0, 5]]},
        {"rows": ["x"]},
        {"rows": [[0, "x"], [0, "y"]]},
    ],
    ids=str,
)
def test_a_garbled_dump_is_named(change: dict[str, Any]) -> None:
    """It has no text, and its node counts as not whole; its other dumps are kept."""
    records = [{**dump("addr", "x", "lb_a"), **change}, dump("ipvs", "good"), END]

    found, missing = kernel.dumps(job(lines("n", *records)))

    assert [(one.what, one.text) for one in found] == [("ipvs", "good"), ("addr", "")]
    assert missing == (("n", "the dump addr of lb_a is garbled"),)


@pytest.mark.parametrize("change", [{"ns": None}, {"what": "secrets"}, {"what": ["addr"]}], ids=str)
def test_a_dump_of_nothing_known_is_named(change: dict[str, Any]) -> None:
    """There is no telling what it was meant to be."""
    found, missing = kernel.dumps(job(lines("n", {**dump("addr", "x"), **change}, END)))

    assert found == ()
    assert missing == (("n", "a dump is garbled: it names no namespace, or nothing that is known"),)


def test_one_dump_told_twice_in_two_ways_is_garbled() -> None:
    """Neither of them is taken for the truth."""
    (found,), missing = kernel.dumps(job(lines("n", dump("ipvs", "a"), dump("ipvs", "b"), END)))

    assert (found.text, found.trouble) == ("", "the dump ipvs of the host is garbled")
    assert missing == (("n", "the dump ipvs of the host is garbled"),)


def test_trouble_of_the_script_makes_its_node_incomplete() -> None:
    """What could not be done within the bound is said, what was read is kept."""
    told = lines(
        "n", dump("ipvs", "a"), {"kind": "trouble", "about": "kernel", "text": "not done in time"}, END
    )

    found, missing = kernel.dumps(job(told))

    assert [one.text for one in found] == ["a"]
    assert missing == (("n", "not done in time"),)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.dictionaries(st.sampled_from(["ns", "what", "pieces", "trouble", "rows", "wall"]), JSON)))
def test_no_answer_raises(records: list[dict[str, Any]]) -> None:
    """Whatever a node tells, there is evidence that a journal can hold."""
    told = [{**dump("addr", "x"), **record, "kind": kind} for record in records for kind in ("dump", "clock")]
    answers = job(lines("n", *told))

    found, missing = kernel.dumps(answers)
    clocks = kernel.clocks(answers, "n")

    json.dumps([found, missing, clocks], default=vars).encode()
    assert all(one.what in kernel.KINDS for one in found)


def test_control_characters_do_not_reach_a_journal() -> None:
    """Line ends and tabs stay: they are part of what was printed."""
    (found,), _ = kernel.dumps(job(lines("n", dump("ipvs", "a\tb\n\x1b[31m\ud800"), END)))

    assert found.text == "a\tb\n?[31m?"


def test_clocks_are_told_against_the_managers_only() -> None:
    """Without the manager's own, nobody's is known."""
    told = lines("m", {"kind": "clock", "wall": 50.0}) + lines("w", {"kind": "clock", "wall": 40.0})

    assert kernel.clocks(job(told), "m") == (("m", 0.0), ("w", -10.0))
    assert kernel.clocks(job(told), "x") == ()
