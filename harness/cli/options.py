"""Options that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

TargetOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--target",
        help="lab, tcp://HOST:2376 (TLS files in harness.toml), unix:///PATH or context:NAME.",
        show_default="lab",
    ),
]
Profile: TypeAlias = Annotated[
    str | None, typer.Option(help="smoke, release or full; release on a lab, smoke elsewhere by default.")
]
Allow: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="WHAT",
        help="node-inspect: also ask each node's engine and processes, as good as root. A lab allows it.",
    ),
]
Config: TypeAlias = Annotated[Path, typer.Option("--config", help="Configuration file.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead.")]
