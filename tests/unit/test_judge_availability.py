"""What a fault costs the clients, on made-up steady traffic shaped like the measured one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence import Change, Fault, History, Roster, Traffic
from harness.judge.availability import kill_outage, nobody_refused, outage, silent_after_death
from harness.judge.verdict import State
from harness.model import Outcome, Path, Replica, Sample

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")
SURVIVORS = NODES[:2]
RATE = 50
AT = 5.0

Fate = Callable[[str, float, int], tuple[Outcome, float]]


def fine(_entry: str, _at: float, _turn: int) -> tuple[Outcome, float]:
    """Every request is answered in 2 ms."""
    return Outcome.OK, 0.002


def steady(fate: Fate, *, length: float = 30.0, nodes: Iterable[str] = NODES, heir: str = "") -> Traffic:
    """Open loop traffic over six replicas in turn, RATE/s per entry; ``heir`` follows task1 at AT."""
    nodes = tuple(nodes)
    samples = []
    for entry in nodes:
        for seq in range(int(length * RATE)):
            at = seq / RATE
            outcome, took = fate(entry, at, seq % 6)
            named = heir if heir and seq % 6 == 1 and at >= AT else f"task{seq % 6}"
            replica = named if outcome is Outcome.OK else ""
            samples.append(Sample(seq, entry, Path.INGRESS, at, at, at + took, outcome, replica, seq))
    return Traffic("traffic-1", "web", Path.INGRESS, nodes, 0.0, length, tuple(samples))


def loss(*, proved: float | None = AT + 0.05, subject: str = "swarm-worker2") -> Fault:
    """A worker that lost its power at AT."""
    return Fault("fault-1", "power-off", subject, AT, proved, "process gone")


def node_loss(until: float, *, full: bool = False) -> Fate:
    """Two of six replicas time out on all entry nodes until then (all six if ``full``)."""

    def fate(_entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        gone = AT <= at < until and (full or turn in {1, 4})
        return (Outcome.CONNECT_TIMEOUT, 3.0) if gone else (Outcome.OK, 0.002)

    return fate


def test_a_healthy_node_loss_stays_within_gossip() -> None:
    """Timeouts for 5.4 s, a share of one in three, and one refused request late: upheld, and all told."""

    def fate(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        if entry == NODES[0] and at == pytest.approx(27.7):
            return Outcome.REFUSED, 0.001
        return node_loss(10.4)(entry, at, turn)

    verdict = outage(steady(fate, nodes=SURVIVORS), loss(), within=8.5)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["outage"] == pytest.approx(5.4, abs=0.15)
    assert verdict.numbers["share"] == pytest.approx(1 / 3, abs=0.02)
    first = verdict.numbers["entries"][NODES[0]]
    assert first["after"] == {"refused": 1}
    assert first["during"] == {"connect-timeout": 90}
    assert first["healed"] == pytest.approx(5.4, abs=0.15)
    assert "bound 8.5 s" in verdict.sentence
    assert "181 of 2500 requests lost (180 connect-timeout, 1 refused)" in verdict.sentence


@given(st.floats(0.5, 20.0), st.booleans())
@settings(deadline=None, max_examples=10)
def test_the_outage_is_as_long_as_requests_are_lost(length: float, full: bool) -> None:
    """Whether all or a third of the requests are lost, the outage is the span; its bound decides."""
    verdict = outage(steady(node_loss(AT + length, full=full), nodes=SURVIVORS), loss(), within=8.5)

    measured = verdict.numbers["outage"]
    assert measured == pytest.approx(length, abs=0.15)
    assert verdict.state is (State.REFUTED if measured > 8.5 else State.UPHELD)


def test_a_lone_loss_costs_one_turn_of_the_clock() -> None:
    """A single lost request stands for the time until the next one was due."""

    def fate(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        lost = entry == NODES[0] and at == pytest.approx(9.0)
        return (Outcome.REFUSED, 0.001) if lost else fine(entry, at, turn)

    verdict = outage(steady(fate, nodes=SURVIVORS), loss(), within=8.5)

    assert verdict.numbers["outage"] == pytest.approx(1 / RATE)
    assert verdict.numbers["entries"][NODES[0]]["windows"] == [[4.0, 4.02, 1]]
    assert verdict.numbers["entries"][NODES[0]]["lost_time"] == pytest.approx(1 / RATE)


@pytest.mark.parametrize(("length", "state"), [(13.56, State.UPHELD), (13.5, State.UNKNOWN)])
def test_traffic_must_reach_the_bound(length: float, state: State) -> None:
    """Traffic until the proof of the fault + the bound, to one request's spacing."""
    verdict = outage(steady(fine, length=length, nodes=SURVIVORS), loss(), within=8.5)

    assert verdict.state is state


