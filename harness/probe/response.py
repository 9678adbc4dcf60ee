"""A response as bytes arrive: no sockets here, so that each way it can break is bytes in a test."""

from __future__ import annotations

MAX_HEAD = 64 * 1024
MAX_BODY = 1024 * 1024
_MAX_DIGITS = 16
_START = b"HTTP/1."
_OK_BODILESS = frozenset({204, 304})


class MalformedError(Exception):
    """The bytes are no HTTP/1.x response, or one larger than any answer we ask for; the text says which."""


class Reader:
    """Reads one response.

    Attributes:
        status: status code, 0 until the head is complete.
        headers: by lower-case name; of repeated headers the last.
        received: bytes fed so far.
        done: whether the response is complete.
        keep_alive: whether, once done, the connection may carry another request.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.received = 0
        self.done = False
        self.keep_alive = False
        self._buffer = bytearray()
        self._body = bytearray()
        self._left: int | None = None  # bytes of body (or of this chunk) to come; None: until the end
        self._state = self._head

    @property
    def body(self) -> bytes:
        """What has arrived of the body, chunk framing removed."""
        return bytes(self._body)

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            MalformedError: they cannot be part of a response.
        """
        self.received += len(data)
        self._buffer += data
        while not self.done and self._state():
            pass
        if self.done and self._buffer:
            self.keep_alive = False  # bytes that nobody asked for: the connection is out of step

    def end(self) -> None:
        """The peer has closed: a body that lasts until then is complete now."""
        if self._state == self._until_end:
            self.done = True
            self.keep_alive = False

    def _head(self) -> bool:
        if not self._buffer.startswith(_START[: len(self._buffer)]):
            raise MalformedError(f"no HTTP: {bytes(self._buffer[:40])!r}")
        at = self._buffer.find(b"\r\n\r\n")
        if at > MAX_HEAD or (at < 0 and len(self._buffer) > MAX_HEAD):
            raise MalformedError(f"headers of more than {MAX_HEAD // 1024} KiB")
        if at < 0:
            return False
        first, *lines = bytes(self._buffer[:at]).decode("latin-1").split("\r\n")
        del self._buffer[: at + 4]
        version, _, rest = first.partition(" ")
        code = rest[:3]
        if not (code.isascii() and code.isdigit() and len(code) == 3 and rest[3:4] in {"", " "}):  # noqa: PLR2004  a status has three digits
            raise MalformedError(f"no status line: {first[:40]!r}")
        if code.startswith("1"):
            return True  # an interim response: the real one follows
        self.status = int(code)
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise MalformedError(f"no header: {line[:40]!r}")
            self.headers[name.strip().lower()] = value.strip()
        self._frame(version)
        return True

    def _frame(self, version: str) -> None:
        connection = self.headers.get("connection", "").lower()
        persistent = connection == "keep-alive" if version == "HTTP/1.0" else "close" not in connection
        self.keep_alive = persistent
        length = self.headers.get("content-length")
        if self.status in _OK_BODILESS:
            self.done = True
        elif self.headers.get("transfer-encoding", "").lower() == "chunked":
            self._state = self._chunk_size
        elif length is not None:
            self._left = _number(length, 10)
            self._state = self._sized
            self.done = self._left == 0
        else:
            self._state = self._until_end

    def _until_end(self) -> bool:
        self._take(len(self._buffer))
        return False

    def _sized(self) -> bool:
        self._take(self._left or 0)
        self.done = self._left == 0
        return False

    def _chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        self._left = _number(line.partition(b";")[0].decode("latin-1").strip(), 16)
        self._state = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        self._take(self._left or 0)
        if self._left:
            return False
        self._state = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        line = self._line()
        if line:
            raise MalformedError(f"no end of chunk: {line[:40]!r}")
        if line is None:
            return False
        self._state = self._chunk_size
        return True

    def _trailer(self) -> bool:
        line = self._line()
        self.done = line == b""
        return bool(line)

    def _line(self) -> bytes | None:
        at = self._buffer.find(b"\r\n")
        if at > MAX_HEAD or (at < 0 and len(self._buffer) > MAX_HEAD):
            raise MalformedError("a chunk without its size")
        if at < 0:
            return None
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 2]
        return line

    def _take(self, count: int) -> None:
        part = self._buffer[:count]
        self._body += part
        del self._buffer[: len(part)]
        if self._left is not None:
            self._left -= len(part)
        if len(self._body) > MAX_BODY:
            raise MalformedError(f"a body of more than {MAX_BODY // 1024} KiB")


def _number(text: str, base: int) -> int:
    digits = "0123456789abcdef"[:base]
    if not text or len(text) > _MAX_DIGITS or any(char not in digits for char in text.lower()):
        raise MalformedError(f"no length: {text[:40]!r}")
    return int(text, base)
