"""Ctrl-C, SIGTERM, the deadline and SIGKILL in every phase: the exit code, one line, nothing left."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box, labelled

SMOKE = ("--profile", "smoke")
TRAFFIC = ("--profile", "smoke", "--only", "reach.every-node,cluster.leader")
QUICK = ("--only", "cluster.leader")


def created(box: Box) -> list[str]:
    """Names of the services that the run has created by now."""
    return [one["name"] for one in box.records("api") if one["verb"] == "create_service"]


def begins(box: Box) -> bool:
    """The run has its folder, the suites' process is on its way."""
    return bool(box.runs())


def deploys(box: Box) -> bool:
    """The first service was created; its tasks are on their way."""
    return bool(created(box))


def looks(box: Box) -> bool:
    """A job was created after the services."""
    return any(phase["name"] == "deploy" for phase in box.records("phase")) and len(created(box)) > 1


def asks(box: Box) -> bool:
    """Traffic from outside is under way, and something was judged already."""
    return bool(box.records("claim")) and bool(box.records("sample"))


def waits(box: Box) -> bool:
    """Both promises were judged; the run waits at its end."""
    return bool(box.records("paused"))


def reports(box: Box) -> bool:
    """The verdicts are written, the page is being drawn."""
    return (box.runs()[-1] / "verdicts.json").exists() if box.runs() else False


@pytest.mark.parametrize(
    ("moment", "words", "number", "saved"),
    [
        (begins, SMOKE, signal.SIGINT, 0),
        (deploys, TRAFFIC, signal.SIGINT, 1),
        (looks, SMOKE, signal.SIGINT, 1),
        (asks, TRAFFIC, signal.SIGTERM, 1),
        (waits, (*TRAFFIC, "--pause-after", "end"), signal.SIGINT, 1),
        (reports, QUICK, signal.SIGINT, 1),
    ],
    ids=["begins", "deploys", "looks", "asks-term", "waits", "reports"],
)
def test_an_interrupt_cleans_up(
    the_lab: UmlLab,
    box: Box,
    moment: Callable[[Box], bool],
    words: tuple[str, ...],
    number: signal.Signals,
    saved: int,
) -> None:
    """Exit 130 and one line; nothing is left on the swarm or the machine but what was verified until then."""
    with box.started("gate", *words) as gate:
        gate.reaches(lambda: moment(box))
        gate.send(number)
        gate.ended().told(130, "interrupted")

    assert box.left(the_lab, runs=saved) == []


@pytest.mark.parametrize("program", ["linux.uml", "harness.lab.uml.form"], ids=["boots", "forms"])
def test_ctrl_c_while_the_lab_comes_up(lonely_box: Box, program: str) -> None:
    """Kernels are running by then, or their engines become a swarm: all gone, exit 130."""
    with lonely_box.started("gate", "--workers", "1") as gate:
        gate.reaches(lambda: any(program in one for one in lonely_box.processes()))
        assert lonely_box.networks()
        gate.send(signal.SIGINT)
        gate.ended().told(130, "interrupted")

    assert lonely_box.left() == []


def test_the_deadline_stops_a_run_and_reports_what_is_known(the_lab: UmlLab, box: Box) -> None:
    """What was judged stands, the rest is unknown: exit 3, one line, workloads gone."""
    with box.started("gate", *TRAFFIC, "--pause-after", "deploy", "--deadline", "15") as gate:
        gate.ended(60).told(3, "deadline", "--deadline")

    verdicts = {check["id"]: check["verdict"] for check in box.verdicts()["checks"]}
    assert verdicts == {"cluster.leader": "upheld", "reach.every-node": "unknown"}
    assert box.left(the_lab, runs=1) == []


def test_the_deadline_counts_while_the_lab_comes_up(lonely_box: Box) -> None:
    """Nothing is known then: exit 3, and the lab is gone."""
    lonely_box.run("gate", "--workers", "1", "--deadline", "2").told(3, "deadline", "--deadline")

    assert lonely_box.left() == []


def test_a_kept_lab_and_a_killed_gate(lonely_box: Box) -> None:
    """The lab of ``--keep`` serves the next run, which is killed: sweep and down leave nothing."""
    first = lonely_box.run("gate", "--workers", "1", "--keep", *QUICK)
    assert (first.code, first.err) == (0, "")
    lab = lonely_box.attach()
    assert labelled(lab) == []

    with lonely_box.started("gate", *TRAFFIC) as gate:
        gate.reaches(lambda: deploys(lonely_box))
        gate.send(signal.SIGKILL)
        assert gate.ended().code == -signal.SIGKILL
    swept = lonely_box.run("sweep")
    assert (swept.code, swept.err) == (0, "")
    assert labelled(lab) == []
    networks = lonely_box.networks()
    assert networks
    down = lonely_box.run("lab", "down")
    assert (down.code, down.err) == (0, "")

    assert lonely_box.left(runs=2) == []
    assert not lonely_box.networks() & networks
