"""junit.xml: refuted is a failure, unknown an error, skipped is skipped."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from harness.judge.verdict import State
from harness.report.junit import junit
from harness.report.verdicts import Checked, Document, Skipped


@pytest.fixture
def suite() -> ET.Element:
    """The test suite element of a run with one check of each kind."""
    checks = tuple(
        Checked(
            id=f"spread.{state}",
            claim="even",
            verdict=State(state),
            sentence=f"\x1b<{state}> & more",
            remedy="look",
        )
        for state in ("upheld", "refuted", "unknown")
    )
    document = Document(
        run="r",
        target={"engine": "26.1.5", "nodes": [{"hostname": "n1"}]},
        verdict=State.REFUTED,
        checks=checks,
        skipped=(Skipped(id="node-loss.outage", why="not allowed here"),),
    )
    root = ET.fromstring(junit(document, seconds=12.5))  # noqa: S314  our own XML
    found = root.find("testsuite")
    assert found is not None
    return found


def test_the_counts_stand_in_the_suite(suite: ET.Element) -> None:
    """Readers of JUnit look there first."""
    counted = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counted == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "12.500"}


def test_each_verdict_has_its_element(suite: ET.Element) -> None:
    """One test case per claim."""
    kinds = {case.get("name"): [child.tag for child in case] for case in suite.findall("testcase")}
    assert kinds == {
        "spread.upheld": ["system-out"],
        "spread.refuted": ["failure"],
        "spread.unknown": ["error"],
        "node-loss.outage": ["skipped"],
    }


def test_the_sentence_arrives_whole_and_well_formed(suite: ET.Element) -> None:
    """Control characters are not allowed in XML, angle brackets are escaped."""
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "�<refuted> & more"
    assert failure.text == "claim: even\nremedy: look"


def test_the_target_stands_in_the_properties(suite: ET.Element) -> None:
    """So that a CI page tells what was verified."""
    facts = {fact.get("name"): fact.get("value") for fact in suite.findall("properties/property")}
    assert facts == {"verdict": "refuted", "engine": "26.1.5", "nodes": '[{"hostname": "n1"}]'}
