"""What runs beside the test: the event pump and the watch. Real threads, no sleeping longer than needed."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clock import SYSTEM
from harness.engine.fake import FakeEngine
from harness.engine.fake_swarm import FakeEvents
from harness.engine.protocol import Event, Events
from harness.errors import Unmeasurable
from harness.journal import Journal
from harness.swarm import events
from harness.swarm.events import Pump
from tests.contract.swarms import WEB, Bench, bench


def _soon(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not true():
        assert time.monotonic() < until
        threading.Event().wait(0.002)


class Scripted(FakeEngine):
    """Gives the streams it is told to, and remembers since when they were asked for."""

    def __init__(self) -> None:
        super().__init__(SYSTEM)
        self.opened: list[tuple[int | None, FakeEvents]] = []
        self.failures: queue.SimpleQueue[None] = queue.SimpleQueue()

    def events(self, since: int | None = None) -> Events:
        """A stream, or an error if one was put in the queue."""
        if not self.failures.empty():
            self.failures.get()
            raise Unmeasurable("restarting")
        self.opened.append((since, FakeEvents()))
        return self.opened[-1][1]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An open journal."""
    with Journal(tmp_path / "journal.jsonl") as opened:
        yield opened


def test_a_stream_that_ends_is_opened_again_from_the_last_event_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told twice, and the gap is journaled."""
    monkeypatch.setattr(events, "_AGAIN", 0.001)
    engine = Scripted()
    pump = Pump(engine, journal)
    pump.start()
    pump.start()
    _soon(lambda: len(engine.opened) == 1)
    engine.opened[0][1].put(Event(7, "node", "update", "n1"))
    _soon(lambda: pump.count == 1)
    engine.failures.put(None)
    engine.opened[0][1].close()
    _soon(lambda: len(engine.opened) == 2)
    engine.opened[1][1].put(Event(7, "node", "update", "n1"))
    engine.opened[1][1].put(Event(9, "service", "create", "s1"))
    _soon(lambda: pump.count == 3)
    pump.renew()
    _soon(lambda: len(engine.opened) == 3)
    pump.stop()

    assert [since for since, _ in engine.opened] == [None, 8, 10]
    text = journal.path.read_text()
    assert text.count('"action":"gap"') == 2
    assert text.count('"id":"n1"') == 1
    assert '"id":"s1"' in text


def test_a_pump_that_never_ran_can_be_stopped(journal: Journal) -> None:
    """And does not start afterwards."""
    engine = Scripted()
    pump = Pump(engine, journal)
    pump.stop()
    pump.start()

    assert engine.opened == []


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Bench]:
    """A fake swarm with its facade."""
    made = bench(tmp_path)
    yield made
    made.swarm.close()
    made.journal.close()


def test_a_watch_keeps_what_changed_as_evidence(lab: Bench) -> None:
    """How things stood at first, then every state a reading saw, in time order."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        with lab.swarm.watch(web) as watch:
            victim = web.replicas()[0].task
            lab.engine.kill(victim)
            for _ in range(40):
                lab.clock.sleep(0.2)
                watch.look()
            history = watch.history()

    assert history.service == "h-run1-web"
    first = [change for change in history.changes if change.at == history.began]
    assert {change.state for change in first if change.what == "node"} == {"ready"}
    assert sum(change.state == "running" for change in first) == 3
    assert any(change.id == victim and change.state == "failed" for change in history.changes)
    assert any(change.state == "running" and change.at > history.began for change in history.changes)
    assert [change.at for change in history.changes] == sorted(change.at for change in history.changes)
    assert history.ended == pytest.approx(history.began + 8, abs=0.3)
    assert lab.records("evidence")[-1]["id"] == history.id


def test_a_watch_says_how_coarse_it_was(lab: Bench) -> None:
    """While the manager is away nothing is read: the resolution tells."""
    with lab.swarm.deploy(WEB) as web, lab.swarm.watch(web) as watch:
        lab.engine.away = True
        lab.clock.sleep(4)
        watch.look()
        lab.engine.away = False
        watch.look()

        assert watch.history().resolution >= 4
    assert "watching h-run1-web" in lab.records("trouble")[0]["text"]


def test_a_wait_and_a_watch_share_their_readings(lab: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read a moment ago is not read again, but the first reading of a wait is always new."""
    reads: list[float] = []
    read = lab.engine.tasks

    def counted(service: str | None = None, node: str | None = None) -> object:
        reads.append(lab.clock.now())
        return read(service, node)

    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        monkeypatch.setattr(lab.engine, "tasks", counted)
        watch = lab.swarm.watch(web)
        lab.swarm.wait(web.running(), within=10)
        lab.clock.sleep(0.1)
        watch.look()
        assert len(reads) == 1
        lab.clock.sleep(0.1)
        watch.look()
        assert len(reads) == 2
        lab.swarm.wait(web.running(), within=10)
        assert len(reads) == 3
    history = watch.history()
    assert {change.state for change in history.changes} == {"ready", "running"}


def test_a_watch_reads_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the background, until its block ends."""
    before = threading.active_count()  # other tests' may still be on their way out
    made = bench(tmp_path)
    reads = 0
    read = made.engine.tasks

    def counted(service: str | None = None, node: str | None = None) -> object:
        nonlocal reads
        reads += 1
        return read(service, node)

    def read_again() -> bool:
        made.clock.sleep(0.2)  # a reading made at this very moment would do for everybody
        return reads >= 3

    with made.swarm.deploy(WEB) as web:
        monkeypatch.setattr(made.engine, "tasks", counted)
        with made.swarm.watch(web):
            _soon(read_again)
        after = reads
        assert threading.active_count() <= before + 2  # the pump's, and none of the watch's
        assert reads == after
    made.swarm.close()
    made.journal.close()
