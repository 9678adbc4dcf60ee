"""What a mutant is: one fault, how it is planted and healed, who must see it and how it must be named."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import HarnessError, RequestError

HOME = Path(__file__).resolve().parents[2] / "tests" / "mutants"
KERNEL, OUTSIDE, INSIDE = "kernel", "outside", "inside"
WITNESSES = (OUTSIDE, INSIDE, KERNEL)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The finding that must name a fault; words in capitals are facts of the ground, such as ``VIP``.

    Attributes:
        finding: its name in the audit's catalogue.
        space: namespace; ``LB``, ``OV``, ``TASK`` and the like stand for those of the ground.
        service: ``web`` or ``api``, those of the ground; empty if the node's own rows are meant.
        address: a fact.
        at: fact that names the node: ``NODE``, ``PEER_NODE`` or ``THIRD_NODE``.
    """

    finding: str
    space: str = "host"
    service: str = ""
    address: str = ""
    at: str = "NODE"


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        id: its mode, with a letter where there are several of one mode.
        mode: id of the failure mode.
        title: what is broken, in a few words.
        inject: shell that plants it on the node; the ground's facts and helpers are there.
        heal: shell that takes it away, also if it was planted half or not at all.
        wanted: the findings that must name it: exactly these and no other.
        witnesses: who must refute.
        ask: how the black box asks, if at all: ``plain``, ``large``, ``localhost``, ``vip``, ``secret``,
            ``quiet``, ``vantages``.
        settle: seconds between planting and looking.
        by_design: what is measured instead of judged, for modes that are no fault.
        elsewhere: node (a fact) on which it is planted, if not on the chosen one.
        reboot: the node is rebooted after planting, and after healing.
        renews: healing it makes tasks or sandboxes anew, so that the facts change.
    """

    id: str
    mode: str
    title: str
    inject: str
    heal: str
    wanted: tuple[Wanted, ...] = ()
    witnesses: frozenset[str] = frozenset({KERNEL})
    ask: str = ""
    settle: float = 0.0
    by_design: str = ""
    elsewhere: str = ""
    reboot: bool = False
    renews: bool = False


class _Missing(RequestError):
    """There is no checkout to load rows from."""


def load(home: Path = HOME) -> tuple[Mutant, ...]:
    """Every mutant of the checkout, by id.

    Raises:
        RequestError: this is an installed package without its checkout.
        HarnessError: two rows have one id, or a file does not load.
    """
    files = sorted(home.glob("rows_*.py"))
    if not files:
        raise _Missing(
            f"no mutants in {home}",
            remedy="they stand in the project's checkout: run it there, ./run mutants",
        )
    found: dict[str, Mutant] = {}
    for file in files:
        for mutant in _rows(file):
            if mutant.id in found:
                raise HarnessError(f"two mutants are called {mutant.id}")
            found[mutant.id] = mutant
    return tuple(found[key] for key in sorted(found, key=place))


def place(ident: str) -> tuple[str, int, str]:
    """Where an id stands among others: group, number, letter."""
    digits = "".join(letter for letter in ident[1:] if letter.isdigit())
    return ident[:1], int(digits or 0), ident


def chosen(every: Sequence[Mutant], wanted: Iterable[str]) -> tuple[Mutant, ...]:
    """Those that are wished for, in the table's order; all without a wish.

    A wish is an id (``B4a``), a mode (``B4``) or a group (``B``), in any case. Where an id is its mode's name
    as well, it means that mutant alone, and a star (``B2*``) its whole mode.

    Raises:
        RequestError: nothing fits a wish.
    """
    found: set[str] = set()
    wishes = list(wanted)
    for wish in wishes:
        fits = _fitting(every, wish.upper())
        if not fits:
            known = " ".join(one.id for one in every)
            raise RequestError(f"there is no mutant {wish.upper()}", remedy=f"there are {known}")
        found |= fits
    return tuple(one for one in every if not wishes or one.id in found)


def _fitting(every: Sequence[Mutant], wish: str) -> set[str]:
    """The ids that a wish in capitals means: the very one, or else those of a mode or group."""
    exact = {one.id for one in every if one.id.upper() == wish}
    name = wish.removesuffix("*")
    return exact or {one.id for one in every if name in {one.mode, one.mode[:1]}}


def _rows(file: Path) -> tuple[Mutant, ...]:
    name = f"harness_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise HarnessError(f"{file} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    rows: tuple[Mutant, ...] = module.MUTANTS
    return rows
