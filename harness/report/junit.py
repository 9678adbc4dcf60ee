"""junit.xml: refuted is a failure, unknown an error, skipped is skipped; one test case per claim."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

from harness.judge.verdict import State
from harness.report.verdicts import Checked, Document

_TAG = {State.REFUTED: "failure", State.UNKNOWN: "error"}
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # not allowed in XML 1.0


def junit(document: Document, *, seconds: float = 0.0) -> bytes:
    """The document as JUnit XML.

    Args:
        document: the verdicts.
        seconds: length of the whole run.
    """
    suite = ET.Element(
        "testsuite",
        name=_clean(f"swarm-harness {document.run}"),
        tests=str(document.total),
        failures=str(len(document.of(State.REFUTED))),
        errors=str(len(document.of(State.UNKNOWN))),
        skipped=str(len(document.skipped)),
        time=f"{seconds:.3f}",
    )
    facts = ET.SubElement(suite, "properties")
    for name, value in {"verdict": document.verdict.value, **document.target}.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        ET.SubElement(facts, "property", name=name, value=_clean(text))
    for check in document.checks:
        _case(suite, check, document.label(check))
    for one in document.skipped:
        case = ET.SubElement(suite, "testcase", classname=one.id.split(".")[0], name=_clean(one.id))
        ET.SubElement(case, "skipped", message=_clean(one.why))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(suite: ET.Element, check: Checked, name: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=_clean(check.id.split(".")[0]), name=_clean(name))
    tag = _TAG.get(check.verdict)
    if tag is not None:
        told = ET.SubElement(
            case, tag, message=_clean(check.sentence), type=check.finding or check.verdict.value
        )
        lines = (f"claim: {check.claim}", f"about: {check.subject.text}", f"remedy: {check.remedy}")
        told.text = _clean("\n".join(line for line in lines if not line.endswith(": ")))
    else:
        ET.SubElement(case, "system-out").text = _clean(check.sentence)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
