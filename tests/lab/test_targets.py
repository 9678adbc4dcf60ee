"""Attached to a swarm as a user is: over TLS, by a docker context, over a socket; smoke only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.lab import enter
from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box, eventually

PARTS = ("ca", "cert", "key")
# A manager's own socket cannot be seen from outside its node: this one leads to the same engine.
_RELAY = """
import asyncio, ssl, sys
path, host, ca, cert, key = sys.argv[1:]
secured = ssl.create_default_context(cafile=ca)
secured.load_cert_chain(cert, key)

async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def serve(reader, writer):
    there, back = await asyncio.open_connection(host, 2376, ssl=secured)
    await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

async def main():
    async with await asyncio.start_unix_server(serve, path) as server:
        await server.serve_forever()

asyncio.run(main())
"""


@contextlib.contextmanager
def by_tls(lab: UmlLab, box: Box) -> Iterator[str]:
    """``tcp://`` with the files in ``[tls]``, named relative to harness.toml, which names the target too."""
    for part in PARTS:
        shutil.copy(getattr(lab.endpoint, part), box.temporary.parent / f"{part}.pem")
    tls = "".join(f"{part} = '../{part}.pem'\n" for part in PARTS)
    box.configure(f"target = '{lab.endpoint.url}'\n[tls]\n{tls}")
    yield ""


@contextlib.contextmanager
def by_context(lab: UmlLab, box: Box) -> Iterator[str]:
    """``context:NAME`` from the docker CLI's own store; another context is the current one."""
    store = box.folder / "docker"
    digest = hashlib.sha256(b"prod").hexdigest()
    meta, files = store / "contexts/meta" / digest, store / "contexts/tls" / digest / "docker"
    meta.mkdir(parents=True)
    files.mkdir(parents=True)
    (meta / "meta.json").write_text(
        json.dumps({"Name": "prod", "Endpoints": {"docker": {"Host": lab.endpoint.url}}})
    )
    (store / "config.json").write_text('{"currentContext": "elsewhere"}')
    for part in PARTS:
        shutil.copy(getattr(lab.endpoint, part), files / f"{part}.pem")
    yield "context:prod"


@contextlib.contextmanager
def by_socket(lab: UmlLab, box: Box) -> Iterator[str]:
    """``unix://``."""
    path, end = box.folder / "docker.sock", lab.endpoint
    host = lab.nodes[0].address
    words: list[str | Path] = [sys.executable, "-c", _RELAY, path, host, end.ca, end.cert, end.key]
    with subprocess.Popen(enter.command(words), stdin=subprocess.DEVNULL) as relay:
        try:
            assert eventually(path.exists, 20)
            yield f"unix://{path}"
        finally:
            relay.kill()


@pytest.mark.parametrize(
    ("way", "checks"),
    [
        (by_tls, "cluster.leader,reach.every-node"),
        (by_context, "cluster.leader"),
        (by_socket, "cluster.leader"),
    ],
    ids=["tls", "context", "socket"],
)
def test_an_attached_swarm_is_verified(
    the_lab: UmlLab,
    box: Box,
    way: Callable[[UmlLab, Box], contextlib.AbstractContextManager[str]],
    checks: str,
) -> None:
    """Reached by what was named and by nothing else: the environment's DOCKER_HOST plays no part."""
    with way(the_lab, box) as target:
        done = box.run(
            *("gate", "--profile", "smoke", "--only", checks),
            *(("--target", target) if target else ()),
            wrap=enter.command(["env"]),
            DOCKER_HOST="tcp://192.0.2.1:2375",
            DOCKER_CONFIG=str(box.folder / "docker"),
        )

    assert (done.code, done.err) == (0, "")
    found = box.verdicts()
    assert found["target"]["name"] == (target or the_lab.endpoint.url)
    assert [node["hostname"] for node in found["target"]["nodes"]] == [one.hostname for one in the_lab.nodes]
    assert box.left(the_lab, runs=1) == []
