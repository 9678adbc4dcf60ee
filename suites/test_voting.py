"""The voting app: votes go in at one page, through redis, a worker and a database, and show on another."""

import pytest

from harness.judge.voting import counted_once, one_per_voter, pages_work, votes_kept
from harness.swarm.conditions import replaced


@pytest.mark.check("voting.pages")
def test_a_browser_votes_and_sees_it_counted(clicked, promise):
    """One click votes, the next one changes that vote."""
    promise("voting.pages", pages_work(clicked))


@pytest.mark.check("voting.counted")
def test_a_vote_through_any_node_is_counted_once(voted, entries, promise):
    """The page of results shows as many more votes as were cast, in their shares."""
    promise("voting.counted", counted_once(voted, entries=entries, least=4))


@pytest.mark.check("voting.one-per-voter")
def test_a_voter_who_votes_again_adds_none(voted, voted_again, promise):
    """The cookie says who votes, whichever node and replica takes it."""
    promise("voting.one-per-voter", one_per_voter(voted, voted_again))


@pytest.mark.parametrize("part", ["worker", "redis", "db"])
@pytest.mark.check("voting.kept")
def test_no_counted_vote_is_lost_with_a_part(election, polled, part, kill, allow, bounds, promise):
    """Killed, not asked to end; votes that are shown are in the database, and that on a volume."""
    service = election.parts[part]
    with polled(f"kill {part}") as polls, kill(service) as death:
        allow("the replacement", replaced(service, death.fault.subject), within=bounds.replaced(service))

    promise("voting.kept", votes_kept(polls[0], death.fault))
