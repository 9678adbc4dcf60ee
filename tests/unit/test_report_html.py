"""report.html: one file, everything observed escaped, heat-map cells = nodes x replicas."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness import journal
from harness.evidence import Roster, Traffic
from harness.journal import Journal
from harness.judge.verdict import upheld
from harness.model import Outcome, Replica, Sample
from harness.model import Path as Way
from harness.report import html
from harness.report.figures import levels
from harness.report.latency import percentile
from harness.report.matrix import matrices, matrix
from harness.report.overview import overview
from harness.report.timeline import bars, segments, stories
from harness.report.verdicts import document
from tests.saved_pairs import pairs_run
from tests.saved_runs import HOSTILE, NODES, ScriptedClock, saved_run

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Counts elements and collects what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.classes: Counter[str] = Counter()
        self.references: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it."""
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "class":
                self.classes.update((value or "").split())
            if name in {"src", "href", "srcset", "action"}:
                self.references.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Remember whether it closes what was opened last."""
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)


def drawn(folder: Path) -> str:
    """The page of the run in this folder."""
    saved = journal.load(folder / "journal.jsonl")
    return html.page(saved, document(saved))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run that broke promises, with hostile answers."""
    return drawn(saved_run(tmp_path_factory.mktemp("runs"), broken=True, hostile=True))


def test_the_page_is_whole_and_refers_to_nothing_outside(page: str) -> None:
    """It opens offline: a reference is empty data or a file kept beside it, and a policy forbids the rest."""
    read = Reader(page)

    assert read.crossed == []
    assert read.open == []
    beside = "artifacts/1-test-even-ingress/"
    assert read.references == ["data:,", f"{beside}nodes.json", f"{beside}swarm-worker1/engine.log"]
    assert "default-src 'none'" in page


def test_answers_that_hold_html_stay_text(page: str) -> None:
    """A node's answer must not become part of the page, neither in the text nor in the figures."""
    assert HOSTILE not in page
    assert "&lt;img src=x onerror=" in page
    assert Reader(page).tags["img"] == 0


def test_the_pages_verdict_is_the_documents(page: str) -> None:
    """In the banner, in the title and for programs."""
    assert '<span id="verdict">refuted</span>' in page
    assert 'data-verdict="refuted"' in page
    assert "<title>refuted:" in page


def test_broken_promises_come_before_every_other_section(page: str) -> None:
    """The reader's first question is what is broken."""
    assert re.findall(r'<section id="([a-z-]+)"', page) == [
        "broken",
        "spread",
        "faults",
        "run",
        "latency-section",
        "throughput",
        "checks",
        "artifacts",
        "environment",
        "limits",
    ]


def test_the_same_trouble_seen_by_two_checks_is_told_once(page: str) -> None:
    """Coverage and evenness break together: one card with both ids."""
    broken = page.split('id="broken"')[1].split("</section>", maxsplit=1)[0]
    assert broken.count("replica-missing-at-entry") == 1
    assert "spread.covered (ingress)" in broken
    assert "spread.even (ingress)" in broken


