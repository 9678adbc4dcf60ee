"""Looking into nodes for a secret: what they answer becomes evidence, and what they do not answer is told."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from harness import shell
from harness.engine.protocol import LogLine
from harness.engine.spec import ConfigFile, SecretSpec
from harness.errors import Unmeasurable
from harness.evidence import HeldFile, Place
from harness.lab.protocol import Lab, LabNode, Role
from harness.model import Task
from harness.stage import searching
from tests.contract.swarms import WEB, bench

M, W1, W2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
TASKS = (
    Task("a", "s", W1, 1, "running", "running", container="c-a"),
    Task("b", "s", W2, 2, "running", "running", container="c-b"),
)


class Nodes:
    """Nodes with scripted answers; ``asked`` are command lines, ``told`` what came on standard input."""

    def __init__(self, **hits: str) -> None:
        self.nodes = tuple(LabNode(name, "192.0.2.1", Role.WORKER) for name in (M, W1, W2))
        self.hits, self.off = hits, ""
        self.asked: list[Sequence[str]] = []
        self.told: list[str | bytes | None] = []

    def exec(
        self, node: str, argv: Sequence[str], *, bound: float = 60.0, stdin: str | bytes | None = None
    ) -> shell.Done:
        """The file of each container, or what a search found."""
        self.asked.append(argv)
        self.told.append(stdin)
        if node == self.off:
            raise Unmeasurable(f"{node} is powered off")
        if stdin is None:
            lines = [f"{one} {'f' * 64} 444 tmpfs" for one in argv[5:]]
            return shell.Done(tuple(argv), 0, "".join(f"{line}\n" for line in lines), "")
        return shell.Done(tuple(argv), 0, self.hits.get(node.removeprefix("swarm-"), "searched\n"), "")


def look(nodes: Nodes, value: str = "top-secret") -> searching.Found:
    """Look into them."""
    return searching.nodes(cast("Lab", nodes), TASKS, "/run/secrets/key", value)


def test_every_task_is_looked_at_where_it_runs() -> None:
    """And every node is searched, also those without a task."""
    found = look(Nodes())

    assert sorted(found.held, key=lambda one: one.task) == [
        HeldFile(W1, "a", "f" * 64, "444", "tmpfs"),
        HeldFile(W2, "b", "f" * 64, "444", "tmpfs"),
    ]
    assert (found.places, found.searched, found.missing) == ([], [M, W1, W2], {})


def test_places_are_told_with_their_kind() -> None:
    """A path may hold spaces."""
    found = look(Nodes(worker1="disk /var/log/my app.log\nenvironment /proc/7/environ\nsearched\n"))

    assert found.places == [
        Place(W1, "disk", "/var/log/my app.log"),
        Place(W1, "environment", "/proc/7/environ"),
    ]


def test_the_value_is_no_argument_of_any_command() -> None:
    """Everybody on a node sees those; it travels on standard input."""
    nodes = Nodes()
    look(nodes)

    assert not any("top-secret" in word for argv in nodes.asked for word in argv)
    assert nodes.told.count("top-secret\ndG9wLXNlY3JldA\n") == 3


def test_without_a_value_nothing_is_searched() -> None:
    """A config is no secret."""
    nodes = Nodes()

    assert look(nodes, "").searched == [M, W1, W2]
    assert len(nodes.asked) == 2


def test_a_node_that_cannot_be_looked_into_is_missing() -> None:
    """It is off, or its search broke off."""
    nodes = Nodes(worker2="disk /var/log/x\n")
    nodes.off = M
    found = look(nodes)

    assert (found.searched, found.places) == ([W1], [])
    assert "powered off" in found.missing[M]
    assert "broke off" in found.missing[W2]


def test_the_manager_is_searched_in_its_answers_and_logs(tmp_path: Path) -> None:
    """As it is, and in base64."""
    made = bench(tmp_path)
    with made.swarm:
        secret = made.engine.create_secret(SecretSpec("key", b"top-secret"))
        leaky = dataclasses.replace(WEB, secrets=(ConfigFile("key", "key"),), labels={"note": "top-secret"})
        service = made.engine.create_service(leaky)
        made.engine.logs[WEB.name] = [LogLine("n", "t", "using dG9wLXNlY3JldA==")]
        places = searching.manager(made.engine, service, secret, made.engine.tasks(service), "top-secret")
    made.journal.close()

    assert Place("", "inspect", "docker service inspect") in places
    assert Place("", "logs", "docker service logs") in places
    assert Place("", "inspect", "docker secret inspect") not in places


@pytest.mark.parametrize(("value", "hit"), [("top-secret", "a log"), ("other", "b"), ("nobody's", "")])
def test_the_script_finds_a_file_by_its_content(tmp_path: Path, value: str, hit: str) -> None:
    """The very commands of a node, on files of this machine; what is older than the boot is not looked at."""
    boot = tmp_path / "boot"
    boot.write_text("")
    os.utime(boot, (1.0, 1.0))
    (tmp_path / "a log").write_text("before top-secret after")
    (tmp_path / "b").write_text("b3RoZXI")  # in base64
    (tmp_path / "old").write_text(value)
    os.utime(tmp_path / "old", (0.5, 0.5))
    script = searching._SEARCH
    for there, here in (
        ("mktemp -p /run", "mktemp -p /dev/shm"),
        ("/ /tmp /run /dev/shm", str(tmp_path)),
        ("/run/lab/node.env", str(boot)),
        ("/proc -maxdepth 2", "/proc/self -maxdepth 1"),
    ):
        assert there in script
        script = script.replace(there, here)
    words = ["sh", "-c", script]
    told = f"{value}\n{searching._coded(value)}\n"
    done = subprocess.run(words, input=told, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ([f"disk {tmp_path}/{hit}"] if hit else []) + ["searched"]
