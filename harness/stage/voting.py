"""The words for the voting app: who votes, by which way, and what the result page shows."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator

import pytest

from harness.errors import RequestError
from harness.evidence import Ballot, Poll, Shown
from harness.lab.protocol import Lab
from harness.probe.balloting import Voter
from harness.probe.browser import Browser
from harness.stage.session import Stage
from harness.stage.storage import volumes
from harness.stage.workloads import Workloads
from harness.swarm.cluster import Swarm
from harness.swarm.service import ServiceHandle
from harness.workloads import voting

_EACH = 4  # votes through every node
_TAKEN = 30.0  # seconds for a vote to be taken, after a part was killed
_READY = 90.0  # seconds for the result page to know the database
_COUNTED = 45.0  # seconds for votes to be shown: a worker that lost its database starts anew
_HOLD = 2.5  # seconds for one vote too many to be shown
_LOGS = 5.0  # seconds to wait for logs
_COMPLAINTS = ("password authentication failed",)
_SHOWN = """(() => {
    const total = document.querySelector("#result span"), cats = document.querySelector(".cats .stat");
    return total && cats ? [total.textContent, cats.textContent] : null;
})()"""
_LOADED = (
    "!window.before && document.readyState == 'complete' && document.querySelector('#choice #a') != null"
)


@dataclasses.dataclass(frozen=True)
class Election:
    """The voting app under way.

    Attributes:
        parts: its services by their names in the stack.
        entries: hostname and address of the nodes, through which it is asked in turn.
    """

    stage: Stage
    swarm: Swarm
    browser: Browser
    parts: dict[str, ServiceHandle]
    entries: tuple[tuple[str, str], ...]
    numbers: Iterator[int] = dataclasses.field(default_factory=itertools.count)

    def shown(self, wanted: int = 0, within: float = 10.0) -> Shown:
        """Open the result page and read it, as soon as it shows ``wanted`` votes or the time is up."""
        clock = self.stage.journal.clock
        _, address = self.entries[next(self.numbers) % len(self.entries)]
        until = clock.now() + within
        found = Shown(clock.now(), why="the time was up")
        while (found.total is None or found.total < wanted) and clock.now() < until:
            why = self.browser.open(f"http://{address}:{self.parts['result'].port}/", within=5.0)
            # a page whose server ended may wait for ever: it is opened again
            again = min(until, clock.now() + 8.0)
            while not why and (found.total is None or found.total < wanted) and clock.now() < again:
                found = _read(self.browser.until(_SHOWN, 1.0), clock.now())
                clock.sleep(0.2)
            if why:
                found = Shown(clock.now(), why=why)
                clock.sleep(0.5)
        return found

    def cast(self, voters: list[Voter], choose: Callable[[Voter], str], shift: int = 0) -> tuple[Ballot, ...]:
        """Have them vote, through one node after the other."""
        port, found = self.parts["vote"].port, []
        for n, voter in enumerate(voters):
            entry, address = self.entries[(n + shift) % len(self.entries)]
            found.append(voter.cast(entry, address, port, choose(voter), within=_TAKEN))
        return tuple(found)

    def keep(
        self, before: Shown, ballots: tuple[Ballot, ...], *, what: str = "", browser: bool = False
    ) -> Poll:
        """Wait until the votes are shown, and a moment longer; all of it as evidence."""
        journal = self.stage.journal
        new = len({one.voter for one in ballots if not one.why and not one.earlier})
        wanted = (before.total or 0) + new
        after = self.shown(wanted, _COUNTED)
        if after.total is not None:
            journal.clock.sleep(_HOLD)
            after = self.shown()
        said = () if after.total == wanted else self._said()
        return journal.keep(
            Poll(
                journal.new_id("poll"),
                self.parts["vote"].name,
                self.parts["result"].name,
                before.at,
                journal.clock.now(),
                before,
                ballots,
                after,
                what,
                browser,
                said,
            )
        )

    def _said(self) -> tuple[tuple[str, str], ...]:
        """What its services complain about in their logs."""
        found = []
        for part in self.parts.values():
            lines = self.swarm.engine.service_logs(part.id, bound=_LOGS)
            for word in _COMPLAINTS:
                found += [(part.name, one.text.strip()) for one in lines if word in one.text][-1:]
        return tuple(found)


def _read(told: object, at: float) -> Shown:
    """What the page says in its two parts."""
    if not isinstance(told, list) or len(told) != 2:  # noqa: PLR2004  the two
        return Shown(at, why="the page has no number of votes")
    total, cats = (str(one).strip() for one in told)
    number = re.fullmatch(r"(\d+) votes?", total)
    share = re.fullmatch(r"([\d.]+)%", cats)
    if not number and total != "No votes yet":
        return Shown(at, why=f"the page says {total[:80]!r}")
    return Shown(at, int(number[1]) if number else 0, float(share[1]) if share else None)


@pytest.fixture(scope="session")
def election(
    stage: Stage, swarm: Swarm, lab: Lab, works: Workloads, entries: tuple[str, ...]
) -> Iterator[Election]:
    """The voting app as its stack file has it; the votes' volume goes last."""
    with contextlib.ExitStack() as undo:
        browser = undo.enter_context(Browser())
        undo.enter_context(volumes(stage, swarm, lab, voting.volume(stage.run)))
        with stage.steps("deploy the voting app"):
            front, back = (
                undo.enter_context(swarm.network(f"h-{stage.run}-{name}")) for name in ("frontend", "backend")
            )
            specs = works.voting(entries[-1], front, back)
            parts = {name: undo.enter_context(swarm.deploy(spec)) for name, spec in specs.items()}
            works.bring_up(*parts.values())
            found = Election(
                stage, swarm, browser, parts, tuple((entry, swarm.address(entry)) for entry in entries)
            )
            found.shown(within=_READY)
        yield found