def test_entries_heal_one_after_the_other() -> None:
    """The first and the last entry node to heal are named with their times."""

    def fate(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        return node_loss(8.0 if entry == NODES[0] else 12.0)(entry, at, turn)

    verdict = outage(steady(fate, nodes=SURVIVORS), loss(), within=8.5)

    assert verdict.numbers["healed_first"][0] == NODES[0]
    assert verdict.numbers["healed_first"][1] == pytest.approx(3.0, abs=0.15)
    assert verdict.numbers["healed_last"][0] == NODES[1]
    assert verdict.numbers["healed_last"][1] == pytest.approx(7.0, abs=0.15)


def test_too_long_an_outage_names_its_entry_only() -> None:
    """One entry node keeps its dead backends: refuted there, and nowhere else."""

    def fate(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        return node_loss(25.0 if entry == NODES[1] else 9.0)(entry, at, turn)

    verdict = outage(steady(fate, nodes=SURVIVORS), loss(), within=8.5)

    assert verdict.state is State.REFUTED
    assert [(one.name, one.subject.node) for one in verdict.findings] == [("outage-too-long", NODES[1])]
    assert verdict.subject.node == NODES[1]


def test_the_lost_nodes_own_address_is_not_judged() -> None:
    """Nobody answers on the address of a node without power, and that is no outage of the survivors."""

    def fate(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        if entry == "swarm-worker2" and at >= AT:
            return Outcome.UNREACHABLE, 0.1
        return fine(entry, at, turn)

    verdict = outage(steady(fate), loss(), within=8.5)

    assert verdict.state is State.UPHELD
    assert set(verdict.numbers["entries"]) == set(SURVIVORS)


def late(_entry: str, at: float, _turn: int) -> tuple[Outcome, float]:
    """Answers that come, but after 2.5 s, for a while."""
    return Outcome.OK, (2.5 if AT + 1 <= at < AT + 12 else 0.002)


def broken_before(_entry: str, at: float, turn: int) -> tuple[Outcome, float]:
    """Losses from the start."""
    return (Outcome.RESET, 0.001) if turn == 0 else (Outcome.OK, 0.002)


def test_an_answer_that_comes_too_late_is_lost() -> None:
    """An answer after the timeout counts as none."""
    verdict = outage(steady(late, nodes=SURVIVORS), loss(), within=8.5)

    assert verdict.state is State.REFUTED
    assert verdict.numbers["lost"] == {"too-late": 1100}


def unproved() -> tuple[Traffic, Fault]:
    """A fault without proof."""
    return steady(fine), loss(proved=None)


def no_traffic_before() -> tuple[Traffic, Fault]:
    """Traffic that began with the fault."""
    return steady(fine).between(AT - 0.1, 30.0), loss()


def ended_early() -> tuple[Traffic, Fault]:
    """Traffic that ended before the bound."""
    return steady(fine).between(0.0, AT + 4.0), loss()


def elsewhere() -> tuple[Traffic, Fault]:
    """Traffic that was over before the fault."""
    return steady(fine).between(0.0, AT - 1.0), loss()


def sick_before() -> tuple[Traffic, Fault]:
    """Losses before the fault as well."""
    return steady(broken_before, nodes=SURVIVORS), loss()


def generator_slept() -> tuple[Traffic, Fault]:
    """Three seconds without a request."""
    traffic = steady(fine)
    kept = tuple(one for one in traffic.samples if not 7.0 <= one.planned < 10.0)
    return dataclasses.replace(traffic, samples=kept), loss()


def generator_lagged() -> tuple[Traffic, Fault]:
    """Every request a second late."""
    traffic = steady(fine)
    slow = tuple(dataclasses.replace(s, began=s.began + 1, ended=s.ended + 1) for s in traffic.samples)
    return dataclasses.replace(traffic, samples=slow, ended=traffic.ended + 1), loss()


def one_entry_unasked() -> tuple[Traffic, Fault]:
    """An entry node that nobody asked."""
    traffic = steady(fine)
    kept = tuple(one for one in traffic.samples if one.entry != NODES[1])
    return dataclasses.replace(traffic, samples=kept), loss()


@pytest.mark.parametrize(
    "case",
    [
        unproved,
        no_traffic_before,
        ended_early,
        elsewhere,
        sick_before,
        generator_slept,
        generator_lagged,
        one_entry_unasked,
    ],
)
def test_what_cannot_be_told_is_unknown(case: Callable[[], tuple[Traffic, Fault]]) -> None:
    """No evidence is never green: each gap gives unknown with a reason, for both judges."""
    traffic, fault = case()

    for verdict in (outage(traffic, fault, within=8.5), kill_outage(traffic, fault, outage=8.5)):
        assert verdict.state is State.UNKNOWN
        assert verdict.sentence


def kill() -> Fault:
    """Task 1 killed at AT."""
    return Fault("fault-2", "task-kill", "task1", AT, AT + 0.1, "container gone")


def killed(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
    """As measured: one refused request per entry within 0.5 s, one more when the replacement enters."""
    del entry
    dead = turn == 1 and (AT <= at < AT + 0.12 or AT + 8.4 <= at < AT + 8.5)
    return (Outcome.REFUSED, 0.001) if dead else (Outcome.OK, 0.002)


def history(*, healthy: bool = True) -> History:
    """Task 1 ends, task 9 takes slot 2: created at once, starting 5 s later, running after 8.6 s."""
    changes = [Change(0.0, "task", f"task{i}", "running", "running", NODES[i % 3], i + 1) for i in range(6)]
    changes += [
        Change(AT + 0.2, "task", "task1", "failed", "shutdown", NODES[1], 2),
        Change(AT + 0.2, "task", "task9", "ready", "ready", NODES[1], 2),
        Change(AT + 8.1, "task", "task9", "ready", "running", NODES[1], 2),
        Change(AT + 8.2, "task", "task9", "starting", "running", NODES[1], 2),
    ]
    if healthy:
        changes.append(Change(AT + 8.6, "task", "task9", "running", "running", NODES[1], 2))
    return History("history-1", "web", 0.0, 30.0, tuple(changes))


def roster() -> Roster:
    """The six replicas before the kill."""
    return Roster("roster-1", "web", 0.0, tuple(Replica(f"task{i}", i + 1, NODES[i % 3]) for i in range(6)))


def test_a_healthy_kill_is_within_its_budget() -> None:
    """A few refused requests at the kill and at the replacement's entry are how a healthy swarm behaves."""
    traffic = steady(killed, heir="task9")

    verdict = kill_outage(traffic, kill(), outage=2.0, lost_share=0.05)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["lost"] == {"refused": 6}
    assert silent_after_death(traffic, roster(), history()).state is State.UPHELD


def test_a_kill_that_costs_too_large_a_share_is_refuted() -> None:
    """Short windows may hide a high share: the share has a bound of its own."""

    def fate(_entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        return (Outcome.REFUSED, 0.001) if AT <= at < AT + 1.8 else (Outcome.OK, 0.002)

    verdict = kill_outage(steady(fate), kill(), outage=2.0, lost_share=0.05)

    assert verdict.state is State.REFUTED
    assert "7.2%" in verdict.sentence


@pytest.mark.parametrize(("until", "state"), [(1.5, State.UPHELD), (4.0, State.REFUTED)])
def test_a_dead_task_gets_no_requests_after_its_grace(until: float, state: State) -> None:
    """Losses in the quiet time between the end and the replacement's start mean a stale row."""

    def fate(_entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        gone = turn == 1 and AT <= at < AT + until
        return (Outcome.CONNECT_TIMEOUT, 2.0) if gone else (Outcome.OK, 0.002)

    verdict = silent_after_death(steady(fate, heir="task9"), roster(), history(), within=2.0)

    assert verdict.state is state
    assert {one.name for one in verdict.findings} == (
        {"dead-task-in-table"} if state is State.REFUTED else set()
    )


def test_losses_while_the_replacement_starts_are_not_the_dead_tasks() -> None:
    """A replacement that refuses (mode H6) is not a stale row."""
    assert silent_after_death(steady(killed, heir="task9"), roster(), history()).state is State.UPHELD


def test_a_single_loss_is_not_blamed_on_a_dead_task() -> None:
    """One request lost long after the death is counted; a row without a task would lose one per period."""

    def fate(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        return (Outcome.REFUSED, 0.001) if at == pytest.approx(25.0) else killed(entry, at, turn)

    verdict = silent_after_death(steady(fate, heir="task9"), roster(), history())

    assert verdict.state is State.UPHELD
    assert all(one["lost"] == 1 for one in verdict.numbers["entries"].values())


def test_a_row_that_outlives_the_replacements_start_is_found() -> None:
    """The dead task's row is still hit long after its replacement runs."""

    def fate(_entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        return (Outcome.CONNECT_TIMEOUT, 2.0) if turn == 1 and at >= AT + 12 else (Outcome.OK, 0.002)

    verdict = silent_after_death(steady(fate, heir="task9"), roster(), history())

    assert verdict.state is State.REFUTED
    assert [one.subject.node for one in verdict.findings] == list(NODES)


def test_without_a_quiet_time_nothing_is_shown() -> None:
    """Traffic that ended with the bound says nothing about what came later."""
    short = steady(killed, heir="task9").between(0.0, AT + 2.25)

    assert silent_after_death(short, roster(), history()).state is State.UNKNOWN


def test_an_answer_of_a_dead_task_refutes() -> None:
    """Task 1 answers seconds after it was seen to end."""
    traffic = steady(fine)

    verdict = silent_after_death(traffic, roster(), history())

    assert verdict.state is State.REFUTED
    assert "of a dead task" in verdict.sentence


def test_nobody_died_nothing_shown() -> None:
    """Without a death in the history the claim is unknown."""
    alive = dataclasses.replace(history(), changes=history().changes[:6])

    assert silent_after_death(steady(fine), roster(), alive).state is State.UNKNOWN
    assert nobody_refused(steady(fine), alive).state is State.UNKNOWN


def test_a_replacement_that_refuses_is_too_early() -> None:
    """Refusals at the replacement's start refute; those at the kill are the old task's."""
    verdict = nobody_refused(steady(killed), history())

    assert verdict.state is State.REFUTED
    assert {one.name for one in verdict.findings} == {"replacement-too-early"}
    assert {one.modes[0] for one in verdict.findings} == {"H6"}
    assert all(one["refused"] == 1 for one in verdict.numbers["entries"].values())


def test_with_a_health_check_nobody_is_refused() -> None:
    """Losses only at the kill itself: upheld. A replacement that never ran: unknown."""

    def fate(entry: str, at: float, turn: int) -> tuple[Outcome, float]:
        return killed(entry, at, turn) if at < AT + 2 else fine(entry, at, turn)

    assert nobody_refused(steady(fate), history()).state is State.UPHELD
    assert nobody_refused(steady(fate), history(healthy=False)).state is State.UNKNOWN
