"""Requests to a real engine: in one API version, refusals as errors, asked again where it flickers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import requests
import tenacity

from harness.config import Tls
from harness.engine import failures, parse, wire
from harness.engine.clients import READ, Clients, Stream
from harness.engine.protocol import Events, LogLine, NotFoundError
from harness.errors import RequestError, Unmeasurable

T = TypeVar("T")
OLDEST = (1, 41)  # the first with jobs in its services' status
NEWEST = (1, 44)  # accepted by every engine from 25.0 on
_CONNECT = 3.0  # seconds
_PATIENCE = 15.0  # seconds to ask again an engine that says it cannot now: a leader is elected in as long
_ABSENCE = 2.0  # seconds to ask again one that does not answer; waits have patience of their own


class Transport:
    """A way to an engine behind ``tcp://`` or ``unix://``; made by :meth:`open`.

    Attributes:
        spoken: version of the API that is spoken, such as ``1.44``.
    """

    def __init__(self, url: str, tls: Tls, *, name: str = "") -> None:
        self._name = name or url
        self._clients = Clients(url, tls, self._name)
        self.spoken = "{}.{}".format(*NEWEST)

    @classmethod
    def open(cls, url: str, tls: Tls, *, name: str = "") -> Self:
        """Reach the engine and settle on an API version: the lower of ours and its newest.

        Args:
            url: ``tcp://host:port`` or ``unix:///path``.
            tls: PEM files; all None means no TLS.
            name: how errors name it; the url by default.

        Raises:
            RequestError: its API is too old or too new.
            Unmeasurable: it cannot be reached, or refuses TLS.
        """
        way = cls(url, tls, name=name)
        scheme, _, path = url.partition("://")
        if scheme == "unix" and not Path(path).exists():  # docker-py would leak a socket over it
            raise wire.unreachable(way._name, FileNotFoundError("No such file"))
        try:
            way._settle(wire.document(way.once("GET", "/version", versioned=False), way._name))
        except BaseException:
            way.close()
            raise
        return way

    def _settle(self, raw: Mapping[str, Any]) -> None:
        """Choose the version to speak from what the engine says of itself."""
        newest = parse.api_version(raw.get("ApiVersion", ""))
        oldest = parse.api_version(raw.get("MinAPIVersion") or raw["ApiVersion"])
        for wrong, word in ((newest < OLDEST, "old"), (oldest > NEWEST, "new")):
            if wrong:
                raise RequestError(
                    f"the engine at {self._name} ({raw.get('Version')}) is too {word}: it speaks API "
                    f"{raw.get('MinAPIVersion')} to {raw.get('ApiVersion')}",
                    remedy="harness speaks 1.41 to 1.44 (engines from 20.10)",
                )
        self.spoken = "{}.{}".format(*min(NEWEST, newest))

    # --- verbs ---------------------------------------------------------------------------------------

    def get(self, path: str, **params: str) -> Any:
        """The document at ``path``; asked again while the engine flickers.

        Raises:
            RequestError: the engine refuses it; NotFoundError: there is no such thing.
            Unmeasurable: the engine does not answer.
        """
        return self._retried(lambda: wire.document(self.once("GET", path, params=params or None), self._name))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create: asked again only where the engine itself said that it did nothing."""

        def call() -> Any:
            try:
                return self.once("POST", path, body=body).json()
            except failures.AbsentError as error:
                raise Unmeasurable(error.message, remedy=error.remedy) from error

        return self._retried(call)

    def delete(self, path: str) -> None:
        """Remove; what is not there need not be removed."""
        with contextlib.suppress(NotFoundError):
            self._retried(lambda: self.once("DELETE", path))

    def modify(self, kind: str, ident: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Read, modify and write: the engine refuses what was changed in between, then it is read again."""

        def call() -> None:
            raw = self.once("GET", f"/{kind}/{ident}").json()
            index = {"version": str(raw["Version"]["Index"])}
            self.once("POST", f"/{kind}/{raw['ID']}/update", params=index, body=change(raw["Spec"]))

        self._retried(call)

    def logs(self, path: str, bound: float) -> tuple[LogLine, ...]:
        """The lines of a log within ``bound`` seconds."""
        wanted = {"stdout": "1", "stderr": "1", "details": "1"}
        until = time.monotonic() + bound
        answer = self._retried(lambda: self.once("GET", path, params=wanted, read=bound, stream=True))
        with contextlib.closing(answer):
            return tuple(wire.frames(answer, until))

    def events(self, since: int | None) -> Events:
        """A stream of events from ``since`` (nanoseconds of the engine's clock) on, or from now."""
        return Stream(self._clients.new(self.spoken), since, self._name)

    def close(self) -> None:
        """Close every connection."""
        self._clients.close()

    # --- one request ---------------------------------------------------------------------------------

    def once(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        versioned: bool = True,
        read: float = READ,
        stream: bool = False,
    ) -> requests.Response:
        """Ask once.

        Args:
            method: ``GET`` and the like.
            path: below the API's version, or below the engine's address if not ``versioned``.
            params: of the query.
            body: a document to send.
            read: seconds of silence after which the engine is given up.
            stream: whether the answer's body is left to be read.
            versioned: see ``path``.

        Raises:
            RequestError: the engine refuses it; NotFoundError: there is no such thing.
            Unmeasurable: the engine does not answer.
        """
        client = self._clients.mine(self.spoken)
        prefix = f"/v{self.spoken}" if versioned else ""
        try:
            answer = client.request(
                method,
                f"{client.base_url}{prefix}{path}",
                params=params,
                json=body,
                timeout=(_CONNECT, read),
                stream=stream,
            )
        except requests.RequestException as error:
            raise wire.unreachable(self._name, error) from error
        if not answer.ok:
            raise failures.refusal(answer.status_code, wire.message(answer), self._name)
        return answer

    def _retried(self, call: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(failures.FlickerError),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=1.0),
            stop=_enough,
            reraise=True,
        )
        return retrying(call)


def _enough(state: tenacity.RetryCallState) -> bool:
    failed = state.outcome.exception() if state.outcome else None
    patience = _ABSENCE if isinstance(failed, failures.AbsentError) else _PATIENCE
    return (state.seconds_since_start or 0.0) >= patience
