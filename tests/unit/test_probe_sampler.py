"""The ways to ask, against scripted services on loopback."""

from __future__ import annotations

import collections
import itertools
import pathlib
import resource
import socket
from collections.abc import Iterator

import pytest

from harness.errors import RequestError, Unmeasurable, WaitTimeout
from harness.evidence import PortClosure, Traffic
from harness.journal import Journal, load
from harness.model import Outcome, Path, Sample
from harness.probe import generator, scripted
from harness.probe.closing import closed_since
from harness.probe.generator import Lateness
from harness.probe.http1 import Exchange
from harness.probe.sampler import Target, burst, closed, closing, kept, steady
from harness.probe.scripted import Server, replicas, response, serving, whoami


@pytest.fixture(name="journal")
def _journal(tmp_path: pathlib.Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.jsonl") as opened:
        yield opened


@pytest.fixture(name="service")
def _service() -> Iterator[Server]:
    with serving(replicas("a", "b", "c")) as server:
        yield server


def _per_entry(traffic: Traffic) -> dict[str, list[str]]:
    return {entry: [sample.replica for sample in traffic.at(entry)] for entry in traffic.entries}


def test_a_burst_shows_the_order_in_which_the_balancer_chose(service: Server, journal: Journal) -> None:
    """One connection after the other per node: a round robin is visible as such."""
    traffic = burst([service.target()], 9, journal=journal)

    assert [sample.replica for sample in traffic.samples] == ["a", "b", "c"] * 3
    assert list(range(9)) == [sample.seq for sample in traffic.samples]
    assert all(one.ended <= two.began for one, two in itertools.pairwise(traffic.samples))


def test_a_burst_asks_every_entry_node_its_share(service: Server, journal: Journal) -> None:
    """Each entry gets n requests, each on a connection of its own."""
    traffic = burst([service.target("n1"), service.target("n2")], 6, journal=journal)

    assert {entry: len(seen) for entry, seen in _per_entry(traffic).items()} == {"n1": 6, "n2": 6}
    assert len({sample.connection for sample in traffic.samples}) == 12
    assert not traffic.kept_alive


def test_a_dead_entry_node_does_not_hold_up_the_others(service: Server, journal: Journal) -> None:
    """It is given up after failures in a row, and the traffic still names it."""
    with serving(scripted.silent) as dead:
        targets = [service.target("n1"), dead.target("n2")]
        traffic = burst(targets, 30, journal=journal, timeout=0.4, give_up_after=2)

    assert sum(sample.ok for sample in traffic.at("n1")) == 30
    assert [sample.outcome for sample in traffic.at("n2")] == [Outcome.READ_TIMEOUT] * 2
    assert traffic.entries == ("n1", "n2")


def test_a_refusing_entry_node_is_given_up_without_recursion(journal: Journal) -> None:
    """Refusals that are known at once do not pile up on the stack."""
    with scripted.refusing() as port:
        traffic = burst([Target("n1", "127.0.0.1", port)], 3000, journal=journal, give_up_after=2000)

    assert collections.Counter(sample.outcome for sample in traffic.samples) == {Outcome.REFUSED: 2000}


def test_an_entry_node_of_which_enough_is_known_is_asked_no_more(service: Server, journal: Journal) -> None:
    """Each node's own rule is told its samples in order, and ends that node alone."""
    told: list[Sample] = []

    def seen(sample: Sample) -> bool:
        told.append(sample)
        return len(told) == 4

    targets = [service.target("n1"), service.target("n2")]
    traffic = burst(targets, 9, journal=journal, enough={"n1": seen})

    assert {entry: len(found) for entry, found in _per_entry(traffic).items()} == {"n1": 4, "n2": 9}
    assert tuple(told) == traffic.at("n1")


def test_a_saved_traffic_is_the_traffic(service: Server, journal: Journal) -> None:
    """What is judged again next year is what is judged now, to the last digit."""
    traffic = burst([service.target("n1"), service.target("n2")], 5, journal=journal)

    assert traffic == load(journal.path).evidence[traffic.id]


def test_kept_connections_stay_with_their_replica(service: Server, journal: Journal) -> None:
    """All requests of one connection carry its number, and one replica answers them."""
    traffic = kept([service.target("n1"), service.target("n2")], 2, 5, journal=journal)
    seen: dict[int, set[str]] = collections.defaultdict(set)
    for sample in traffic.samples:
        seen[sample.connection].add(sample.replica)

    assert traffic.kept_alive
    assert sum(sample.ok for sample in traffic.samples) == 20
    assert [len(answered) for answered in seen.values()] == [1, 1, 1, 1]


def test_a_connection_that_the_server_closes_is_followed_by_a_new_one(journal: Journal) -> None:
    """The new one has a new number: it is not the old one that changed its replica."""
    with serving(scripted.says(response(whoami("a")))) as server:
        traffic = kept([server.target()], 1, 3, journal=journal)

    assert [sample.connection for sample in traffic.samples] == [0, 1, 2]
    assert all(sample.ok for sample in traffic.samples)


def test_requests_that_hang_delay_no_others(service: Server, journal: Journal) -> None:
    """Open loop: a node that swallows requests costs its own samples and nobody else's start times."""
    with serving(scripted.silent) as dead:
        targets = [service.target("n1"), dead.target("n2")]
        with steady(targets, 100, journal=journal, timeout=0.5) as traffic:
            traffic.wait_each(10, within=10)
    begun = [sample.planned for sample in traffic.traffic.at("n1")]
    gaps = {round(two - one, 3) for one, two in itertools.pairwise(begun)}

    assert {0.01} == gaps
    assert {Outcome.OK} == {sample.outcome for sample in traffic.traffic.at("n1")}
    assert {Outcome.READ_TIMEOUT} == {sample.outcome for sample in traffic.traffic.at("n2")}
    assert traffic.lateness.planned == len(traffic.traffic.samples)


def test_requests_under_way_at_the_stop_are_waited_for(journal: Journal) -> None:
    """Nothing that was begun is lost from the evidence."""
    with (
        serving(scripted.silent) as dead,
        steady([dead.target()], 50, journal=journal, timeout=0.1) as traffic,
    ):
        traffic.wait_each(1, within=10)
    samples = traffic.traffic.samples

    assert list(range(len(samples))) == [sample.seq for sample in samples]
    assert traffic.traffic.ended < samples[-1].ended


def test_steady_traffic_is_in_the_journal_while_it_runs(service: Server, journal: Journal) -> None:
    """A run that is killed has lost a tenth of a second of it."""
    with steady([service.target()], 100, journal=journal) as traffic:
        traffic.wait_each(30, within=10)
        written = len(load(journal.path).of("sample"))

    assert written > 0
    assert traffic.traffic == load(journal.path).evidence[traffic.id]


def test_a_suite_waits_for_the_fact_that_a_replica_serves(service: Server, journal: Journal) -> None:
    """The first answer of the replica through each entry node ends the wait."""
    targets = [service.target("n1"), service.target("n2")]
    with steady(targets, 100, journal=journal) as traffic:
        anywhere = traffic.wait_served("b", within=10)
        everywhere = traffic.wait_served("c", within=10, entries=("n1", "n2"))
        last = traffic.last_ok("n1")

    assert (anywhere.replica, anywhere.ok) == ("b", True)
    assert (everywhere.replica, everywhere.ok) == ("c", True)
    assert last is not None
    assert (last.entry, last.ok) == ("n1", True)


def test_a_wait_in_vain_tells_how_it_went_lately(service: Server, journal: Journal) -> None:
    """The error carries the outcomes of the last second per entry node."""
    with scripted.refusing() as port:
        targets = [service.target("n1"), Target("n2", "127.0.0.1", port, service="whoami")]
        with steady(targets, 100, journal=journal) as traffic:
            traffic.wait_each(2, within=10)
            with pytest.raises(WaitTimeout, match=r"waited 0\.1 s for replica z to answer in vain") as error:
                traffic.wait_served("z", within=0.1)

    assert "n1: " in error.value.last
    assert " ok; n2: " in error.value.last
    assert " refused" in error.value.last


def test_a_fault_is_seen_by_a_predicate_over_the_samples(service: Server, journal: Journal) -> None:
    """`until` sees only what ended since it was asked, unless told otherwise."""
    with steady([service.target()], 100, journal=journal) as traffic:
        traffic.wait_each(3, within=10)
        service.script = scripted.resets
        traffic.until(lambda samples: any(not sample.ok for sample in samples), within=10)
        everything = traffic.samples()
        traffic.until(lambda samples: everything == tuple(samples)[: len(everything)], within=10, since=0.0)

    assert {Outcome.OK, Outcome.RESET} == {sample.outcome for sample in traffic.traffic.samples}


def test_steady_traffic_is_read_after_its_end(service: Server, journal: Journal) -> None:
    """A traffic under way is no evidence yet."""
    with steady([service.target()], 50, journal=journal) as traffic:
        with pytest.raises(RequestError, match="still runs"):
            _ = traffic.traffic
        stopped = traffic.stop()
        with pytest.raises(Unmeasurable, match="has ended"):
            traffic.wait_each(1, within=10)

    assert stopped is traffic.traffic


def test_an_error_in_the_block_stops_the_traffic_and_is_told(service: Server, journal: Journal) -> None:
    """The traffic is kept all the same."""
    with pytest.raises(KeyError, match="mine"), steady([service.target()], 50, journal=journal) as traffic:
        raise KeyError("mine")

    assert traffic.traffic.id in load(journal.path).evidence


def test_a_generator_that_cannot_ask_is_unmeasurable(
    service: Server, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of this machine ends the wait at once, and is raised again at the end of the block."""

    def broken(*_args: object) -> None:
        raise Unmeasurable("no local port is left")

    def ask_for_long() -> None:
        with steady([service.target()], 50, journal=journal) as traffic:
            monkeypatch.setattr(Exchange, "start", broken)
            traffic.wait_each(1000, within=10)

    with pytest.raises(Unmeasurable, match="no local port"):
        ask_for_long()


def test_a_late_generator_says_so(service: Server, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own delay is counted apart from the swarm's, and written down."""
    monkeypatch.setattr(generator, "LATE", -1.0)
    with steady([service.target()], 100, journal=journal) as traffic:
        traffic.wait_each(3, within=10)

    assert traffic.lateness.share == 1.0
    assert "the generator itself was late" in load(journal.path).of("trouble")[0]["text"]


@pytest.mark.parametrize(
    ("lateness", "trouble"),
    [
        (Lateness(), False),
        (Lateness(1000, 10, 0, 0.2), False),
        (Lateness(1000, 11, 0, 0.2), True),
        (Lateness(1000, 0, 11, 3.0), True),
    ],
)
def test_one_late_request_in_a_hundred_is_tolerated(lateness: Lateness, trouble: bool) -> None:
    """More than that casts doubt on what was measured."""
    assert trouble == bool(lateness.trouble)


def test_too_few_open_files_are_told_before_anything_is_sent(
    service: Server, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that hanging requests would hit in the middle of a fault is a remedy now."""
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (64, 64))
    with (
        pytest.raises(Unmeasurable, match="64 are allowed: raise the limit"),
        steady([service.target()], 50, journal=journal),
    ):
        pass


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([], "no node to ask"),
        ([Target("n1", "127.0.0.1", 1), Target("n1", "127.0.0.1", 2)], "two addresses"),
        ([Target("n1", "127.0.0.1", 1), Target("n2", "127.0.0.1", 1, service="x")], "one service"),
    ],
)
def test_a_traffic_asks_one_service_once_per_node(targets: list[Target], told: str, journal: Journal) -> None:
    """Anything else would mix what must be told apart."""
    with pytest.raises(RequestError, match=told):
        burst(targets, 1, journal=journal)


def test_a_port_is_seen_to_close(service: Server, journal: Journal) -> None:
    """The closure is known per entry node, and accepted connections before it do not count."""
    with (
        serving(replicas("a")) as other,
        closing([service.target("n1"), other.target("n2")], journal=journal) as knocking,
    ):
        knocking.wait_open(within=5.0)
        service.shut()
        other.shut()
        ended = journal.clock.now()
        closure = knocking.closure(ended, within=5.0, settle=0.1)

    assert [entry for entry, _ in closure.closed] == ["n1", "n2"]
    assert all(at is not None and ended - 0.1 <= at <= closure.ended for _, at in closure.closed)
    assert closure == load(journal.path).evidence[closure.id]


def test_a_port_that_stays_open_is_none(service: Server, journal: Journal) -> None:
    """An entry that still accepts at the end of the bound has no time of closing."""
    closure = closed(
        [service.target()], journal=journal, last_task_ended=journal.clock.now(), within=0.1, settle=0.1
    )

    assert isinstance(closure, PortClosure)
    assert closure.closed == (("node-1", None),)


def _knock(seq: int, outcome: Outcome) -> Sample:
    return Sample(seq, "n1", Path.INGRESS, float(seq), float(seq), seq + 0.5, outcome)


@pytest.mark.parametrize(
    ("outcomes", "since"),
    [
        ([], None),
        ([Outcome.OK], None),
        ([Outcome.OK, Outcome.REFUSED, Outcome.REFUSED], 1.0),
        ([Outcome.REFUSED, Outcome.OK, Outcome.REFUSED], 2.0),
        ([Outcome.REFUSED, Outcome.OK], None),
        ([Outcome.OK, Outcome.CONNECT_TIMEOUT, Outcome.REFUSED], 1.0),
    ],
)
def test_closed_means_closed_for_good(outcomes: list[Outcome], since: float | None) -> None:
    """A port that opened again was not closed before."""
    assert since == closed_since([_knock(seq, outcome) for seq, outcome in enumerate(outcomes)])


def test_fresh_connections_are_closed_with_fin(journal: Journal) -> None:
    """A reset would leave other traces in connection tracking than a client's."""
    ends: list[bytes | OSError] = []

    def script(connection: socket.socket, number: int) -> None:
        scripted.reads(connection)
        connection.sendall(response(whoami("a"), close=False))
        try:
            ends.append(connection.recv(1))
        except OSError as error:
            ends.append(error)

    with serving(script) as server:
        burst([server.target()], 3, journal=journal)
        server.shut()

    assert ends == [b"", b"", b""]
