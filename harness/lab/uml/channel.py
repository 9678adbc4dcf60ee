"""Commands on a node, out of band: over the FIFOs behind the node's serial lines.

The other end is ``guest/agent``. A lock per line lets several commands run side by side, and a killed client
leaves a line that the next one clears by asking for an echo of its own id.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import select
import sys
import termios
import time
import tty
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from harness import shell
from harness.errors import Unmeasurable

Sink = Callable[[str, bytes], None]

LINES: Final = 4
_CHUNK: Final = 1024  # bytes of input per line: a serial line's buffer in the guest holds 4096
_POKE: Final = 0.5  # seconds of silence after which the guest is made to look again
_SLACK: Final = 10.0  # seconds beyond a command's bound for the channel itself


def fifos(directory: Path) -> list[Path]:
    """The FIFOs of a node's serial lines, in and out in turn, as seen from the lab."""
    return [directory / f"line{n}.{way}" for n in range(LINES) for way in ("in", "out")]


def make_fifos(directory: Path) -> list[Path]:
    """Make the FIFOs that are missing and return all of them."""
    for path in fifos(directory):
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
    return fifos(directory)


@dataclasses.dataclass
class _Line:
    """One serial line, ours alone while we hold its lock."""

    send: int
    receive: int
    rest: bytes = b""

    def write(self, data: bytes, until: float, on_read: Callable[[bytes], None]) -> None:
        """Send ``data`` whole, reading meanwhile so that neither side can block the other."""
        while data:
            wait = until - time.monotonic()
            if wait <= 0:
                raise TimeoutError
            readable, writable, _ = select.select([self.receive], [self.send], [], wait)
            if readable:
                for line in self.read():
                    on_read(line)
            if writable:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self.send, data[:4096]) :]

    def read(self) -> list[bytes]:
        """The complete lines that have arrived.

        Raises:
            EOFError: the kernel at the other end is gone.
        """
        try:
            data = os.read(self.receive, 1 << 16)
        except BlockingIOError:
            return []
        if not data:
            raise EOFError
        *lines, self.rest = (self.rest + data).split(b"\n")
        return lines


