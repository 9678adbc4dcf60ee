"""Whom to ask: one published port on one entry node, or anything else with a host and a port."""

from __future__ import annotations

import dataclasses
import functools
import socket
from typing import Any

from harness.errors import RequestError
from harness.model import Path
from harness.probe.contract import Contract


@dataclasses.dataclass(frozen=True)
class Target:
    """One address that must answer for a service.

    Attributes:
        entry: hostname of the node whose address this is.
        host: that address; a name is resolved once, when first asked.
        path: the way a request takes from here to a replica.
        service: name of the service that must answer.
        expect_name: what whoami's ``Name:`` must say; empty: any answer with a hostname will do.
        resource: what is requested.
        contract: what an answer must be; None: whoami's or flask-redis'.
    """

    entry: str
    host: str
    port: int
    path: Path = Path.INGRESS
    service: str = ""
    expect_name: str = ""
    resource: str = "/"
    contract: Contract | None = None

    def __str__(self) -> str:
        return f"{self.entry} ({self.authority})"

    @property
    def authority(self) -> str:
        """``host:port`` as the Host header and a URL write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The resource as a URL."""
        return f"http://{self.authority}{self.resource}"

    @functools.cached_property
    def address(self) -> tuple[socket.AddressFamily, Any]:
        """Family and socket address to connect to.

        Raises:
            RequestError: the host is a name that does not resolve.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise RequestError(
                f"the address {self.host!r} of node {self.entry} does not resolve",
                remedy="give the node's IP address under [nodes] in harness.toml",
            ) from error
        family, _, _, _, address = found[0]
        return family, address

    @functools.cached_property
    def request(self) -> bytes:
        """The request as sent on a fresh connection: the server is told to close it."""
        return self._request("close")

    @functools.cached_property
    def kept_request(self) -> bytes:
        """The request as sent on a connection that is kept."""
        return self._request("keep-alive")

    def _request(self, connection: str) -> bytes:
        return (
            f"GET {self.resource} HTTP/1.1\r\nHost: {self.authority}\r\nUser-Agent: swarm-harness\r\n"
            f"Accept: */*\r\nConnection: {connection}\r\n\r\n"
        ).encode("ascii", "replace")
