"""The script that looks around: its questions against a name server here, and what comes of its records."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Interface, Reach
from harness.inside.around import Questions, keep
from harness.inside.frames import NodeAnswer
from harness.inside.parse import JobAnswers
from harness.inside.scripts import around, dns, wire
from harness.journal import Journal
from harness.model import Network

NET = Network("id-net", "net", "overlay", "swarm", ("10.0.1.0/24",))
ADDRESSES = ("10.0.1.10", "10.0.1.9")


def response(question: bytes, addresses: tuple[str, ...]) -> bytes:
    """An answer with these A records; without any, NXDOMAIN."""
    flags = 0x8180 if addresses else 0x8183
    head = question[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
    records = (b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 600, 4) + socket.inet_aton(one) for one in addresses)
    return head + question[12:] + b"".join(records)


@contextlib.contextmanager
def resolver(*turns: tuple[str, ...], deaf: bool = False) -> Iterator[tuple[str, int]]:
    """A name server that answers with these in turn."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            chosen = itertools.cycle(turns)
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    question, peer = server.recvfrom(512)
                    if not deaf:
                        server.sendto(response(question, next(chosen)), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()
        over.set()
        thread.join()


def test_the_first_of_each_answer_is_counted() -> None:
    """Whatever their order, the answer is the same set; addresses are sorted as numbers."""
    with resolver(ADDRESSES, ADDRESSES[::-1]) as server:
        answers, firsts, errors = around.draw("web", 50, wire.now() + 10, server)

    assert answers == {"10.0.1.9 10.0.1.10": 50}
    assert firsts == {"10.0.1.9": 25, "10.0.1.10": 25}
    assert errors == {}


def test_a_name_that_is_nobodys_and_a_server_that_is_silent() -> None:
    """Each question is accounted for."""
    with resolver(()) as server:
        assert around.draw("web", 20, wire.now() + 10, server) == ({}, {}, {"NXDOMAIN": 20})
    with resolver((), deaf=True) as server:
        assert around.draw("web", 5, wire.now() + 10, server) == ({}, {}, {"timeout": 5})


def test_an_answer_keeps_its_order_where_that_is_asked_for() -> None:
    """Everybody else gets addresses sorted."""
    data = response(dns.question("web", 7), ADDRESSES)

    assert dns.answer(data, 7) == (["10.0.1.9", "10.0.1.10"], "")
    assert dns.answer(data, 7, ordered=True) == (list(ADDRESSES), "")


def test_interfaces_of_this_machine_are_told() -> None:
    """Never its loopback; one default route at most leads somewhere that is told."""
    rows = around.interfaces()

    assert {row[0] for row in rows} == {name for _, name in socket.if_nameindex()} - {"lo"}
    assert all(isinstance(row[2], int) and row[2] > 0 for row in rows)


def test_a_target_of_ours_is_asked_until_it_answers() -> None:
    """Another one once: what is silent there is meant to be."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    until = wire.now() + 0.35

    ours = around.reach(["net", "127.0.0.1", port, True], "", 0.5, until)
    other = around.reach(["far", "127.0.0.1", port, False], "", 0.5, until + 5)

    assert (ours[2], other[2], other[4]) == ("refused", "refused", 1)
    assert isinstance(ours[4], int)
    assert ours[4] > 1


class Journaling:
    """The part of a swarm that keeps evidence."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path / "journal.jsonl")


def answer(node: str, *records: dict[str, object], complete: bool = True) -> NodeAnswer:
    """What a node told."""
    return NodeAnswer(node, "t", records, complete, 1.0)


def test_records_become_evidence(tmp_path: Path) -> None:
    """Of nodes that told all, and had no trouble."""
    told = answer(
        "n1",
        {"kind": "answers", "rows": [["web", "10.0.1.9 10.0.1.10", 2], ["web", "x", -1], ["web"]]},
        {"kind": "firsts", "rows": [["web", "10.0.1.9", 2]]},
        {"kind": "errors", "rows": [["db", "NXDOMAIN", 3]]},
        {"kind": "reached", "rows": [["net", "10.0.1.9", "ok", "t1", 1], ["net", "here", "ok", "t1", 1]]},
        {"kind": "interfaces", "rows": [["eth0", "10.0.1.7/24", 1450, False]]},
    )
    troubled = answer("n2", {"kind": "trouble", "about": "names", "text": "OSError"})
    job = JobAnswers((told, troubled, answer("n3", complete=False)), (("n3", "cut off"),), 0.0, 1.0)
    swarm = Journaling(tmp_path)

    found = keep(swarm, NET, "task", job)  # type: ignore[arg-type]  # no more of a swarm is needed

    assert found.nodes == ("n1",)
    assert [(one.name, one.answers, one.errors) for one in found.draws] == [
        ("web", (("10.0.1.9 10.0.1.10", 2),), ()),
        ("db", (), (("NXDOMAIN", 3),)),
    ]
    assert found.of("db")[0].asked == 3
    assert found.reaches == (Reach("n1", "net", "10.0.1.9", "ok", "t1", 1),)
    assert found.interfaces == (Interface("n1", "eth0", "10.0.1.7/24", 1450),)
    assert {node for node, _ in found.missing} == {"n2", "n3"}


@given(st.lists(st.one_of(st.none(), st.text(), st.lists(st.one_of(st.text(), st.integers(), st.none())))))
def test_garbage_in_records_is_left_out(rows: list[object]) -> None:
    """Whatever a node tells, nothing raises."""
    records: list[dict[str, object]] = [
        {"kind": kind, "rows": rows} for kind in ("answers", "reached", "interfaces")
    ]
    told = answer("n1", *records)
    kept: list[object] = []

    class Silent:
        def new_id(self, kind: str) -> str:
            return f"{kind}-1"

        def keep(self, evidence: object) -> object:
            kept.append(evidence)
            return evidence

    class Fake:
        journal = Silent()

    keep(Fake(), NET, "task", JobAnswers((told,), (), 0.0, 1.0))  # type: ignore[arg-type]

    assert kept


def test_questions_tell_a_script_whose_addresses_must_answer() -> None:
    """Those on the asker's own network."""
    far = Network("id-far", "far", "overlay", "swarm")
    args = Questions([("web", 3, 1)], [(NET, "10.0.1.9"), (far, "10.0.2.9")], "me").args(NET)

    assert args["targets"] == [["net", "10.0.1.9", 80, True], ["far", "10.0.2.9", 80, False]]
