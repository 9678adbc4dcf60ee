"""From a target to an engine that is asked, and the addresses of its nodes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence

from harness import lab
from harness.config import Settings, Tls
from harness.engine import connect
from harness.engine.protocol import Engine
from harness.errors import RequestError, Unmeasurable
from harness.model import Node

LEAST_NODES = 2  # with one node there is nothing to balance between
_PATIENCE = 3.0  # seconds to wait for an answer from a node's address
GOSSIP_PORT = 7946  # open on every node of a swarm


@contextlib.contextmanager
def engine(target: str, settings: Settings) -> Iterator[Engine]:
    """The engine that ``target`` names, closed at the end.

    Raises:
        RequestError: no such target, or an engine that cannot be asked about a swarm.
        Unmeasurable: it cannot be reached.
    """
    with contextlib.closing(connect.connect(*endpoint(target, settings))) as opened:
        yield opened


def endpoint(target: str, settings: Settings) -> tuple[str, Tls]:
    """Where the engine that ``target`` names is, and the files to prove who we are.

    Raises:
        RequestError: no lab is running.
    """
    if target != "lab":
        return target, settings.tls
    running = lab.find()
    if running is None:
        raise RequestError("no lab is running", remedy="harness lab up")
    files = running.endpoint
    return files.url, Tls(ca=files.ca, cert=files.cert, key=files.key)


def require_enough(nodes: Sequence[Node]) -> None:
    """Refuse a swarm that is too small to balance anything.

    Raises:
        RequestError: it has fewer than two nodes.
    """
    if len(nodes) < LEAST_NODES:
        raise RequestError(
            f"the swarm has {len(nodes)} node, at least {LEAST_NODES} are needed",
            remedy="join another node, or use --target lab",
        )


def require_free(addresses: Mapping[str, str], ports: Sequence[int]) -> None:
    """Make sure that every node can be reached, and that nothing answers yet on the ports we publish.

    Args:
        addresses: the address of each node that must be reachable, by its hostname.
        ports: ports that the services of this run will publish.

    Raises:
        RequestError: something answers there already: publishing would hijack it (moby/moby#39089).
        Unmeasurable: a node's address cannot be reached from here.
    """
    for hostname, address in addresses.items():
        for port in ports:
            found = answer(address, port)
            if found == "open":
                raise RequestError(
                    f"port {port} of {hostname} ({address}) is taken already",
                    remedy="set published_port in harness.toml to a free one",
                )
            if found != "closed" and answer(address, GOSSIP_PORT) != "open":
                raise Unmeasurable(
                    f"no route to {hostname} at {address} ({found})",
                    remedy="give an address that this machine reaches in [nodes] of harness.toml",
                )


def answer(address: str, port: int) -> str:
    """How a connect from here ends: ``open``, ``closed`` (refused), or why nobody answers."""
    try:
        with socket.create_connection((address, port), timeout=_PATIENCE):
            return "open"
    except ConnectionRefusedError:
        return "closed"
    except TimeoutError:
        return f"no answer within {_PATIENCE:g} s"
    except OSError as error:
        return error.strerror or str(error)
