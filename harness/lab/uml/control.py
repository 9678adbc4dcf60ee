"""Starting a holder and talking to it; the client's side of `harness.lab.uml.holder`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from harness.errors import Unmeasurable
from harness.lab.uml import holder, state


def environment() -> dict[str, str]:
    """Our environment, with this very package importable by a child that runs elsewhere."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class Started:
    """A holder on probation: it dies at the end of `start`'s block unless it was told to stay."""

    def __init__(self, where: state.Places) -> None:
        self.where = where
        self.stays = False

    def commit(self) -> None:
        """Let the lab outlive this process.

        Raises:
            Unmeasurable: the holder is gone.
        """
        ask(self.where, "commit")
        self.stays = True


@contextlib.contextmanager
def start(settings: holder.Settings) -> Iterator[Started]:
    """Start a holder; at the block's end, unless it was told to stay, it dies with everything it runs.

    Raises:
        Unmeasurable: its namespaces, network or mounts could not be made.
    """
    where = state.Places(Path(settings.root))
    started = Started(where)
    process = subprocess.Popen(
        [sys.executable, "-m", holder.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; the holder follows by its closed standard input
        env=environment(),
        cwd="/",
    )
    life, said, complaints = _pipe(process.stdin), _pipe(process.stdout), _pipe(process.stderr)
    try:
        life.write(json.dumps(dataclasses.asdict(settings)).encode() + b"\n")
        life.flush()
        line = said.readline().decode().strip()
        if line != "ready":
            process.wait(timeout=10)
            why = line.removeprefix("failed: ") or complaints.read().decode().strip()[-300:]
            raise Unmeasurable(f"the lab's namespaces could not be made: {why}")
        process.wait(timeout=10)
        yield started
    finally:
        with contextlib.suppress(OSError):
            life.close()
        said.close()
        if not started.stays:
            state.kill_holder(where)
        complaints.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise Unmeasurable("no pipe to the lab's holder")
    return stream


def ask(where: state.Places, op: str, **words: Any) -> dict[str, Any]:
    """Send one request to the holder and return its answer.

    Raises:
        Unmeasurable: no holder answers, or it could not do it.
    """
    try:
        # The directory's descriptor makes the path short enough whatever the cache is called.
        directory = os.open(where.root, os.O_PATH | os.O_CLOEXEC)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(15.0)
                client.connect(f"/proc/self/fd/{directory}/{where.control.name}")
                client.sendall(json.dumps({"op": op, **words}).encode() + b"\n")
                with client.makefile("rb") as stream:
                    line = stream.readline()
        finally:
            os.close(directory)
        answer: dict[str, Any] = json.loads(line)
    except (OSError, ValueError) as error:
        raise Unmeasurable(f"the lab's holder does not answer: {error}") from error
    if "error" in answer:
        raise Unmeasurable(f"the lab's holder could not {op} {words.get('name', '')}: {answer['error']}")
    return answer
