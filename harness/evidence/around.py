"""What a task, or a plain container, sees around it: its interfaces, names, and whom it reaches."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class NameDraw:
    """What the embedded DNS of one node said of one name, asked again and again.

    Attributes:
        answers: (addresses, sorted and with blanks between them; how often they were the answer).
        firsts: (address, how often it stood first in an answer).
        errors: (why there was no address, how often).
    """

    node: str
    name: str
    answers: tuple[tuple[str, int], ...] = ()
    firsts: tuple[tuple[str, int], ...] = ()
    errors: tuple[tuple[str, int], ...] = ()

    @property
    def asked(self) -> int:
        """Number of questions."""
        return sum(times for _, times in (*self.answers, *self.errors))


@dataclasses.dataclass(frozen=True)
class Reach:
    """One address asked for a page, by itself.

    Attributes:
        source: node (hostname) of the asker.
        network: name of the network that the address is on.
        outcome: in the words of :class:`harness.model.Outcome`; ``ok``: a task of this run answered.
        replica: what the answer calls itself.
    """

    source: str
    network: str
    address: str
    outcome: str
    replica: str = ""
    tries: int = 1


@dataclasses.dataclass(frozen=True)
class Interface:
    """An interface of a task, beside its loopback: ``address`` with its prefix length, ``mtu`` in bytes.

    Attributes:
        default: whether the way to everywhere else goes through it.
    """

    node: str
    name: str
    address: str
    mtu: int
    default: bool = False


@dataclasses.dataclass(frozen=True)
class Around:
    """What one asker on every node saw around it.

    Attributes:
        network: name of the overlay network that the askers were on, and no other; ``network_id``: its id.
        subnets: of that network, as the manager tells them.
        asker: ``task``, or ``container``: a plain one, which no service started.
        nodes: hostnames from which a whole answer came.
        missing: (hostname, reason) of the others; ``skipped``: of nodes that take no tasks.
    """

    id: str
    at: float
    network: str
    network_id: str
    subnets: tuple[str, ...]
    asker: str
    nodes: tuple[str, ...]
    draws: tuple[NameDraw, ...] = ()
    reaches: tuple[Reach, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def of(self, name: str) -> tuple[NameDraw, ...]:
        """What was said of one name."""
        return tuple(draw for draw in self.draws if draw.name == name)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Something that the engine must refuse was asked of it.

    Attributes:
        asked: what, in a few words.
        said: the engine's words; empty if it did what was asked.
    """

    id: str
    at: float
    asked: str
    said: str
