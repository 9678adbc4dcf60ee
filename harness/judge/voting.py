"""The voting app: every vote counted once and shown, one per voter, none lost."""

from __future__ import annotations

from typing import Any

from harness.evidence import Fault, Poll
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count

_FEW = 50  # votes up to which a share in whole per cent tells the votes themselves
_REFUSED = "password authentication failed"


@judge
def counted_once(poll: Poll, *, entries: tuple[str, ...] = (), least: int = 1) -> Verdict:
    """The page shows exactly as many more votes as were cast, in the right shares.

    Args:
        poll: votes of new voters.
        entries: hostnames of the nodes through which votes must have been cast.
        least: votes that are needed through each of them.
    """
    through = {entry: sum(one.entry == entry and not one.why for one in poll.ballots) for entry in entries}
    parts = [
        blind(f"{number} votes taken through {entry}, {least} needed")
        for entry, number in through.items()
        if number < least
    ]
    parts += _wrong(poll)
    nodes = count(len({one.entry for one in poll.ballots}), "node")
    return _told(
        poll,
        parts or _idle((poll,)),
        f"{count(len(poll.ballots), 'vote')} through {nodes} counted once each: "
        f"the page went from {poll.before.total} to {poll.after.total}",
    )


@judge
def one_per_voter(first: Poll, again: Poll) -> Verdict:
    """Voters who vote again, through another node, change the shares and not the sum.

    Args:
        first: when they voted first.
        again: the other choice of each of them.
    """
    parts = [*_wrong(first), *_wrong(again)]
    new = [one for one in again.ballots if not one.earlier]
    if new:
        parts.append(blind(f"{len(new)} of {count(len(again.ballots), 'vote')} were no changes"))
    return _told(
        again,
        parts or _idle((first, again)),
        f"{count(len(again.ballots), 'voter')} changed their votes: {again.after.total} votes before and "
        f"after, the first choice went from {again.before.cats:g} % to {again.after.cats:g} %"
        if again.before.cats is not None and again.after.cats is not None
        else "",
    )


@judge
def votes_kept(poll: Poll, fault: Fault) -> Verdict:
    """After a part's death what was counted is counted, and further votes are.

    Args:
        poll: the page was read before the death; new voters voted after it.
        fault: the death.
    """
    if fault.proved is None:
        return unknown(f"no proof that {fault.kind} of {fault.subject} bit")
    return _told(
        poll,
        _wrong(poll) or _idle((poll,)),
        f"{poll.what}: none of {poll.before.total} counted votes lost, {count(len(poll.ballots), 'vote')} "
        f"cast afterwards, {poll.after.total} shown",
    )


@judge
def pages_work(poll: Poll) -> Verdict:
    """In a browser: both pages have their parts, a click votes, a second one changes the vote.

    Args:
        poll: votes cast by clicks.
    """
    parts = _wrong(poll)
    if not poll.browser:
        parts.append(blind("no browser was used"))
    return _told(
        poll,
        parts or _idle((poll,)),
        f"{count(len(poll.ballots), 'click')} in a browser, {count(_voters(poll), 'voter')}: the page went "
        f"from {poll.before.total} to {poll.after.total}",
    )


def _voters(poll: Poll) -> int:
    return len({one.voter for one in poll.ballots if not one.why and not one.earlier})


def _idle(polls: tuple[Poll, ...]) -> list[Part]:
    """Nothing was shown where nobody voted."""
    return [GOOD if poll.ballots else blind("nobody voted") for poll in polls]


def _wrong(poll: Poll) -> list[Part]:
    """What is wrong with a poll; nothing if all is as it was cast."""
    after = f"after {poll.what}: " if poll.what else ""
    refused = [one for one in poll.ballots if one.why]
    if refused:
        why = f"{after}{len(refused)} of {count(len(poll.ballots), 'vote')} not taken: {refused[0].why}"
        nodes = {one.entry for one in refused}
        node = nodes.pop() if len(nodes) == 1 else ""
        return [bad(why, _finding("vote-refused", poll.service, why, _TAKE, node))]
    before, shown = poll.before.total, poll.after.total
    if (before is None or shown is None) and not _complaint(poll):
        return [blind(f"{after}the result page could not be read: {poll.before.why or poll.after.why}")]
    before = before or 0
    wanted = before + _voters(poll)
    cast = f"{count(_voters(poll), 'new vote')} on top of {before}"
    if shown is not None and shown > wanted:
        sentence = f"{after}{shown} votes shown, {wanted} voters: {cast}"
        return [bad(sentence, _finding("vote-counted-twice", poll.result, sentence, _TWICE))]
    if shown is None or shown < wanted:
        return [_missing(poll, after, wanted, cast)]
    return _shares(poll, after)


def _missing(poll: Poll, after: str, wanted: int, cast: str) -> Part:
    shown, before = poll.after.total, poll.before.total or 0
    seen = "no number" if shown is None else f"{shown} votes"
    sentence = f"{after}{seen} shown, {wanted} wanted: {cast}"
    complaint = _complaint(poll)
    if complaint:
        sentence = f"{sentence}; {complaint[0]} says: {complaint[1]}"
        return bad(sentence, _finding("database-refuses-password", complaint[0], sentence, _PASSWORD))
    if shown is not None and shown < before:
        return bad(sentence, _finding("counted-vote-lost", poll.result, sentence, _LOST))
    return bad(sentence, _finding("vote-not-counted", poll.service, sentence, _COUNT))


def _shares(poll: Poll, after: str) -> list[Part]:
    """Who was voted for, as far as whole per cents tell."""
    before, shown = poll.before, poll.after
    if not shown.total or shown.total > _FEW or shown.cats is None or (before.total and before.cats is None):
        return []
    had = round((before.cats or 0.0) * (before.total or 0) / 100)
    last: dict[int, str] = {one.voter: one.choice for one in poll.ballots}
    first: dict[int, str] = {}
    for one in poll.ballots:
        first.setdefault(one.voter, one.earlier)
    wanted = had + sum(choice == "a" for choice in last.values()) - sum(one == "a" for one in first.values())
    seen = round(shown.cats * shown.total / 100)
    if seen == wanted:
        return []
    sentence = f"{after}{seen} of {shown.total} votes shown for the first choice, {wanted} were cast"
    return [bad(sentence, _finding("wrong-share", poll.result, sentence, _COUNT))]


def _complaint(poll: Poll) -> tuple[str, str] | None:
    """The service that says that a password is wrong, and what it says."""
    return next((one for one in poll.said if _REFUSED in one[1]), None)


def _finding(name: str, service: str, sentence: str, remedy: str, node: str = "") -> Finding:
    return Finding(name, Subject(node=node, service=service), sentence, (), remedy)


def _told(poll: Poll, parts: list[Part], good: str) -> Verdict:
    numbers: dict[str, Any] = {
        "before": poll.before.total,
        "after": poll.after.total,
        "cast": len(poll.ballots),
        "voters": _voters(poll),
        "cats_before": poll.before.cats,
        "cats_after": poll.after.cats,
    }
    subject = Subject(service=poll.service)
    return conclude(parts, good, subject=subject, witnesses=("outside",), numbers=numbers)


_TAKE = "docker service logs of vote: does it reach redis?"
_TWICE = "is the column id of table votes unique, and does one worker alone write to it?"
_PASSWORD = "does POSTGRES_PASSWORD of db fit what worker and result log in with?"  # noqa: S105 - words
_LOST = "was the volume of db removed, or made anew, while no task used it?"
_COUNT = "docker service logs of worker: does it reach redis and db?"

__all__ = ["counted_once", "one_per_voter", "pages_work", "votes_kept"]
