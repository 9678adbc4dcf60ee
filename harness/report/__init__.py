"""What a run found, for people and programs: verdicts.json, junit.xml, report.html, the terminal summary."""

from __future__ import annotations

from harness.report.verdicts import Document, document, rejudge
from harness.report.write import Written, redraw, write_all

__all__ = ["Document", "Written", "document", "redraw", "rejudge", "write_all"]
