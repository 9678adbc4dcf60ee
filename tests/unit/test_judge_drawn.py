"""Names under dnsrr, aliases, and names that must stay on their network, case by case."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Around, NameDraw, Refusal, Roster
from harness.judge.drawn import aliases_resolve, drawn_at_random, names_stay, refused
from harness.judge.fair import Terms
from harness.judge.verdict import State, Verdict
from harness.model import Attachment, Replica

W1, W2 = "swarm-worker1", "swarm-worker2"
A, B, C = "10.0.1.2", "10.0.1.3", "10.0.1.4"
ROSTER = Roster(
    "roster-1",
    "drawn",
    0.0,
    tuple(Replica(f"t{n}", n, W1, (Attachment("id-net", address),)) for n, address in enumerate((A, B, C))),
)
MOST = Terms.of(3, 2).most
FAIR = ((A, MOST // 3), (B, MOST // 3), (C, MOST - 2 * (MOST // 3)))


def draw(node: str, *firsts: tuple[str, int], name: str = "drawn", **errors: int) -> NameDraw:
    """All tasks in every answer, with these first."""
    total = sum(times for _, times in firsts)
    return NameDraw(node, name, ((f"{A} {B} {C}", total),), firsts, tuple(errors.items()))


def look(*draws: NameDraw, network: str = "net", missing: tuple[tuple[str, str], ...] = ()) -> Around:
    """What tasks on two nodes were told."""
    nodes = tuple(sorted({one.node for one in draws}))
    return Around("around-1", 0.0, network, f"id-{network}", (), "task", nodes, draws, missing=missing)


def drawn(*draws: NameDraw, roster: Roster = ROSTER) -> Verdict:
    """The verdict."""
    return drawn_at_random(look(*draws), roster, name="drawn")


def named(verdict: Verdict) -> set[tuple[str, str]]:
    """Findings and their nodes."""
    return {(one.name, one.subject.node) for one in verdict.findings}


def test_a_shuffled_name_is_upheld() -> None:
    """Exact on every node, and each task first about as often as another; the sentence has its n."""
    verdict = drawn(draw(W1, *FAIR), draw(W2, *FAIR, timeout=3))

    assert verdict.state is State.UPHELD
    assert f"{MOST} answers" in verdict.sentence


@pytest.mark.parametrize(
    ("firsts", "name"),
    [
        (((A, MOST),), "name-order-fixed"),
        (((A, MOST // 2), (B, MOST // 2)), "name-order-uneven"),
        (((A, MOST // 2), (B, MOST // 4), (C, MOST // 4)), "name-order-uneven"),
    ],
)
def test_an_order_that_is_not_random_is_named(firsts: tuple[tuple[str, int], ...], name: str) -> None:
    """A resolver, or a cache before it, that prefers a task."""
    assert named(drawn(draw(W1, *FAIR), draw(W2, *firsts))) == {(name, W2)}


def test_too_few_questions_tell_nothing_of_the_order() -> None:
    """Unknown, with the number that suffices."""
    verdict = drawn(draw(W1, *FAIR), draw(W2, (A, 4), (B, 5), (C, 3)))

    assert verdict.state is State.UNKNOWN
    assert f"{MOST} suffice" in verdict.sentence


@pytest.mark.parametrize(
    ("answers", "errors", "name"),
    [
        (((f"{A} {B} {C} 10.0.1.9", 5),), (), "stale-name"),
        (((f"{A} {C}", 5),), (), "name-incomplete"),
        (((f"{A} {B} {C}", 5), (f"{A} {C}", 1)), (), "name-incomplete"),
        ((), (("NXDOMAIN", 5),), "name-missing"),
    ],
)
def test_a_set_that_is_not_exact_is_named(
    answers: tuple[tuple[str, int], ...], errors: tuple[tuple[str, int], ...], name: str
) -> None:
    """Also if a single answer of many is wrong."""
    wrong = NameDraw(W2, "drawn", answers, FAIR if answers else (), errors)

    assert named(drawn(draw(W1, *FAIR), wrong)) == {(name, W2)}


def test_what_nobody_answered_is_unknown() -> None:
    """Time-outs, a node that told nothing, tasks without an address, tasks that were replaced."""
    went = dataclasses.replace(ROSTER, went=ROSTER.replicas[:1])
    strange = dataclasses.replace(
        ROSTER, replicas=(dataclasses.replace(ROSTER.replicas[0], addresses=()), *ROSTER.replicas[1:])
    )
    gone = look(draw(W1, *FAIR), missing=((W2, "no answer"),))

    assert drawn(draw(W1, *FAIR), draw(W2, *FAIR, timeout=MOST)).state is State.UNKNOWN
    assert drawn_at_random(gone, ROSTER, name="drawn").state is State.UNKNOWN
    assert drawn(draw(W1, *FAIR), roster=went).state is State.UNKNOWN
    assert drawn(draw(W1, *FAIR), roster=strange).state is State.UNKNOWN
    assert drawn().state is State.UNKNOWN


@given(st.integers(1, MOST - 1), st.integers(1, MOST - 1))
def test_shares_far_off_are_never_upheld(first: int, second: int) -> None:
    """Whatever the counts are: upheld only within the margin of a fifth."""
    counts = sorted((first, second, max(0, MOST - first - second)))
    total = sum(counts)
    verdict = drawn(draw(W1, *zip((A, B, C), counts, strict=True)))

    inside = all(0.8 / 3 <= one / total <= 1.2 / 3 for one in counts)
    assert inside or verdict.state is not State.UPHELD


def test_a_refusal_needs_its_reason() -> None:
    """Accepted is refuted; refused for another reason is unknown."""
    no = Refusal("refusal-1", 0.0, "a port", "port published with ingress mode can't be used with dnsrr mode")

    assert refused(no, because="ingress").state is State.UPHELD
    assert named(refused(dataclasses.replace(no, said=""), because="ingress")) == {("not-refused", "")}
    assert refused(dataclasses.replace(no, said="name taken"), because="ingress").state is State.UNKNOWN


def test_an_alias_is_what_its_service_is() -> None:
    """On every node; anything else is named there."""
    rows = [["also", "drawn", "net", [A, B, C]]]
    good, short = draw(W1, *FAIR, name="also"), NameDraw(W2, "also", ((A, 3),), ((A, 3),))

    assert aliases_resolve([look(good)], aliases=rows).state is State.UPHELD
    assert named(aliases_resolve([look(good, short)], aliases=rows)) == {("name-incomplete", W2)}
    assert aliases_resolve([look()], aliases=rows).state is State.UNKNOWN
    assert aliases_resolve([look(good)], aliases=[["also", "drawn", "net", []]]).state is State.UNKNOWN


def test_a_name_stays_on_its_network() -> None:
    """Told there and nowhere else; a name that nobody knows proves nothing, nor does silence."""
    home, silent = look(draw(W1, *FAIR, name="db")), NameDraw(W1, "db", errors=(("timeout", 3),))
    away = look(NameDraw(W1, "db", errors=(("NXDOMAIN", 3),)), network="far")
    names = [["db", "net"]]

    assert names_stay([home, away], names=names).state is State.UPHELD
    assert named(names_stay([home, look(draw(W1, *FAIR, name="db"), network="far")], names=names)) == {
        ("name-leaked", W1)
    }
    outside = look(NameDraw(W1, "db", (("198.51.100.7", 3),)), network="far")
    assert names_stay([home, outside], names=names).state is State.UPHELD
    assert names_stay([look(), away], names=names).state is State.UNKNOWN
    assert names_stay([home, look(silent, network="far")], names=names).state is State.UNKNOWN
    assert names_stay([home], names=names).state is State.UNKNOWN