@pytest.fixture(scope="session")
def voters(election: Election) -> list[Voter]:
    """New ones, some for every node."""
    return [Voter(n) for n in range(_EACH * len(election.entries))]


@pytest.fixture(scope="session")
def voted(stage: Stage, election: Election, voters: list[Voter]) -> Poll:
    """Every one of them voted, through one node after the other."""
    with stage.steps("vote"):
        before = election.shown()
        return election.keep(before, election.cast(voters, lambda voter: "aab"[voter.number % 3]))


@pytest.fixture(scope="session")
def voted_again(stage: Stage, election: Election, voters: list[Voter], voted: Poll) -> Poll:
    """Every one of them voted for the other, through another node."""
    if any(one.why for one in voted.ballots):
        raise RequestError("nobody can change a vote that was not taken")
    with stage.steps("vote again"):
        before = election.shown()
        other = {"a": "b", "b": "a"}
        return election.keep(before, election.cast(voters, lambda voter: other[voter.choice], shift=1))


@pytest.fixture
def clicked(stage: Stage, election: Election) -> Poll:
    """A browser opened the page of votes, clicked, and clicked the other."""
    entry, address = election.entries[0]
    clock, browser = stage.journal.clock, election.browser
    with stage.steps("vote in a browser"):
        before, ballots, earlier = election.shown(), [], ""
        why = browser.open(f"http://{address}:{election.parts['vote'].port}/")
        for choice in ("a", "b"):
            at = clock.now()
            if not why and not browser.until(_LOADED, 10.0):
                why = "the page has no form with two buttons"
            if not why:
                browser.evaluate(f"window.before = true; document.querySelector('#choice #{choice}').click()")
                why = "" if browser.until(_LOADED, 10.0) else "the click was not answered by the page"
            ballots.append(Ballot(0, choice, entry, at, earlier, why))
            earlier = earlier if why else choice
        return election.keep(before, tuple(ballots), browser=True)


@pytest.fixture
def polled(election: Election) -> Callable[[str], contextlib.AbstractContextManager[list[Poll]]]:
    """``with polled("kill db") as polls``: the page is read before the block; new voters vote after it."""

    @contextlib.contextmanager
    def around(what: str) -> Iterator[list[Poll]]:
        before, polls = election.shown(), list[Poll]()
        yield polls
        with election.stage.steps(f"vote after {what}"):
            new = [Voter(n) for n in range(len(election.entries))]
            polls.append(election.keep(before, election.cast(new, lambda _: "a"), what=what))

    return around


__all__ = ["clicked", "election", "polled", "voted", "voted_again", "voters"]
