"""Votes that were cast, and what the result page showed before and after."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Ballot:
    """A vote that was sent.

    Attributes:
        voter: number of the voter, who returns the cookie that the page gave.
        choice: ``a`` or ``b``; ``earlier``: that voter's choice until then, empty of one who had none.
        entry: hostname of the node whose address took it.
        why: what was wrong with the answer; empty if the vote was taken.
    """

    voter: int
    choice: str
    entry: str
    at: float
    earlier: str = ""
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Shown:
    """What the result page said: votes in all, and the share of the first choice in per cent.

    Attributes:
        total: None if the page could not be read; ``why`` says what there was instead.
    """

    at: float
    total: int | None = None
    cats: float | None = None
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Poll:
    """Votes, and the result page around them.

    Attributes:
        service: of the votes; ``result``: of the page.
        what: what was done before they were cast, such as ``kill db``; empty for nothing.
        browser: whether they were cast by a browser that clicked.
        said: (service, line) of what its services complained about.
    """

    id: str
    service: str
    result: str
    began: float
    ended: float
    before: Shown
    ballots: tuple[Ballot, ...]
    after: Shown
    what: str = ""
    browser: bool = False
    said: tuple[tuple[str, str], ...] = ()
