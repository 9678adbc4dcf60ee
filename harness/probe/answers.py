"""What an answer says of who gave it: whoami's lines and flask-redis' sentence."""

from __future__ import annotations

import dataclasses
import re

# Contracts read from traefik/whoami app.go (whoamiHandler) and xiaopeng163/flask-redis app.py. Under Python 3
# the latter prints the bytes of the count as they are (b'5'), so both spellings are one number.
_FLASK = re.compile(
    r"Hello Container World! I have been seen (?:b')?(?P<count>\w+)'? times"
    r" and my hostname is (?P<host>\S+?)\.?\s*\Z"
)
_WHOAMI = re.compile(r"(?P<key>Name|Hostname|RemoteAddr): (?P<value>\S.*)")
_LONGEST = 255  # of a hostname; more is not one


@dataclasses.dataclass(frozen=True)
class Answer:
    """Who answered.

    Attributes:
        replica: the hostname the answer gives, empty if it gives none.
        name: whoami's ``Name:``, empty if it has none.
        counter: flask-redis' count, None elsewhere and when Redis gave it no number.
        source: address that whoami saw the request come from, without its port; empty if it tells none.
    """

    replica: str = ""
    name: str = ""
    counter: int | None = None
    source: str = ""


NOBODY = Answer()


def parse(body: bytes) -> Answer:
    """Read an answer; whatever it is, the result is an :class:`Answer`, possibly an empty one."""
    text = body.decode("utf-8", "replace")
    sentence = _FLASK.match(text)
    if sentence is not None:
        count = sentence["count"]
        number = int(count) if count.isascii() and count.isdigit() and len(count) < _LONGEST else None
        return Answer(_word(sentence["host"]), counter=number)
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.endswith(("HTTP/1.1", "HTTP/1.0")):
            break  # from here on whoami repeats our own request: its headers are no identity
        match = _WHOAMI.fullmatch(line)
        if match is not None:
            found.setdefault(match["key"], match["value"].strip())
    source = found.get("RemoteAddr", "").rpartition(":")[0].strip("[]")
    return Answer(_word(found.get("Hostname", "")), name=found.get("Name", ""), source=_word(source))


def _word(text: str) -> str:
    return text if text.isprintable() and len(text) <= _LONGEST else ""
