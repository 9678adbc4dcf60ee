"""A node's kernel asked past its programs: lost news, lost ends, silence; a plain socket stands for it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.lab.uml import mconsole

Answers = Callable[[socket.socket, str, bytes, int], None]


@contextlib.contextmanager
def kernel(door: Path, answer: Answers) -> Iterator[None]:
    """Something that reads what is asked and answers its way; ``answer`` gets the number of the question."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(str(door))

        def serve() -> None:
            number = 0
            while True:
                data, asker = ours.recvfrom(4096)
                magic, version, length = struct.unpack_from("<Iii", data)
                command = data[12 : 12 + length]
                if command == b"stop":
                    return
                assert (magic, version) == (0xCAFEBABE, 2)
                number += 1
                answer(ours, asker, command, number)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
                last.sendto(struct.pack("<Iii", 0xCAFEBABE, 2, 4) + b"stop", str(door))
            thread.join()


def say(ours: socket.socket, asker: str, text: str, *, more: bool = False) -> None:
    """One datagram of an answer, as the kernel sends it."""
    ours.sendto(struct.pack("<iii", 0, more, len(text) + 1) + text.encode() + b"\0", asker)


def test_the_parts_of_answers_are_put_together(tmp_path: Path) -> None:
    """In order, without the zeros that end them."""

    def answer(ours: socket.socket, asker: str, command: bytes, number: int) -> None:
        say(ours, asker, f"{command.decode()} ", more=True)
        say(ours, asker, f"is {number}\n")

    with kernel(tmp_path / "door", answer):
        assert mconsole.ask(tmp_path / "door", ("one", "two"), bound=5) == "one is 1\ntwo is 2\n"


def test_a_question_that_got_lost_is_noticed_by_another(tmp_path: Path) -> None:
    """The kernel looks again when something else comes, and then answers both."""

    def answer(ours: socket.socket, asker: str, command: bytes, number: int) -> None:
        if number == 2:
            say(ours, asker, "late\n")
        if number > 1:
            say(ours, asker, f"{command.decode()}\n")

    with kernel(tmp_path / "door", answer):
        assert mconsole.ask(tmp_path / "door", ("lost", "next"), bound=5) == "late\nnext\n"


def test_an_answer_without_an_end_is_told_as_such(tmp_path: Path) -> None:
    """What came faster than it was heard is gone; the other questions are asked all the same."""

    def answer(ours: socket.socket, asker: str, command: bytes, number: int) -> None:
        say(ours, asker, f"{command.decode()}\n", more=number == 1)

    with kernel(tmp_path / "door", answer):
        told = mconsole.ask(tmp_path / "door", ("cut", "whole"), bound=5)
    assert told == "cut\n(the end was not heard)\nwhole\n"


def test_a_kernel_that_falls_silent_ends_the_text(tmp_path: Path) -> None:
    """Not the lab: the bound holds, however full its queue is."""

    def answer(ours: socket.socket, asker: str, command: bytes, number: int) -> None:
        if number == 1:
            say(ours, asker, f"{command.decode()}\n")

    with kernel(tmp_path / "door", answer):
        assert (
            mconsole.ask(tmp_path / "door", ("one", "two", "three"), bound=0.8) == "one\n(two: no answer)\n"
        )


def test_one_that_never_says_anything_is_an_error(tmp_path: Path) -> None:
    """Nor is a door without anybody behind it a text."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        with pytest.raises(TimeoutError, match="says nothing"):
            mconsole.ask(tmp_path / "deaf", ("one",), bound=0.5)
    with pytest.raises(OSError, match="refused"):
        mconsole.ask(tmp_path / "deaf", ("one",), bound=0.5)


def test_an_answer_too_short_to_be_one_is_passed_over(tmp_path: Path) -> None:
    """Whoever knows the address may write to it."""

    def answer(ours: socket.socket, asker: str, command: bytes, number: int) -> None:
        ours.sendto(b"x", asker)
        say(ours, asker, f"{command.decode()} {number}\n")

    with kernel(tmp_path / "door", answer):
        assert mconsole.ask(tmp_path / "door", ("one",), bound=5) == "one 1\n"
