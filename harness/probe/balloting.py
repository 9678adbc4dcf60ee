"""A voter of the voting app: known by the cookie that the page gave, which comes along with every vote."""

from __future__ import annotations

import http.client
import http.cookies
import urllib.parse

from harness.clock import SYSTEM, Clock, Deadline
from harness.evidence import Ballot

_GOOD = 200
_AGAIN = 0.5  # seconds until a vote that was not taken is sent again


class Voter:
    """One voter; ``number`` tells it from the others."""

    def __init__(self, number: int, *, timeout: float = 5.0, clock: Clock = SYSTEM) -> None:
        """Nothing is sent yet.

        Args:
            number: its own.
            timeout: seconds for each part of an answer.
            clock: what votes are timed on.
        """
        self.number, self.choice = number, ""
        self._timeout, self._clock = timeout, clock
        self._cookie = ""

    def cast(self, entry: str, host: str, port: int, choice: str, *, within: float) -> Ballot:
        """Vote; again for so many seconds if it is not taken, which harms nothing: a voter has one vote.

        Args:
            entry: hostname of the node that is asked.
            host: its address.
            port: of the page.
            choice: ``a`` or ``b``.
            within: seconds to go on trying.
        """
        deadline = Deadline.after(within, self._clock)
        while True:
            at = self._clock.now()
            # the page gives a cookie before the first vote: sent again, that vote is the same voter's
            why = "" if self._cookie else self._ask(host, port, "")
            why = why or self._ask(host, port, choice)
            if not why or deadline.passed:
                break
            self._clock.sleep(_AGAIN)
        ballot = Ballot(self.number, choice, entry, at, self.choice, why)
        if not why:
            self.choice = choice
        return ballot

    def _ask(self, host: str, port: int, choice: str) -> str:
        """Open the page, or vote; why it failed, empty if it did not."""
        connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        headers = {"Cookie": f"voter_id={self._cookie}"} if self._cookie else {}
        try:
            if choice:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", "/", urllib.parse.urlencode({"vote": choice}), headers)
            else:
                connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
        if answer.status != _GOOD:
            return f"HTTP {answer.status}"
        for given in answer.msg.get_all("Set-Cookie") or ():
            for key, morsel in http.cookies.SimpleCookie(given).items():
                if key == "voter_id":
                    self._cookie = morsel.value
        return "" if self._cookie else "no cookie voter_id was given"
