"""Clients of a proxy: each keeps the cookies that it is given, and returns them on a fresh connection."""

from __future__ import annotations

import http.client
import http.cookies

from harness.clock import SYSTEM, Clock
from harness.evidence import Visit
from harness.probe.answers import parse
from harness.probe.target import Target

_GOOD = 200


class Client:
    """One client; ``number`` tells it from the others."""

    def __init__(self, number: int, *, header: str, timeout: float = 2.0, clock: Clock = SYSTEM) -> None:
        """Nothing is sent yet.

        Args:
            number: its own.
            header: of an answer, names the backend.
            timeout: seconds for a connection, and for each part of an answer.
            clock: what visits are timed on.
        """
        self.number = number
        self._header, self._timeout, self._clock = header, timeout, clock
        self._cookies: dict[str, str] = {}

    def visit(self, target: Target) -> Visit:
        """Ask once; whatever happens is in the visit."""
        began = self._clock.now()
        connection = http.client.HTTPConnection(target.host, target.port, timeout=self._timeout)
        headers = {"Host": target.authority, "Connection": "close"}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self._cookies.items())
        backend, replica, why = "", "", ""
        try:
            connection.request("GET", target.resource, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
        else:
            for given in answer.msg.get_all("Set-Cookie") or ():
                for key, morsel in http.cookies.SimpleCookie(given).items():
                    self._cookies[key] = morsel.value
            said = parse(body)
            backend, replica = answer.headers.get(self._header, ""), said.replica
            if answer.status != _GOOD:
                why = f"HTTP {answer.status}"
            elif target.expect_name and said.name != target.expect_name:
                why = f"another service answered: {said.name or 'no name'}"
        finally:
            connection.close()
        return Visit(self.number, target.entry, began, self._clock.now(), backend, replica, why)
