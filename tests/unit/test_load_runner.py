"""Locust as a process of its own, against scripted services on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import RequestError, Unmeasurable
from harness.evidence import Load
from harness.journal import Journal, load
from harness.load import child, run
from harness.probe import scripted
from harness.probe.scripted import replicas, serving
from harness.probe.target import Target


@pytest.fixture(name="journal")
def _journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.jsonl") as opened:
        yield opened


def _run(journal: Journal, *targets: Target, kept_alive: bool = False, requests: int = 8) -> Load:
    return run(
        targets,
        journal=journal,
        service="whoami",
        kept_alive=kept_alive,
        users=3,
        seconds=0.6,
        requests=requests,
        expect_name="run/whoami",
        timeout=10.0,
    )


@pytest.mark.parametrize("kept_alive", [False, True])
def test_every_node_and_replica_is_counted(journal: Journal, *, kept_alive: bool) -> None:
    """Fresh: a connection per request. Kept: each user has one to every node."""
    script = replicas("a", "b", name="run/whoami")
    with serving(script) as one, serving(script) as two:
        result = _run(journal, one.target("n1"), two.target("n2"), kept_alive=kept_alive)
        connections = one.accepted + two.accepted

    assert result.failures == 0
    assert result.requests >= 8
    assert [cell.name for cell in result.nodes] == ["n1", "n2"]
    assert sum(cell.requests for cell in result.nodes) == result.requests
    assert {cell.name for cell in result.replicas} == {"a", "b"}
    assert sum(cell.requests for cell in result.replicas) == result.requests
    assert (connections == 6) if kept_alive else (connections >= result.requests)
    assert load(journal.path).evidence[result.id] == result


def test_lost_requests_are_counted_and_not_repeated_in_silence(journal: Journal) -> None:
    """A reset, a refusal and a stranger's answer are failures, by kind and node; the run goes on."""
    with (
        serving(scripted.resets) as broken,
        serving(replicas("c", name="other")) as stranger,
        scripted.refusing() as port,
    ):
        dead = Target("n2", "127.0.0.1", port)
        result = _run(journal, broken.target("n1"), dead, stranger.target("n3"), requests=10**9)
        connections = broken.accepted

    assert result.failures == result.requests
    assert all(cell.failures == cell.requests > 0 for cell in result.nodes)
    assert [(cell.name, cell.failures == cell.requests) for cell in result.replicas] == [("c", True)]
    told = " ".join(text for text, _ in result.errors)
    assert "HTTPConnectionClosed" in told  # the client's word for a reset before any answer
    assert "ConnectionRefusedError" in told
    assert "answered by 'other', not 'run/whoami'" in told
    assert result.nodes[0].requests <= connections <= result.nodes[0].requests + 3
    assert 0.3 < result.seconds < 5


def test_a_locust_that_fails_is_unmeasurable_with_its_last_words(journal: Journal, tmp_path: Path) -> None:
    """The reason stands in the one line a person sees; the whole log stays beside the journal."""
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('the last words')\n")

    with pytest.raises(Unmeasurable, match=r"Locust ended with 1: the last words"):
        run(
            [Target("n1", "127.0.0.1", 9)],
            journal=journal,
            service="whoami",
            kept_alive=False,
            users=1,
            seconds=0.1,
            requests=1,
            locustfile=broken,
        )
    assert "the last words" in (tmp_path / "artifacts" / "load-1" / "locust.log").read_text()


@pytest.mark.parametrize(("targets", "users"), [([], 1), ([Target("n1", "127.0.0.1", 9)], 0)])
def test_a_load_run_needs_somebody_to_ask_and_somebody_who_asks(
    journal: Journal, targets: list[Target], users: int
) -> None:
    """The request is wrong before any process starts."""
    with pytest.raises(RequestError, match="an address and a user"):
        run(targets, journal=journal, service="w", kept_alive=False, users=users, seconds=1, requests=1)


def test_a_load_generator_dies_with_whoever_started_it() -> None:
    """Killed harness, no traffic left: the pipe that the generator holds is closed by its death."""
    script = (
        "import os, subprocess, sys\n"
        "command = ['/bin/sh', '-c', 'echo up; exec sleep 60']\n"
        "subprocess.Popen([sys.executable, sys.argv[1], str(os.getpid()), *command])\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, child.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        parent.kill()

        assert parent.stdout.read() == b""


def test_a_parent_that_is_gone_already_starts_nothing() -> None:
    """Between fork and the tie to the parent it may have died."""
    done = subprocess.run(
        [sys.executable, child.__file__, "1", "/bin/echo", "up"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "process 1 is gone" in done.stderr


def test_nobody_configures_locust_behind_our_back() -> None:
    """Variables of Locust and of proxies are not inherited; the rest is."""
    inherited = {"LOCUST_USERS": "9", "http_proxy": "x", "ALL_PROXY": "x", "PATH": os.environ["PATH"]}

    assert child.environment(inherited) == {"PATH": os.environ["PATH"]}


def test_the_harness_itself_never_imports_locust() -> None:
    """Importing it patches the whole process."""
    told = "import sys, harness.load.runner; print(sorted({'locust', 'gevent'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
