"""The docker CLI: how it is called, and what becomes of what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.config import Tls
from harness.engine.cli import Cli
from harness.engine.connect import Address
from harness.errors import RequestError, Unmeasurable

# a CLI that says what a test wants, and what it was called with
_CLI = """
import os, sys
print(*sys.argv[1:])
print(os.environ.get("DOCKER_HOST") or "nowhere", os.environ.get("PORT"), os.getcwd())
sys.stderr.write({said!r})
sys.exit({code})
"""

_TAKEN = (
    "Creating service s_a\nfailed to create service s_a: Error response from daemon: rpc error: "
    "code = InvalidArgument desc = port '80' is already in use by service 's_b'\n"
)


def cli(tmp_path: Path, said: str = "", code: int = 0, **more: object) -> Cli:
    """One that says this."""
    program = tmp_path / "docker.py"
    program.write_text(_CLI.format(said=said, code=code))
    return Cli((sys.executable, str(program)), **more)  # type: ignore[arg-type]  # of the test's choosing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A compose file."""
    path = tmp_path / "beside" / "stack.yml"
    path.parent.mkdir()
    path.write_text("services: {}\n")
    return path


def test_it_is_told_where_the_engine_is(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By options; the environment never redirects it, and files lie beside the compose file."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere")
    where = Address("tcp://h:2376", Tls(ca=Path("/ca"), cert=Path("/c"), key=Path("/k")))
    told = cli(tmp_path, address=where, env={"PORT": "80"}).check(file)

    first, second = told.splitlines()
    assert first == (
        "--host tcp://h:2376 --tlsverify --tlscacert /ca --tlscert /c --tlskey /k "
        f"stack config --compose-file {file}"
    )
    assert second == f"nowhere 80 {file.parent}"


def test_what_a_stack_ignores_is_kept(tmp_path: Path, file: Path) -> None:
    """What the CLI says of its own future is not."""
    said = "Ignoring unsupported options: build\nSince --detach=false was not specified, so\n"

    assert cli(tmp_path, said).deploy(file, "s") == ("Ignoring unsupported options: build",)


@pytest.mark.parametrize(
    ("said", "message", "remedy"),
    [
        (
            _TAKEN,
            "stack.yml: port '80' is already in use by service 'b'",
            "publish another port, or remove the service that has it",
        ),
        (
            "service web: secret not found: key\n",
            "stack.yml: service web: secret not found: key",
            "docker secret create, or describe it in the file",
        ),
    ],
)
def test_a_refusal_is_one_line(tmp_path: Path, file: Path, said: str, message: str, remedy: str) -> None:
    """With the remedy, and services as the file calls them."""
    with pytest.raises(RequestError) as caught:
        cli(tmp_path, said, 1).deploy(file, "s")

    assert (caught.value.message, caught.value.remedy) == (message, remedy)


def test_an_engine_that_is_away_is_no_wrong_file(tmp_path: Path, file: Path) -> None:
    """Exit 3."""
    said = "Cannot connect to the Docker daemon at tcp://h:2376. Is the docker daemon running?\n"

    with pytest.raises(Unmeasurable):
        cli(tmp_path, said, 1).deploy(file, "s")


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    """Before anything is run."""
    with pytest.raises(RequestError, match="there is no compose file"):
        cli(tmp_path).check(tmp_path / "none.yml")
