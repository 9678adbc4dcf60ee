"""From what a person named to an engine: ``tcp://HOST[:PORT]``, ``unix://PATH``, ``context:NAME``.

Docker's current context and ``DOCKER_HOST`` are never consulted: the target is explicit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from harness.config import Tls
from harness.engine import failures
from harness.engine.dockerd import DockerEngine
from harness.engine.protocol import Engine
from harness.errors import RequestError, Unmeasurable

_TLS_PORT, _PLAIN_PORT = 2376, 2375
_SHAPES = "use lab, context:NAME, tcp://HOST:PORT or unix://PATH"


@dataclasses.dataclass(frozen=True)
class Address:
    """Where an engine is, and the files to prove who we are."""

    url: str
    tls: Tls


def connect(target: str, tls: Tls | None = None) -> Engine:
    """Reach the manager that ``target`` names, and make sure that it is one.

    Args:
        target: ``tcp://HOST[:PORT]``, ``unix://PATH`` or ``context:NAME``.
        tls: PEM files for ``tcp://``; a context has its own.

    Raises:
        RequestError: no such target or context, an engine that is in no swarm or a worker, or an API that is
            too old or too new.
        Unmeasurable: it cannot be reached, or TLS was refused.
    """
    address = locate(target, tls or Tls())
    engine = DockerEngine.open(address.url, address.tls, name=target)
    try:
        require_manager(engine, target)
    except BaseException:
        engine.close()
        raise
    return engine


def require_manager(engine: Engine, target: str) -> None:
    """Make sure that ``engine`` can be asked about a swarm.

    Raises:
        RequestError: it is in no swarm, in a locked one, or a worker.
        Unmeasurable: it is a member that is not well.
    """
    info = engine.info()
    if info.swarm == "inactive":
        raise failures.not_in_swarm(target)
    if info.swarm == "locked":
        raise RequestError(f"the swarm of {target} is locked", remedy="run 'docker swarm unlock' there")
    if info.swarm != "active":
        reason = info.error or "no reason given"
        raise Unmeasurable(
            f"the engine at {target} is not well in its swarm ({info.swarm}: {reason})",
            remedy="look at 'docker info' there",
        )
    if not info.control:
        raise failures.a_worker(target, info.managers)


def locate(target: str, tls: Tls) -> Address:
    """Where ``target`` is; nothing is sent.

    Raises:
        RequestError: no such kind of target, no such context, or TLS files that are missing.
    """
    scheme, _, rest = target.partition(":")
    if scheme == "context":
        return _context(rest)
    if scheme == "unix" and rest.startswith("///"):
        return Address(target, Tls())
    if scheme == "tcp" and rest.startswith("//"):
        return _tcp(target, tls)
    if scheme == "ssh":
        raise RequestError("ssh:// targets are not supported", remedy=_SHAPES)
    raise RequestError(f"the target {target!r} is of no known kind", remedy=_SHAPES)


def _tcp(target: str, tls: Tls) -> Address:
    try:
        parts = urlsplit(target)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RequestError(f"the target {target!r} is no address ({error})", remedy=_SHAPES) from error
    if not host or parts.path not in {"", "/"}:
        raise RequestError(f"the target {target!r} names no host", remedy=_SHAPES)
    if (tls.cert is None) != (tls.key is None):
        raise RequestError("[tls] needs cert and key together", remedy="set both, or none")
    for file in (tls.ca, tls.cert, tls.key):
        if file is not None and not os.access(file, os.R_OK):
            raise RequestError(f"the TLS file {file} cannot be read", remedy="check [tls]")
    secured = tls.ca is not None or tls.cert is not None
    shown = f"[{host}]" if ":" in host else host
    return Address(f"tcp://{shown}:{port or (_TLS_PORT if secured else _PLAIN_PORT)}", tls)


def _context(name: str) -> Address:
    """An entry of the docker CLI's context store: a folder per context, named by the digest of its name."""
    if name == "default":
        return Address("unix:///var/run/docker.sock", Tls())
    root = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "contexts"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = root / "meta" / digest / "meta.json"
    try:
        endpoint = json.loads(meta.read_text())["Endpoints"]["docker"]
        host = str(endpoint["Host"])
    except FileNotFoundError as error:
        raise RequestError(
            f"there is no docker context {name!r}", remedy="'docker context ls' lists them"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"the docker context {name!r} cannot be read ({meta})", remedy="create it anew"
        ) from error
    if endpoint.get("SkipTLSVerify"):
        raise RequestError(f"the docker context {name!r} skips verifying TLS", remedy="give the context a ca")
    if host.startswith("context:"):
        raise RequestError(f"the docker context {name!r} names a context", remedy="create it anew")
    folder = root / "tls" / digest / "docker"
    files = {part: folder / f"{part}.pem" for part in ("ca", "cert", "key")}
    return locate(host, Tls(**{part: file for part, file in files.items() if file.exists()}))
