"""What a complete answer must be to count, and whom it names as its giver."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Protocol, TypeAlias

from harness.errors import RequestError
from harness.model import Outcome
from harness.probe import answers
from harness.probe.answers import Answer

Judged: TypeAlias = tuple[Outcome, str, Answer]  # how it counts, what it said where that is not ok, its giver
_SHOWN = 60  # characters of a wrong answer that a sample repeats
_SERVER_ERRORS = 500
_LONGEST = 255  # characters of a name; more is not one


class Contract(Protocol):
    """Judges one complete HTTP answer."""

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes, /) -> Judged:
        """How the answer counts; headers by lower-case name."""


@dataclasses.dataclass(frozen=True)
class OurWorkload:
    """whoami and flask-redis: a success that names its replica.

    Attributes:
        name: what whoami's ``Name:`` must say; empty: any will do.
    """

    name: str = ""

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes, /) -> Judged:
        """How the answer counts."""
        del headers
        answer = answers.parse(body)
        if status >= _SERVER_ERRORS:
            return Outcome.SERVER_ERROR, f"HTTP {status}", answer
        if not 200 <= status < 300:  # noqa: PLR2004  the class of successes
            return Outcome.WRONG_BODY, f"HTTP {status}", answer
        if not answer.replica:
            shown = body[:_SHOWN].decode("utf-8", "replace")
            return Outcome.WRONG_BODY, f"no hostname in {shown!r}", answer
        if self.name and answer.name != self.name:
            return Outcome.WRONG_BODY, f"Name is {answer.name[:_SHOWN]!r}, not {self.name!r}", answer
        return Outcome.OK, "", answer


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Where an application says who it is: in a header, or in what a regular expression finds in the body.

    Attributes:
        http: whether it speaks HTTP at all; of one that does not, only the kernels tell.
    """

    header: str = ""
    body: re.Pattern[str] | None = None
    http: bool = True

    @classmethod
    def read(cls, text: str) -> Pattern:
        """From ``header:NAME``, ``body:REGEX`` or ``tcp``.

        Raises:
            RequestError: it is neither, or no regular expression.
        """
        if text == "tcp":
            return cls(http=False)
        kind, _, rest = text.partition(":")
        if kind == "header" and rest.strip():
            return cls(header=rest.strip().lower())
        if kind != "body" or not rest:
            raise RequestError(f"no identity: {text!r}", remedy="use header:NAME, body:REGEX or tcp")
        try:
            return cls(body=re.compile(rest))
        except re.error as error:
            raise RequestError(
                f"no regular expression: {rest!r} ({error})", remedy="use body:REGEX"
            ) from error

    def find(self, headers: Mapping[str, str], body: bytes) -> str:
        """Who the answer says gave it; empty if it does not. Of an expression, the first group, or all."""
        if self.body is None:
            return headers.get(self.header, "").strip()[:_LONGEST]
        found = self.body.search(body.decode("utf-8", "replace"))
        if found is None:
            return ""
        said = found[1] if found.re.groups else found[0]
        return (said or "").strip()[:_LONGEST]

    def __str__(self) -> str:
        return f"header {self.header}" if self.body is None else f"{self.body.pattern!r} in the body"


@dataclasses.dataclass(frozen=True)
class AnyApplication:
    """An application that we did not write: any answer counts but a server error.

    Attributes:
        pattern: where it says who it is; None: nobody told, so the answer is searched for ``names``.
        names: what a task may call itself -> the task's id.
    """

    pattern: Pattern | None = None
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes, /) -> Judged:
        """How the answer counts."""
        if status >= _SERVER_ERRORS:
            return Outcome.SERVER_ERROR, f"HTTP {status}", answers.NOBODY
        if self.pattern is None:
            return Outcome.OK, "", Answer(self._searched(headers, body))
        said = self.pattern.find(headers, body)
        if not said:
            return Outcome.WRONG_BODY, f"HTTP {status} without {self.pattern}", answers.NOBODY
        return Outcome.OK, "", Answer(self.names.get(said, said))

    def _searched(self, headers: Mapping[str, str], body: bytes) -> str:
        text = "\n".join([*headers.values(), body.decode("utf-8", "replace")])
        return next((task for name, task in self.names.items() if name and name in text), "")
