"""A preflight as a document for programs, and on a person's terminal: one line per check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.text import Text

from harness.doctor.lines import CHECKS, OF, Line, State, exit_of
from harness.doctor.preflight import headline
from harness.mesh.findings import listed
from harness.report.terminal import harmless

_STYLE = {State.OK: "green", State.WARN: "yellow", State.UNKNOWN: "magenta", State.STOP: "bold red"}
_WIDTH = max(len(check.id) for check in CHECKS)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


class LineOf(_Part):
    """What one check tells; ``nodes`` is empty where it is the swarm's, ``exit`` what it alone asks for."""

    check: str
    asks: str
    state: State
    nodes: tuple[str, ...]
    told: str
    remedy: str
    modes: tuple[str, ...]
    exit: Literal[0, 1, 2, 3]


class DoctorDocument(_Part):
    """The result of ``harness doctor``; its keys are an interface with a version."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    run: str
    target: str
    exit: Literal[0, 1, 2, 3]
    sentence: str
    seconds: float
    lines: tuple[LineOf, ...]

    def json_text(self) -> str:
        """The document as JSON text."""
        return self.model_dump_json(by_alias=True, indent=2)


def document(run: str, target: str, seconds: float, lines: Sequence[Line]) -> DoctorDocument:
    """The document of a preflight."""
    return DoctorDocument.model_validate(
        {
            "run": run,
            "target": target,
            "exit": int(exit_of(lines)),
            "sentence": headline(lines),
            "seconds": round(seconds, 2),
            "lines": [
                {
                    "check": line.check,
                    "asks": OF[line.check].asks,
                    "state": line.state,
                    "nodes": line.nodes,
                    "told": line.told,
                    "remedy": line.remedy,
                    "modes": OF[line.check].modes,
                    "exit": int(line.exit),
                }
                for line in lines
            ],
        }
    )


def show(found: DoctorDocument, console: Console) -> None:
    """Print a line per check and the sentence on all of them."""
    for line in _shown(found):
        several = line.state is State.OK and len(line.nodes) > 1
        where = f"{len(line.nodes)} nodes" if several else listed(line.nodes) if line.nodes else ""
        text = ": ".join(part for part in (where, line.told, line.remedy) if part)
        state = (f"{line.state:<7}", _STYLE[line.state])
        console.print(Text.assemble(state, f"  {line.check:<{_WIDTH}}  {harmless(text)}"))
    worst = max((line.state for line in found.lines), key=list(State).index, default=State.UNKNOWN)
    console.print(Text(harmless(found.sentence), style=_STYLE[worst]))


def _shown(found: DoctorDocument) -> Iterator[LineOf]:
    """What is not well of each check, node by node; of a check that is well everywhere one line."""
    for check in dict.fromkeys(line.check for line in found.lines):
        mine = [line for line in found.lines if line.check == check]
        bad = [line for line in mine if line.state is not State.OK]
        if bad:
            yield from bad
        else:
            told = "; ".join(dict.fromkeys(line.told for line in mine[:3]))
            nodes = tuple(sorted({node for line in mine for node in line.nodes}))
            yield mine[0].model_copy(update={"told": told, "nodes": nodes})