def test_every_figure_has_its_place(page: str) -> None:
    """What the script draws and what the page offers room for are the same."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    assert set(json.loads(found[1])) == set(re.findall(r'<div class="plot" id="([a-z0-9-]+)"', page))


def test_limits_and_skipped_checks_are_printed(page: str) -> None:
    """Every default that decides a verdict stands in the report, and what was left out with its reason."""
    assert "kill_lost_share" in page
    assert "a request not answered within this is lost" in page
    assert "swarm-worker1 has not healed" in page


def test_what_was_kept_is_named_and_what_was_not_there_too(page: str) -> None:
    """The files lie beside the page; a gap tells its reason."""
    told = page.split('id="artifacts"')[1].split("</section>", maxsplit=1)[0]
    assert "test_even[ingress]" in told
    assert ">swarm-worker1/engine.log</a>" in told
    assert "not there: swarm-worker1/kernel.log: no answer within 6 s" in told


def test_plotly_is_inlined_once(page: str) -> None:
    """And only once: it is most of the page."""
    assert page.count("plotly.js v") == 1


def test_an_empty_journal_gives_a_page_that_says_so(tmp_path: Path) -> None:
    """A run that was killed at once: unknown, and no figure."""
    (tmp_path / "journal.jsonl").write_text("")

    page = drawn(tmp_path)

    assert "nothing was verified" in page
    assert 'data-verdict="unknown"' in page
    assert "Plotly" not in page


def test_a_run_that_asked_no_pairs_has_no_empty_tables_of_them(page: str) -> None:
    """The section is there where its evidence is, right after who answered whom."""
    assert "data-pairs" not in page
    assert 'id="pairs"' not in page


def test_what_was_asked_pair_by_pair_stands_before_latency(tmp_path: Path) -> None:
    """And the page stays whole."""
    page = drawn(pairs_run(tmp_path))

    found = re.findall(r'<section id="([a-z-]+)"', page)
    assert found[found.index("pairs") - 1 : found.index("pairs") + 2] == ["run", "pairs", "latency-section"]
    read = Reader(page)
    assert (read.crossed, read.open) == ([], [])
    assert 'class="pair ok"' in page
    assert 'class="pair lost"' not in page


def test_a_run_without_traffic_has_a_page(tmp_path: Path) -> None:
    """Only a claim: the sections say what is missing."""
    with Journal(tmp_path / "journal.jsonl", clock=ScriptedClock()) as log:
        log.begin("r", checks=["cluster.leader"])
        log.claim("cluster.leader", "one leads", upheld("one"))

    page = drawn(tmp_path)

    assert "No fault was injected in this run." in page
    assert "No spread was measured in this run." in page


def test_the_matrix_of_each_path_has_nodes_x_replicas_cells(tmp_path: Path) -> None:
    """One cell per entry node and replica, zeros included, with the counts of the samples."""
    saved = journal.load(saved_run(tmp_path, broken=True) / "journal.jsonl")

    ingress, vip, kept, again = matrices(saved)

    assert [one.path for one in (ingress, vip, kept, again)] == ["ingress", "vip", "ingress", "ingress"]
    assert [len(row.cells) for row in ingress.rows] == [6, 6, 6]
    assert ingress.checks == ("spread.covered", "spread.even")
    assert [cell.count for cell in ingress.rows[1].cells] == [0, 24, 24, 24, 24, 24]
    assert ingress.broken
    assert not vip.broken
    assert [row.entry for row in again.rows] == list(NODES[:2])
    assert sum(cell.count for row in again.rows for cell in row.cells) == sum(
        row.requests for row in again.rows
    )


def sample(seq: int, replica: str = "a", outcome: Outcome = Outcome.OK, planned: float = 0.0) -> Sample:
    """A request through n1."""
    return Sample(seq, "n1", Way.INGRESS, planned, planned, planned + 0.01, outcome, replica)


def test_lost_and_foreign_requests_have_columns_of_their_own() -> None:
    """They are no cell of any replica."""
    samples = (
        sample(0),
        sample(1, "stranger"),
        sample(2, "x", Outcome.WRONG_BODY),
        sample(3, "", Outcome.REFUSED),
    )
    traffic = Traffic("t", "s", Way.INGRESS, ("n1", "n2"), 0, 1, samples)

    found = matrix(traffic, Roster("r", "s", 0, (Replica("a", 1, "n1"), Replica("b", 2, "n2"))))

    first, second = found.rows
    assert [cell.count for cell in first.cells] == [1, 0]
    assert (first.lost, first.foreign, first.requests) == (1, 2, 4)
    assert (second.lost, second.foreign, second.requests) == (0, 0, 0)


def test_bins_hold_every_request_by_when_it_was_due() -> None:
    """Also one due exactly on an edge, whatever floating point makes of it."""
    samples = [sample(n, planned=100 + n * 0.02) for n in range(50)]
    samples[7] = sample(7, "", Outcome.RESET, planned=100.14)

    good, lost = bars(samples, 100.0, "y")

    assert good["y"] == [9, 10, 10, 10, 10]
    assert good["x"] == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert (lost["x"], lost["y"], lost["hovertext"]) == ([0.1], [1], ["1 reset"])


def test_a_story_shows_the_claims_that_were_judged_on_it(tmp_path: Path) -> None:
    """And the losses by outcome."""
    [story] = stories(journal.load(saved_run(tmp_path) / "journal.jsonl"))

    assert story.title == "power-off swarm-worker2"
    assert [one.check for one in story.claims] == [
        "node-loss.detected",
        "node-loss.rescheduled",
        "node-loss.outage",
        "node-loss.even-again",
    ]
    assert dict(story.outcomes) == {"connect-timeout": story.lost}


def test_beside_a_story_stands_what_the_document_says_now(tmp_path: Path) -> None:
    """After judging again the page must not show the verdict of then."""
    saved = journal.load(saved_run(tmp_path) / "journal.jsonl")
    found = document(saved)
    changed = [
        one.model_copy(update={"sentence": "judged again"}) if one.id == "node-loss.outage" else one
        for one in found.checks
    ]

    page = html.page(saved, found.model_copy(update={"checks": tuple(changed)}))

    beside = page.split('<ul class="verdicts">')[1].split("</ul>")[0]
    assert '<strong class="id">node-loss.outage</strong> judged again' in beside
    assert beside.count("<li>") == 4


def test_a_slots_lane_shows_its_newest_task(tmp_path: Path) -> None:
    """The task that a dead node still claims to run gives way to its replacement."""
    saved = journal.load(saved_run(tmp_path) / "journal.jsonl")
    history = saved.evidence["history-1"]

    lane = [one for one in segments([history], {}) if one.lane == "task .3"]  # type: ignore[list-item]  # a History by its id

    assert [(one.state, one.text) for one in lane] == [
        ("running", "swarm-worker2"),
        ("pending", "swarm-manager"),
        ("starting", "swarm-manager"),
        ("running", "swarm-manager"),
    ]
    assert all(one.end == after.start for one, after in itertools.pairwise(lane))


def test_labels_that_would_overlap_stand_on_different_lines() -> None:
    """The third fits behind the first again."""
    assert levels([0.0, 1.0, 5.0], [3.0, 3.0, 3.0]) == [0, 1, 0]


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentiles_are_nearest_rank(share: float, value: float) -> None:
    """A value that was really measured."""
    assert percentile([float(n) for n in range(1, 101)], share) == value


def test_what_the_engine_told_stands_in_the_overview(tmp_path: Path) -> None:
    """At its time, in a lane of its own, with names escaped."""
    with Journal(tmp_path / "journal.jsonl", clock=ScriptedClock(10.0)) as log:
        log.begin("run-1", checks=["cluster.leader"], target="lab")
        log.clock.sleep(2.0)
        states = {"state.old": "ready", "state.new": "down"}
        log.write("event", type="node", action="update", id="n1", name="<worker>", attributes=states)
    figure = overview(journal.load(tmp_path / "journal.jsonl"))

    assert figure is not None
    told = figure.data[-1]
    assert (told["x"], told["y"]) == ([2.0], ["engine events"])
    assert told["hovertext"] == ["node update &lt;worker&gt; ready -&gt; down"]
