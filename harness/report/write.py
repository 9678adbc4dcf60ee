"""Writes a run's folder: verdicts.json, junit.xml, report.html, each whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness import journal
from harness.errors import Exit, RequestError
from harness.journal import Saved
from harness.report import kept, summary
from harness.report.junit import junit
from harness.report.terminal import console
from harness.report.verdicts import Document, document

JOURNAL, VERDICTS, JUNIT, PAGE = "journal.jsonl", "verdicts.json", "junit.xml", "report.html"


@dataclasses.dataclass(frozen=True)
class Written:
    """What was written of a run.

    Attributes:
        exit: exit code of the verdict.
        document: verdicts.json as data.
        summary: prints the terminal summary to stdout.
    """

    exit: Exit
    document: dict[str, Any]
    summary: Callable[[], None]


def write_all(folder: Path, found: Document | None = None, *, latest: bool = True) -> Written:
    """Write verdicts.json, junit.xml and report.html of the run in ``folder``.

    Args:
        folder: the run's folder, with its journal.
        found: the verdicts to write; by default those recorded in the journal.
        latest: whether ``latest`` beside the folder is to name this run from now on.

    Raises:
        RequestError: there is no journal, it cannot be read, or the folder cannot be written.
    """
    saved = journal.load(folder / JOURNAL)
    return write(folder, saved, found or document(saved), latest=latest)


def write(folder: Path, saved: Saved, found: Document, *, latest: bool) -> Written:
    """Write the verdicts ``found`` of a journal that has been read; see :func:`write_all`."""
    try:
        put(folder / VERDICTS, found.json_text().encode())
        put(folder / JUNIT, junit(found, seconds=_length(saved)))
        _draw(folder, saved, found)
        if latest:
            _point(folder.parent / "latest", folder.name)
    except OSError as error:
        raise RequestError(
            f"{folder} cannot be written ({error.strerror})", remedy="look at its owner"
        ) from error
    return Written(found.exit, found.data(), lambda: _summarise(folder, saved, found))


def redraw(folder: Path) -> Path:
    """Draw report.html again from verdicts.json and the journal; returns the page.

    Raises:
        RequestError: the journal or verdicts.json cannot be read, or the folder cannot be written.
    """
    saved = journal.load(folder / JOURNAL)
    try:
        found = Document.model_validate_json((folder / VERDICTS).read_bytes())
    except FileNotFoundError:
        found = document(saved)
    except (OSError, ValidationError) as error:
        told = " ".join(str(error).splitlines()[:3])
        raise RequestError(
            f"{folder / VERDICTS} is no verdicts document ({told})", remedy="harness judge writes it anew"
        ) from error
    try:
        return _draw(folder, saved, found)
    except OSError as error:
        raise RequestError(
            f"{folder} cannot be written ({error.strerror})", remedy="look at its owner"
        ) from error


def put(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` at once: a reader sees the old or the new file, never a part.

    Raises:
        OSError: the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def phases(path: Path) -> tuple[summary.Phase, ...]:
    """The steps that a journal holds; read from the file, for some are written after the report is drawn."""
    found = []
    with path.open(errors="replace") as lines:
        for line in lines:
            if '"kind":"phase"' in line:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    record = json.loads(line)
                    found.append(summary.Phase(str(record["name"]), float(record["seconds"])))
    return tuple(found)


def _draw(folder: Path, saved: Saved, found: Document) -> Path:
    from harness.report import html  # noqa: PLC0415  jinja2 and plotly load only when a page is drawn

    put(folder / PAGE, html.page(saved, found).encode())
    return folder / PAGE


def _point(link: Path, target: str) -> None:
    draft = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    draft.symlink_to(target, target_is_directory=True)
    try:
        draft.replace(link)
    finally:
        draft.unlink(missing_ok=True)


def _length(saved: Saved) -> float:
    times = [float(record["t"]) for record in saved.records if isinstance(record.get("t"), int | float)]
    return max(times) - min(times) if times else 0.0


def _summarise(folder: Path, saved: Saved, found: Document) -> None:
    here = folder
    with contextlib.suppress(ValueError):
        here = here.resolve().relative_to(Path(os.getcwd()))  # noqa: PTH109  what the person sees as "here"
    summary.show(found, phases(folder / JOURNAL), here / PAGE, console(), kept.folders(here, saved))
