"""Upheld, refuted, unknown: what a judge may say, and how a judgement can be repeated from a saved run."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from harness.errors import HarnessError
from harness.evidence import KINDS

P = ParamSpec("P")
E = TypeVar("E")


class State(enum.StrEnum):
    """The three values of a verdict."""

    UPHELD = "upheld"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


_WEIGHT = {State.UPHELD: 0, State.UNKNOWN: 1, State.REFUTED: 2}


class UnknownVerdictError(HarnessError):
    """Somebody asked an unknown verdict for yes or no."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a verdict or a finding is about; empty fields do not apply.

    Attributes:
        namespace: network namespace of the node, as named in ``/var/run/docker/netns``; ``host``: its own.
        address: of the task, VIP or peer in question.
    """

    node: str = ""
    service: str = ""
    path: str = ""
    replica: str = ""
    namespace: str = ""
    address: str = ""


@dataclasses.dataclass(frozen=True)
class Finding:
    """A named cause.

    Attributes:
        name: stable, such as ``dead-backend-at-entry``.
        sentence: what was expected and what was seen, with the numbers.
        modes: ids of failure modes it fits, such as ``B1``.
        remedy: what a person can do, or look at, next.
        expected: what had to be there, ``seen``: what was there instead; both as the kernel would print it.
        cause: what most likely made it so.
        command: what a person types on the node to see it.
    """

    name: str
    subject: Subject
    sentence: str
    modes: tuple[str, ...] = ()
    remedy: str = ""
    expected: str = ""
    seen: str = ""
    cause: str = ""
    command: str = ""


@dataclasses.dataclass(frozen=True)
class Basis:
    """How to repeat a judgement: the judge's name and its arguments, evidence by reference."""

    judge: str
    args: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One sentence with its numbers.

    ``bool()`` of an unknown verdict raises :class:`UnknownVerdictError`: no evidence is never green, nor red.
    """

    state: State
    sentence: str
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    subject: Subject = Subject()
    witnesses: tuple[str, ...] = ()
    basis: Basis | None = None

    def __bool__(self) -> bool:
        if self.state is State.UNKNOWN:
            raise UnknownVerdictError(f"neither yes nor no: {self.sentence}")
        return self.state is State.UPHELD

    def __str__(self) -> str:
        return f"{self.state}: {self.sentence}"


def upheld(sentence: str, **numbers: Any) -> Verdict:
    """The promise held, as far as these numbers go."""
    return Verdict(State.UPHELD, sentence, numbers)


def refuted(sentence: str, *findings: Finding, **numbers: Any) -> Verdict:
    """The swarm broke the promise."""
    return Verdict(State.REFUTED, sentence, numbers, findings)


def unknown(sentence: str, **numbers: Any) -> Verdict:
    """It could not be told; the sentence says why."""
    return Verdict(State.UNKNOWN, sentence, numbers)


def worst(states: Iterable[State], *, empty: State = State.UNKNOWN) -> State:
    """Compose: refuted, then unknown, then upheld; of nothing, ``empty``."""
    return max(states, key=_WEIGHT.__getitem__, default=empty)


_JUDGES: dict[str, Callable[..., Verdict]] = {}


def judge(function: Callable[Concatenate[E, P], Verdict]) -> Callable[Concatenate[E, P], Verdict]:
    """Make a pure function a judge: its verdict remembers name and arguments, so it can be repeated.

    Arguments are evidence (kept by reference), sequences of evidence, or plain JSON values. A judge that
    raises gives *unknown* with the reason: a fault of ours is never blamed on the swarm.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def judged(first: E, /, *args: P.args, **kwargs: P.kwargs) -> Verdict:
        bound = signature.bind(first, *args, **kwargs)
        bound.apply_defaults()
        basis = Basis(function.__name__, {name: _refer(value) for name, value in bound.arguments.items()})
        try:
            verdict = function(first, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  any fault of a judge is ours, and must read as unknown
            verdict = unknown(f"the judge {function.__name__} failed: {type(error).__name__}: {error}")
        return dataclasses.replace(verdict, basis=basis)

    other = _JUDGES.setdefault(function.__name__, judged)
    if other.__module__ != function.__module__:  # a saved claim names its judge by this name alone
        raise TypeError(f"two judges are called {function.__name__}")
    _JUDGES[function.__name__] = judged
    return judged


def replay(basis: Basis, evidence: Mapping[str, Any]) -> Verdict:
    """Repeat a judgement on evidence by id.

    Raises:
        KeyError: the journal names a judge or evidence that is not there.
    """
    found = _JUDGES[basis.judge]
    first, *rest = ((name, _resolve(value, evidence)) for name, value in basis.args.items())
    return found(first[1], **dict(rest))


def _refer(value: Any) -> Any:
    if type(value) in KINDS.values():
        span = [value.began, value.ended] if type(value).__name__ == "Traffic" else None
        return {"$evidence": value.id, "span": span} if span else {"$evidence": value.id}
    if isinstance(value, (list, tuple)):
        return [_refer(item) for item in value]
    return value


def _resolve(value: Any, evidence: Mapping[str, Any]) -> Any:
    if isinstance(value, dict) and "$evidence" in value:
        found = evidence[value["$evidence"]]
        span = value.get("span")
        return found.between(*span) if span and (found.began, found.ended) != tuple(span) else found
    if isinstance(value, list):
        return tuple(_resolve(item, evidence) for item in value)
    return value
