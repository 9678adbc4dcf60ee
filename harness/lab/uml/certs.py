"""A certificate authority for one lab, and what it signed: made anew for every lab, gone with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from harness import shell
from harness.lab.protocol import LabNode

_DAYS: Final = "3650"
_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make(into: Path, nodes: Iterable[LabNode]) -> None:
    """Write ``ca.pem``, ``server.pem`` and ``client.pem`` with their keys (``*-key.pem``) into ``into``.

    One server certificate names every node and address of the lab: whoever has the lab's files has all of it.

    Raises:
        Unmeasurable: ``openssl`` is not there.
        CommandError: it failed.
    """
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    names = [f"DNS:{node.hostname},IP:{node.address}" for node in nodes]
    subject_names = ",".join(["DNS:localhost", "IP:127.0.0.1", *names])
    _request(
        into,
        "ca",
        "swarm-harness lab CA",
        ["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign", "subjectKeyIdentifier=hash"],
    )
    leaf = ["basicConstraints=CA:FALSE", "keyUsage=digitalSignature", "authorityKeyIdentifier=keyid"]
    server = [*leaf, "extendedKeyUsage=serverAuth", f"subjectAltName={subject_names}"]
    _request(into, "server", "swarm-harness lab node", server, signed=True)
    _request(into, "client", "swarm-harness", [*leaf, "extendedKeyUsage=clientAuth"], signed=True)


def _request(into: Path, name: str, subject: str, extensions: list[str], *, signed: bool = False) -> None:
    words = ["openssl", "req", "-x509", *_KEY, "-days", _DAYS, "-subj", f"/CN={subject}"]
    words += ["-keyout", f"{name}-key.pem", "-out", f"{name}.pem"]
    if signed:
        words += ["-CA", "ca.pem", "-CAkey", "ca-key.pem"]
    for extension in extensions:
        words += ["-addext", extension]
    # its own configuration: a distribution's default adds extensions that contradict ours
    config = into / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name=name\nprompt=no\n[name]\n")
    shell.run([*words, "-config", config.name], cwd=into, bound=30.0)
