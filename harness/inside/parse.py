"""Records of jobs become evidence here; what does not fit is left out, never guessed.

Guests have clocks of their own: a job tells offsets from its script's begin, which ``starts`` places on ours.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from harness.evidence import NameAnswer
from harness.inside.frames import NodeAnswer
from harness.model import Outcome, Path, Sample

_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_LONGEST = 300  # characters of a text that a job told


@dataclasses.dataclass(frozen=True)
class JobAnswers:
    """What came back of a job.

    Attributes:
        answers: of the nodes that told something, whole or not, by hostname.
        missing: (hostname, reason) of nodes without a whole answer, in order.
        began: when the job was created, ``ended`` when its last answer had been read (seconds, monotonic).
        starts: (hostname, when its script began on our clock). It is the moment at which the closing record
            was read, or the task's end was seen, less the offset that the record tells: late by the time from
            writing to seeing (about half a second), and never earlier than the truth.
        skipped: (hostname, reason) of nodes that take no tasks, so no job could look.
    """

    answers: tuple[NodeAnswer, ...]
    missing: tuple[tuple[str, str], ...]
    began: float
    ended: float
    starts: tuple[tuple[str, float], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def start(self, node: str) -> float:
        """When the node's script began, on our clock."""
        return dict(self.starts).get(node, self.began)

    @property
    def whole(self) -> tuple[NodeAnswer, ...]:
        """The answers that are complete."""
        return tuple(answer for answer in self.answers if answer.complete)


def rows(answer: NodeAnswer, kind: str, shape: Sequence[type], **where: Any) -> Iterator[list[Any]]:
    """The rows of records of ``kind`` whose fields are ``where``, as far as they have this shape.

    A ``float`` in ``shape`` takes whole numbers too; booleans are no numbers. Further columns are cut off.
    """
    for record in answer.of(kind):
        told = record.get("rows")
        if not isinstance(told, list) or any(record.get(key) != value for key, value in where.items()):
            continue
        for row in told:
            if isinstance(row, list) and len(row) >= len(shape) and all(map(fits, row, shape)):
                yield row[: len(shape)]


def fits(value: Any, kind: type) -> bool:
    """Whether a value that a job told is of this kind; a truth value is no number."""
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float) and abs(value) < 1e9  # noqa: PLR2004  also drops nan and inf
    return isinstance(value, kind)


def text(value: Any) -> str:
    """What a job told, as one printable line of bounded length."""
    told = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else "?" for char in told)[:_LONGEST]


def is_address(value: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def troubles(answers: Iterable[NodeAnswer], about: str = "") -> tuple[tuple[str, str], ...]:
    """(hostname, what) that jobs could not do; ``about`` narrows it to one part of the job."""
    return tuple(
        (answer.node, f"{text(record.get('about'))} {text(record.get('ns'))}: {text(record.get('text'))}")
        for answer in answers
        for record in answer.of("trouble")
        if not about or record.get("about") == about
    )


def kernels(job: JobAnswers) -> tuple[tuple[str, str], ...]:
    """(hostname, kernel release)."""
    return tuple(
        (answer.node, text(record.get("kernel")))
        for answer in job.answers
        for record in answer.of("hello")[:1]
    )


def samples(job: JobAnswers, path: Path) -> tuple[Sample, ...]:
    """The requests that jobs made by ``path``, in the order of our clock."""
    found = [
        (
            job.start(answer.node) + began,
            job.start(answer.node) + ended,
            answer.node,
            outcome,
            replica,
            detail,
        )
        for answer in job.answers
        for _, began, ended, outcome, replica, detail in rows(
            answer, "samples", (int, float, float, str, str, str), path=str(path)
        )
        if outcome in _OUTCOMES and 0 <= began <= ended
    ]
    return tuple(
        Sample(
            seq=number,
            entry=node,
            path=path,
            planned=began,
            began=began,
            ended=ended,
            outcome=_OUTCOMES[outcome],
            replica=text(replica),
            connection=number,
            detail=text(detail),
        )
        for number, (began, ended, node, outcome, replica, detail) in enumerate(sorted(found))
    )


def names(job: JobAnswers) -> tuple[NameAnswer, ...]:
    """What names resolved to on every node; the last answer of each counts."""
    found: dict[tuple[str, str], NameAnswer] = {}
    for answer in job.answers:
        for record in answer.of("name"):
            told = record.get("addresses")
            addresses = (
                tuple(entry for entry in told if isinstance(entry, str) and is_address(entry))
                if isinstance(told, list)
                else ()
            )
            name = text(record.get("name"))
            found[answer.node, name] = NameAnswer(
                answer.node, name, tuple(sorted(addresses)), text(record.get("error"))
            )
    return tuple(found[key] for key in sorted(found))
