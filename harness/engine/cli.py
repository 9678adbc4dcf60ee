"""The docker CLI, for what it alone can do: ``docker stack deploy`` of a compose file."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness import shell
from harness.engine.connect import Address
from harness.errors import RequestError, Unmeasurable

_READ = 30.0  # seconds to read a file
_DEPLOY = 120.0  # seconds to create what it names: a registry may be asked for each image
_ELSEWHERE = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")
_UNREACHED = re.compile(
    r"Cannot connect to the Docker daemon|connection refused|(i/o|handshake|Client)[ .][Tt]imeout"
    r"|no route to host|unexpected EOF|deadline exceeded|does not have a leader"
)
# what the CLI says of its own future
_OF_NO_INTEREST = re.compile(r"Since --detach=false|In a future release, --detach")
_NEWS = re.compile(r"(Creating|Updating) (service|network|config|secret) ")
# what the CLI and the engine put before what they have to say
_BEFORE = re.compile(r".*(?:Error response from daemon: |code = \w+ desc = )")


@dataclasses.dataclass(frozen=True)
class Cli:
    """A docker CLI that speaks with one engine.

    Attributes:
        command: how it is run.
        address: the engine; None for what needs none.
        resolve: whether image names are looked up in their registries (``--resolve-image``).
        env: variables for the compose file, beside ours.
    """

    command: tuple[str, ...]
    address: Address | None = None
    resolve: bool = True
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def check(self, file: Path) -> str:
        """The compose file as swarm takes it, read and merged; nothing is sent.

        Raises:
            RequestError: it cannot be read, or says what a stack cannot have.
        """
        if not file.is_file():
            raise RequestError(f"there is no compose file {file}", remedy="check --stack")
        done = self._run(["stack", "config", "--compose-file", str(file.absolute())], file, bound=_READ)
        if not done.ok:
            raise RequestError(f"{file.name}: {_said(done)}", remedy="docker stack config tells the same")
        return done.out

    def deploy(self, file: Path, name: str) -> tuple[str, ...]:
        """Create or update the stack, as ``docker stack deploy`` does; does not wait for its tasks.

        Returns:
            What the CLI had to say besides: options that a stack ignores.

        Raises:
            RequestError: it is refused: a secret or external network is missing, a port is taken...
            Unmeasurable: the engine does not answer.
        """
        words = ["stack", "deploy", "--compose-file", str(file.absolute()), "--with-registry-auth"]
        words += [] if self.resolve else ["--resolve-image", "never"]
        done = self._run([*words, name], file, bound=_DEPLOY)
        if not done.ok:
            said = _said(done).replace(f"{name}_", "")  # services as the file calls them
            if _UNREACHED.search(said):
                raise Unmeasurable(f"the stack could not be deployed: {said}")
            raise RequestError(f"{file.name}: {said}", remedy=_remedy(said))
        told = (line.strip() for line in done.err.splitlines())
        return tuple(line for line in told if line and not _OF_NO_INTEREST.match(line))

    def force(self, service: str) -> None:
        """Replace every task of a service, as ``docker service update --force``; does not wait.

        Raises:
            Unmeasurable: it is refused.
        """
        words = ["service", "update", "--force", "--detach", "--quiet", service]
        words += [] if self.resolve else ["--no-resolve-image"]
        done = self._run(words, None, bound=_DEPLOY)
        if not done.ok:
            raise Unmeasurable(f"{service} could not be updated: {_said(done)}")

    def _run(self, words: list[str], file: Path | None, *, bound: float) -> shell.Done:
        where = None if file is None else file.absolute().parent  # what the file names lies beside it
        return shell.run(
            [*self.command, *_connection(self.address), *words],
            bound=bound,
            check=False,
            cwd=where,
            env={**dict.fromkeys(_ELSEWHERE, ""), **self.env},  # the target is explicit
        )


def require_installed() -> tuple[str, ...]:
    """The docker CLI of this machine.

    Raises:
        RequestError: it has none.
    """
    found = shutil.which("docker")
    if found is None:
        raise RequestError("a stack needs the docker CLI, which is not there", remedy="install docker-cli")
    return (found,)


def _connection(address: Address | None) -> list[str]:
    if address is None:
        return []
    words, tls = ["--host", address.url], address.tls
    if tls.ca is not None or tls.cert is not None:
        words.append("--tlsverify")
    for option, path in (("--tlscacert", tls.ca), ("--tlscert", tls.cert), ("--tlskey", tls.key)):
        words += [] if path is None else [option, str(path)]
    return words


def _said(done: shell.Done) -> str:
    """What it says was wrong, in one line."""
    lines = [line.strip() for line in (done.err.strip() or done.out.strip()).splitlines() if line.strip()]
    wrong = [line for line in lines if not _NEWS.match(line) and not _OF_NO_INTEREST.match(line)]
    told = _BEFORE.sub("", wrong[-1] if wrong else f"docker exited {done.code}")
    return told if len(told) <= 300 else f"{told[:300]}..."  # noqa: PLR2004  of one line


def _remedy(said: str) -> str:
    if "secret not found" in said:
        return "docker secret create, or describe it in the file"
    if "config not found" in said:
        return "docker config create, or describe it in the file"
    if "declared as external" in said:
        return "docker network create --driver overlay, or describe it in the file"
    if "already in use" in said:
        return "publish another port, or remove the service that has it"
    return ""
