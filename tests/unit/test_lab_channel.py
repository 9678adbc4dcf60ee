"""Commands over a serial line: whole answers, whatever an earlier client left there."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import Unmeasurable
from harness.lab.uml import channel


class Agent:
    """A node's end of all lines: ``echo`` prints its input, ``words`` its command line, others never end."""

    def __init__(self, directory: Path) -> None:
        self.ends = [os.open(path, os.O_RDWR) for path in channel.make_fifos(directory)]
        pairs = zip(self.ends[0::2], self.ends[1::2], strict=True)
        self.threads = [threading.Thread(target=self.serve, args=pair, daemon=True) for pair in pairs]
        self.most = 0
        for thread in self.threads:
            thread.start()

    def serve(self, source: int, target: int) -> None:
        """Answer on one line until it is closed."""
        words, data, rest = b"", b"", b""
        while True:
            read = os.read(source, 1 << 16)
            if read.endswith(b"stop"):
                return
            self.most = max(self.most, len(read))
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                kind, ident, *more = [*line.split(b" "), b"", b""]

                def say(text: bytes, ident: bytes = ident) -> None:
                    os.write(target, text % ident)

                match kind:
                    case b"R":
                        words, data = b"", b""
                        say(b"r %s\n")
                    case b"W":
                        words += bytes.fromhex(more[0].decode())
                        say(b"a %s\n")
                    case b"I":
                        data += bytes.fromhex(more[0].decode())
                        say(b"a %s\n")
                    case b"E" if words == b"echo":
                        say(b"O %s " + data.hex().encode() + b"\n")
                        say(b"e %s " + b"noise".hex().encode() + b"\nD %s 3\n" % ident)
                    case b"E" if words.startswith(b"words"):
                        say(b"O %s " + words.hex().encode() + b"\n")
                        say(b"D %s 0\n")

    def write_stale(self, data: bytes) -> None:
        """Leave something unread on every line, as for a client that died."""
        for target in self.ends[1::2]:
            os.write(target, data)

    def stop(self) -> None:
        """Power failure."""
        for source in self.ends[0::2]:
            os.write(source, b"stop")
        for thread in self.threads:
            thread.join()
        for end in self.ends:
            with contextlib.suppress(OSError):
                os.close(end)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """A node's end of the lines in ``tmp_path``."""
    node = Agent(tmp_path)
    try:
        yield node
    finally:
        node.stop()


def test_output_error_and_code_come_back(tmp_path: Path, agent: Agent) -> None:
    """Bytes in are bytes out, error output apart, with the exit code."""
    data = bytes(range(256)) * 20
    done, out, err = channel.run(tmp_path, "n", ["echo"], bound=5.0, stdin=data)
    assert (done.code, out, err) == (3, data, b"noise")


def test_words_are_kept_apart(tmp_path: Path, agent: Agent) -> None:
    """Empty words and line ends survive."""
    _, out, _ = channel.run(tmp_path, "n", ["words", "", "a b", "c\n"], bound=5.0)
    assert out.split(b"\0") == [b"words", b"", b"a b", b"c\n"]


def test_the_line_is_never_filled(tmp_path: Path, agent: Agent) -> None:
    """A guest's serial line dies when some 4000 bytes lie unread: one piece at a time is under way."""
    channel.run(
        tmp_path,
        "n",
        [
            "echo",
        ],
        bound=5.0,
        stdin=b"x" * 50_000,
    )
    assert agent.most < 3500


@pytest.mark.parametrize("stale", [b"O dead 6162\n", b"D dead 0\n", b"half a li", b"\n\n", b"r x y z\n"])
def test_what_a_dead_client_left_is_ignored(tmp_path: Path, agent: Agent, stale: bytes) -> None:
    """Old answers, whole or torn, do not become part of the next one."""
    if not stale.endswith(b"\n"):
        stale += b"\n"
    agent.write_stale(stale)
    _, out, _ = channel.run(tmp_path, "n", ["echo"], bound=5.0, stdin=b"mine")
    assert out == b"mine"


def test_output_can_be_had_as_it_comes(tmp_path: Path, agent: Agent) -> None:
    """With a sink the output goes there, and the result is empty."""
    heard: list[tuple[str, bytes]] = []
    done, out, _ = channel.run(
        tmp_path, "n", ["echo"], bound=5.0, stdin=b"hi", sink=lambda *piece: heard.append(piece)
    )
    assert (heard, out, done.out) == ([("out", b"hi"), ("err", b"noise")], b"", "")


def test_a_node_without_power_is_known_at_once(tmp_path: Path) -> None:
    """Nobody at the other end: the error says so, and what to do."""
    channel.make_fifos(tmp_path)
    with pytest.raises(Unmeasurable, match="n is powered off: harness lab power-on n"):
        channel.run(tmp_path, "n", ["echo"], bound=5.0)


def test_a_command_that_never_ends_is_given_up(
    tmp_path: Path, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its bound the caller gets an error that names command, node and bound."""
    monkeypatch.setattr(channel, "_SLACK", 0.0)
    with pytest.raises(Unmeasurable, match=r"hang on n did not finish within 0\.1 s"):
        channel.run(tmp_path, "n", ["hang"], bound=0.1)
