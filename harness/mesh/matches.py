"""The further matches of a rule, as words of ``iptables-save``: what they ask of a packet, where known."""

from __future__ import annotations

from collections.abc import Iterator

_NEUTRAL = frozenset(
    {
        "--comment",
        "--reject-with",
        "--log-prefix",
        "--log-level",
        "--probability",  # a rule that drops one in n drops
        "--mode",
        "--every",
        "--packet",
        "--random",
        "--persistent",
    }
)
_PORTS = {
    "--dport": "dport",
    "--dports": "dport",
    "--destination-port": "dport",
    "--destination-ports": "dport",
    "--sport": "sport",
    "--sports": "sport",
    "--source-port": "sport",
    "--source-ports": "sport",
    "--ctorigdstport": "asked_port",
}
_STATES = frozenset({"--ctstate", "--state"})


def restricts(
    words: tuple[str, ...],
    *,
    protocol: str,
    sport: int,
    dport: int,
    asked_port: int,
    state: str,
    length: int,
) -> bool | None:
    """Whether a packet fulfils what ``words`` ask; None if they are not understood.

    Args:
        words: as in ``Rule.others``; without any, everything is fulfilled.
        protocol: of the packet.
        sport: its source port.
        dport: its destination port.
        asked_port: its destination port before it was translated.
        state: what connection tracking calls it.
        length: bytes of it.
    """
    ports = {"dport": dport, "sport": sport, "asked_port": asked_port}
    sure = True
    for option, values, no in _options(words):
        if option in _NEUTRAL:
            continue
        if option == "-m":
            continue
        if option in _PORTS:
            met = any(_among(value, ports[_PORTS[option]]) for value in values)
        elif option == "--ports":
            met = any(_among(value, dport) or _among(value, sport) for value in values)
        elif option == "--length":
            met = any(_among(value, length) for value in values)
        elif option in _STATES:
            met = state in ",".join(values).split(",")
        elif option == "-p":
            met = protocol in values
        else:
            sure = False
            continue
        if met == no:
            return False
    return True if sure else None


def mentions(words: tuple[str, ...], port: int) -> bool:
    """Whether a rule's further matches name a port."""
    return any(
        _among(value, port)
        for option, values, _ in _options(words)
        if option in _PORTS or option == "--ports"
        for value in values
    )


def _options(words: tuple[str, ...]) -> Iterator[tuple[str, list[str], bool]]:
    """Each option with its values, and whether it is negated."""
    option, values, no, negate = "", list[str](), False, False
    for word in words:
        if word == "!":
            negate = True
        elif word.startswith("-") and not word.lstrip("-").isdigit():
            if option:
                yield option, values, no
            option, values, no, negate = word, [], negate, False
        else:
            values.append(word)
    if option:
        yield option, values, no


def _among(text: str, number: int) -> bool:
    """Whether a number is in ``80``, ``80:90`` or ``80,443,8000:9000``."""
    for part in text.split(","):
        low, colon, high = part.partition(":")
        if not (low.isdigit() or high.isdigit()):
            continue
        if int(low or 0) <= number <= (int(high or 2**32) if colon else int(low or 0)):
            return True
    return False
