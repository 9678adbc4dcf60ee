"""Clients of docker-py, one per thread and per stream: the only file that imports docker.

docker-py gives sockets, TLS and streams, and is not safe to share between threads. Docker's context and
proxies set in the environment are never looked at: the address that was given is the address that is asked.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import requests
import urllib3
from docker import APIClient
from docker.errors import DockerException
from docker.tls import TLSConfig

from harness.config import Tls
from harness.engine import parse, wire
from harness.engine.protocol import Event
from harness.errors import Unmeasurable

READ = 30.0  # seconds of silence after which an engine is given up


class Clients:
    """Makes clients for one engine, and closes them all.

    Args:
        url: ``tcp://host:port`` or ``unix:///path``.
        tls: PEM files; all None means no TLS.
        name: how errors name the engine.
    """

    def __init__(self, url: str, tls: Tls, name: str) -> None:
        self._url, self._tls, self._name = url, tls, name
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._made: list[APIClient] = []

    def mine(self, version: str) -> APIClient:
        """The calling thread's own client, made if it has none.

        Raises:
            Unmeasurable: see :meth:`new`.
        """
        client: APIClient | None = getattr(self._mine, "client", None)
        if client is None or client not in self._made:
            client = self._mine.client = self.new(version)
        return client

    def new(self, version: str) -> APIClient:
        """A client that speaks this version of the API, for a thread or a stream; nothing is sent yet.

        Raises:
            Unmeasurable: the TLS files or the address are not usable.
        """
        try:
            client = APIClient(
                base_url=self._url, version=version, tls=_tls(self._tls) or False, timeout=int(READ)
            )
        except (DockerException, OSError) as error:
            raise Unmeasurable(
                f"no client for {self._name}: {error}", remedy="check --target and [tls]"
            ) from error
        client.trust_env = False
        if self._url.startswith("tcp:"):
            client.mount("https://", wire.WakefulAdapter())
            client.mount("http://", wire.WakefulAdapter())
        with self._lock:
            self._made.append(client)
        return client

    def close(self) -> None:
        """Close every client's sockets."""
        with self._lock:
            for client in self._made:
                client.close()
            self._made.clear()


class Stream:
    """The engine's events on a connection of their own; any end of it is silent.

    Args:
        client: made for it, and closed with it.
        since: nanoseconds of the engine's clock; None for what happens from now on.
        name: how errors name the engine.

    Raises:
        Unmeasurable: the engine cannot be reached.
    """

    def __init__(self, client: APIClient, since: int | None, name: str) -> None:
        self._client = client
        start = f"{since // 10**9}.{since % 10**9:09d}" if since is not None else None
        try:
            self._raw = self._client.events(
                since=start,  # type: ignore[call-overload]  # the stubs know whole seconds only
                decode=True,
                filters={"type": ["node", "service"]},
            )
        except (requests.RequestException, DockerException) as error:
            self._client.close()
            raise wire.unreachable(name, error) from error

    def __iter__(self) -> Iterator[Event]:
        try:
            for raw in self._raw:
                yield parse.event(raw)
        except (
            requests.RequestException,
            DockerException,
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,
        ):
            return  # the engine went away, or close() pulled the socket from under us

    def close(self) -> None:
        """End the stream, from any thread."""
        # docker-py digs for the socket; when the engine has gone there is none left to dig out
        with contextlib.suppress(DockerException, OSError, AttributeError, ValueError):
            self._raw.close()
        self._client.close()


def _tls(tls: Tls) -> TLSConfig | None:
    if tls.ca is None and tls.cert is None:
        return None
    return TLSConfig(
        client_cert=(str(tls.cert), str(tls.key)) if tls.cert else None,
        ca_cert=str(tls.ca) if tls.ca else None,
        verify=True,
    )
