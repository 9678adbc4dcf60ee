"""The voting app: votes that were cast against what the page shows."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Ballot, Fault, Poll, Shown
from harness.judge.verdict import State, Verdict
from harness.judge.voting import counted_once, one_per_voter, pages_work, votes_kept

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")


def ballots(choices: str, *, earlier: str = "", why: str = "") -> tuple[Ballot, ...]:
    """A vote of each voter, through one node after the other; ``why`` of the first."""
    return tuple(
        Ballot(n, choice, NODES[n % 3], 1.0 + n, earlier[n : n + 1], why if n == 0 else "")
        for n, choice in enumerate(choices)
    )


def poll(
    cast: tuple[Ballot, ...],
    before: tuple[int | None, float | None] = (0, 50.0),
    after: tuple[int | None, float | None] = (6, 50.0),
    **more: object,
) -> Poll:
    """Votes, and the page around them."""
    shown = [
        Shown(float(n), *one, "" if one[0] is not None else "blank") for n, one in enumerate((before, after))
    ]
    made = Poll("poll-1", "h-vote", "h-result", 0.0, 9.0, shown[0], cast, shown[1])
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and service of every finding."""
    return [(one.name, one.subject.service) for one in verdict.findings]


FIRST = poll(ballots("ababab"))
AGAIN = poll(ballots("bbbbbb", earlier="ababab"), (6, 50.0), (6, 0.0))
KILL = Fault("fault-1", "kill-task", "task-1", 1.0, 1.1, "gone")


def test_as_many_more_as_were_cast() -> None:
    """Through every node."""
    verdict = counted_once(FIRST, entries=NODES, least=2)

    assert verdict.state is State.UPHELD
    assert verdict.sentence == "6 votes through 3 nodes counted once each: the page went from 0 to 6"


def test_one_too_many_was_counted_twice_and_one_too_few_was_not_counted() -> None:
    """Each with its own name."""
    assert found(counted_once(poll(ballots("ababab"), after=(7, 57.0)))) == [
        ("vote-counted-twice", "h-result")
    ]
    assert found(counted_once(poll(ballots("ababab"), after=(5, 60.0)))) == [("vote-not-counted", "h-vote")]
    assert found(counted_once(poll(ballots("ab"), (9, 44.0), (3, 33.0)))) == [
        ("counted-vote-lost", "h-result")
    ]


def test_votes_for_the_wrong_choice_are_seen_by_their_share() -> None:
    """The sum alone would not tell."""
    assert found(counted_once(poll(ballots("aaaaab"), after=(6, 50.0)))) == [("wrong-share", "h-result")]


def test_a_vote_that_was_not_taken_is_named_with_its_node() -> None:
    """Where it is one node's."""
    verdict = counted_once(poll(ballots("ababab", why="HTTP 500")))

    assert found(verdict) == [("vote-refused", "h-vote")]
    assert verdict.subject.node == "swarm-manager"


def test_the_service_that_refuses_a_password_is_named() -> None:
    """Votes wait in redis; the page shows nothing, or nothing new."""
    said = (("h-db", 'FATAL:  password authentication failed for user "postgres"'),)
    for shown in ((None, None), (0, 50.0)):
        verdict = counted_once(poll(ballots("ababab"), after=shown, said=said))
        assert found(verdict) == [("database-refuses-password", "h-db")]
    assert found(counted_once(poll(ballots("ab"), (None, None), (None, None), said=said))) != []


def test_a_page_that_cannot_be_read_and_nobody_who_votes_show_nothing() -> None:
    """No evidence is never green."""
    assert counted_once(poll(ballots("ab"), after=(None, None))).state is State.UNKNOWN
    assert counted_once(poll(ballots("ab"), before=(None, None))).state is State.UNKNOWN
    assert counted_once(poll((), after=(0, 50.0))).state is State.UNKNOWN
    assert counted_once(FIRST, entries=NODES, least=3).state is State.UNKNOWN


def test_voters_who_vote_again_add_none() -> None:
    """Their shares change."""
    verdict = one_per_voter(FIRST, AGAIN)

    assert verdict.state is State.UPHELD
    assert "the first choice went from 50 % to 0 %" in verdict.sentence
    assert found(one_per_voter(FIRST, dataclasses.replace(AGAIN, after=Shown(2.0, 8, 25.0)))) == [
        ("vote-counted-twice", "h-result")
    ]
    assert one_per_voter(FIRST, FIRST).state is not State.UPHELD


def test_what_was_counted_stays_through_a_death() -> None:
    """And the death must have bitten."""
    after = poll(ballots("aaa"), (6, 0.0), (9, 33.0), what="kill db")

    assert votes_kept(after, KILL).state is State.UPHELD
    assert votes_kept(after, dataclasses.replace(KILL, proved=None)).state is State.UNKNOWN
    lost = votes_kept(dataclasses.replace(after, after=Shown(3.0, 3, 100.0)), KILL)
    assert found(lost) == [("counted-vote-lost", "h-result")]
    assert lost.sentence.startswith("after kill db: 3 votes shown, 9 wanted")


def test_clicks_are_votes_of_one_voter() -> None:
    """The second changes the first."""
    clicks = (Ballot(0, "a", NODES[0], 1.0), Ballot(0, "b", NODES[0], 2.0, "a"))
    clicked = poll(clicks, (0, 50.0), (1, 0.0), browser=True)

    assert pages_work(clicked).state is State.UPHELD
    assert pages_work(dataclasses.replace(clicked, browser=False)).state is State.UNKNOWN
    broken = (dataclasses.replace(clicks[0], why="the page has no form with two buttons"),)
    assert found(pages_work(dataclasses.replace(clicked, ballots=broken))) == [("vote-refused", "h-vote")]


@given(st.text("ab", min_size=1, max_size=30), st.integers(0, 40))
def test_only_the_right_sum_is_upheld(choices: str, shown: int) -> None:
    """Whatever it is."""
    cats = round(100 * choices.count("a") / len(choices))

    verdict = counted_once(poll(ballots(choices), after=(shown, float(cats))))

    assert (verdict.state is State.UPHELD) == (shown == len(choices))