@contextlib.contextmanager
def _free_line(directory: Path, node: str, until: float) -> Iterator[_Line]:
    """A serial line of ours alone; waits while all are busy."""
    while True:
        for number in range(LINES):
            path = directory / f"line{number}.in"
            try:
                send = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno in {errno.ENXIO, errno.ENOENT}:
                    raise Unmeasurable(
                        f"{node} is powered off", remedy=f"harness lab power-on {node}"
                    ) from error
                raise
            try:
                fcntl.flock(send, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(send)
                continue
            receive = os.open(directory / f"line{number}.out", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                yield _Line(send, receive)
            finally:
                os.close(receive)
                os.close(send)
            return
        if time.monotonic() >= until:
            raise Unmeasurable(f"all {LINES} command channels of {node} stayed busy")
        time.sleep(0.02)


@dataclasses.dataclass
class _Reply:
    """What has come back of one command."""

    ident: bytes
    sink: Sink | None = None
    heard: bool = False
    taken: int = 0
    code: int | None = None
    out: bytearray = dataclasses.field(default_factory=bytearray)
    err: bytearray = dataclasses.field(default_factory=bytearray)

    def take(self, line: bytes) -> None:
        """Account for one line; whatever is not about this command is old and ignored."""
        kind, _, rest = line.partition(b" ")
        ident, _, body = rest.partition(b" ")
        if ident != self.ident:
            return
        if kind == b"r":
            self.heard = True
        elif kind == b"a":
            self.taken += 1
        elif kind in {b"O", b"e"}:
            data = bytes.fromhex(body.decode("ascii"))
            if self.sink is not None:
                self.sink("out" if kind == b"O" else "err", data)
            elif kind == b"O":
                self.out += data
            else:
                self.err += data
        elif kind == b"D":
            self.code = int(body)


def run(
    directory: Path,
    node: str,
    argv: Sequence[str],
    *,
    bound: float,
    stdin: bytes | None = None,
    sink: Sink | None = None,
) -> tuple[shell.Done, bytes, bytes]:
    """Run ``argv`` on the node whose FIFOs are in ``directory``.

    Args:
        directory: the node's own directory in the lab.
        node: its host name, for errors.
        argv: program and arguments.
        bound: seconds after which it is killed there.
        stdin: what it reads; nothing when None.
        sink: receives the output as it comes (``out`` or ``err``, bytes) instead of the result.

    Returns:
        The finished command with its output as text, and the very bytes of output and error output.

    Raises:
        Unmeasurable: the node is off, went off meanwhile, does not answer, or ``bound`` seconds passed.
    """
    began = time.monotonic()
    until = began + bound + _SLACK
    reply = _Reply(uuid.uuid4().hex[:12].encode(), sink)
    ident = reply.ident.decode()
    late = Unmeasurable(f"{argv[0]} on {node} did not finish within {bound:g} s")
    try:
        with _free_line(directory, node, until) as line:
            _greet(line, reply, until, node)
            with _killed_if_abandoned(line, reply):
                _send(line, reply, "W", _joined(argv), until)
                line.write(f"X {ident} {bound:g}\n".encode(), until, reply.take)
                _send(line, reply, "I", stdin or b"", until)
                line.write(f"E {ident}\n".encode(), until, reply.take)
                while reply.code is None:
                    _read_on(line, reply, until)
    except TimeoutError:
        raise late from None
    except (EOFError, BrokenPipeError):
        raise Unmeasurable(f"{node} lost power while it ran {argv[0]}") from None
    killed = 128 + 9
    if reply.code == killed and time.monotonic() - began >= bound:
        raise late
    out, err = bytes(reply.out), bytes(reply.err)
    done = shell.Done(tuple(argv), reply.code, out.decode(errors="replace"), err.decode(errors="replace"))
    return done, out, err


@contextlib.contextmanager
def _killed_if_abandoned(line: _Line, reply: _Reply) -> Iterator[None]:
    """Kill the command on the node when the block is left by Ctrl-C or an error, not by its end."""
    try:
        yield
    finally:
        if reply.code is None:
            with contextlib.suppress(OSError):
                os.write(line.send, f"\nK {reply.ident.decode()}\n".encode())


def _joined(argv: Sequence[str]) -> bytes:
    return b"\0".join(os.fsencode(word) for word in argv)


def _send(line: _Line, reply: _Reply, kind: str, data: bytes, until: float) -> None:
    """Send ``data`` in pieces, each after the last was taken.

    Once a guest's serial line has been throttled, with some 4000 bytes unread, it never hears anything again.
    """
    for at in range(0, len(data), _CHUNK):
        if reply.code is not None:
            return
        expected = reply.taken + 1
        piece = data[at : at + _CHUNK].hex()
        line.write(f"{kind} {reply.ident.decode()} {piece}\n".encode(), until, reply.take)
        while reply.taken < expected and reply.code is None:
            _read_on(line, reply, until)


def interact(directory: Path, node: str, argv: Sequence[str]) -> int:
    """Run ``argv`` on the node with our own terminal, key by key, and return its exit code.

    Raises:
        Unmeasurable: the node is off or went off.
    """
    year = 3.2e7
    reply = _Reply(uuid.uuid4().hex[:12].encode(), lambda _, data: _show(data))
    until = time.monotonic() + year
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys) if os.isatty(keys) else None
    try:
        with _free_line(directory, node, until) as line:
            _greet(line, reply, time.monotonic() + _SLACK, node)
            _send(line, reply, "W", _joined(argv), until)
            line.write(f"X {reply.ident.decode()} {year:g}\n".encode(), until, reply.take)
            if before is not None:
                tty.setraw(keys)
            sources = [keys, line.receive]
            while reply.code is None:
                ready, _, _ = select.select(sources, [], [])
                if line.receive in ready:
                    for text in line.read():
                        reply.take(text)
                if keys in ready:
                    typed = os.read(keys, _CHUNK)
                    _send(line, reply, "I", typed, until)
                    if not typed:
                        line.write(f"E {reply.ident.decode()}\n".encode(), until, reply.take)
                        sources.remove(keys)
    except (EOFError, BrokenPipeError):
        raise Unmeasurable(f"{node} lost power") from None
    finally:
        if before is not None:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)
    return reply.code


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _read_on(line: _Line, reply: _Reply, until: float) -> None:
    wait = until - time.monotonic()
    if wait <= 0:
        raise TimeoutError
    if select.select([line.receive], [], [], min(wait, _POKE))[0]:
        for text in line.read():
            reply.take(text)
    else:
        # The guest's kernel loses an input event now and then (see guest/agent); an empty line makes another.
        with contextlib.suppress(BlockingIOError):
            os.write(line.send, b"\n")


def _greet(line: _Line, reply: _Reply, until: float, node: str) -> None:
    """Clear whatever a killed client left on the line; asked again, for a node that is just booting."""
    while not reply.heard:
        try:
            again = min(until, time.monotonic() + 1.0)
            line.write(f"\nR {reply.ident.decode()}\n".encode(), until, reply.take)
            while not reply.heard:
                _read_on(line, reply, again)
        except TimeoutError:
            if time.monotonic() >= until:
                raise Unmeasurable(f"{node} has power but does not answer on its command channel") from None
