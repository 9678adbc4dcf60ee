"""All lines of a preflight together: their order, the exit code, the verdict, the document, the terminal."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness import journal
from harness.doctor import preflight
from harness.doctor.ground import Ground
from harness.doctor.lines import CHECKS, Line, State, exit_of, merged, ok, stop, unknown, warn
from harness.doctor.preflight import examine, headline, swarm_can_work
from harness.errors import Exit
from harness.evidence import KernelLook
from harness.judge import verdict as verdicts
from harness.model import Availability
from harness.report import doctor
from harness.report.terminal import console
from tests.doctor_ground import asked, engine, ground
from tests.mesh_spec import MANAGER, NODES, W1, W2, node
from tests.mesh_swarm import world


def test_a_healthy_swarm_is_well_in_every_check() -> None:
    """One line per check, nothing to do, exit 0."""
    lines = examine(ground(preflight=asked(pools=("10.99.0.0/16",))))

    assert [line.check for line in lines] == [check.id for check in CHECKS]
    assert {line.state for line in lines} == {State.OK}
    assert {line.remedy for line in lines} == {""}
    assert exit_of(lines) is Exit.UPHELD
    assert headline(lines) == f"all {len(CHECKS)} checks are well"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([ok("kernel", "fine")], 0),
        ([warn("clock", "off", "set it")], 0),
        ([unknown("images", "untold", "look"), unknown("live-restore", "untold", "look")], 0),
        ([unknown("kernel", "untold", "look")], 3),
        ([stop("ports", "taken", "free it"), unknown("kernel", "untold", "look")], 2),
        ([stop("ports", "taken", "free it"), stop("kernel", "none", "get it")], 1),
        ([], 3),
    ],
)
def test_the_exit_code_of_all_lines(lines: list[Line], code: int) -> None:
    """A broken swarm before a wrong request before what could not be told; of nothing nothing follows."""
    assert exit_of(lines) == code


def test_the_same_words_of_several_nodes_are_one_line() -> None:
    """The worst first."""
    lines = [ok("clock", "fine", "a"), stop("clock", "off", "fix", "c"), stop("clock", "off", "fix", "b")]

    assert merged(lines) == (stop("clock", "off", "fix", "b", "c"), ok("clock", "fine", "a"))


NOTHING = KernelLook("look-9", 12.0, 15.0, (), tuple((name, "the job was refused") for name in NODES))
NEED_KERNELS = {"kernel", "firewall", "subnets", "mtu", "source", "clock", "limits", "ports"}


def test_without_the_job_whatever_needs_it_is_unknown_with_the_reason() -> None:
    """Never ok; what the manager alone tells is told all the same."""
    found = Ground(asked(trouble="the job was refused"), NOTHING, world().before, world().after)

    lines = {line.check: line for line in examine(found)}

    dark = {check for check, line in lines.items() if line.state is State.UNKNOWN}
    assert dark == NEED_KERNELS | {"offload"}
    assert {lines[check].told for check in NEED_KERNELS} == {"the job was refused"}
    assert lines["quorum"].state is State.OK
    assert exit_of(lines.values()) is Exit.UNKNOWN
    assert headline(tuple(lines.values())).startswith("it cannot be told: kernel")


def test_with_no_node_that_takes_tasks_nothing_of_kernels_is_known() -> None:
    """All are drained: no evidence, no green."""
    drained = tuple(node(name, availability=Availability.DRAIN) for name in NODES)
    made = world().told(nodes=drained)

    states = {line.check: line.state for line in examine(ground(made))}

    assert {states[check] for check in ("kernel", "firewall", "mtu")} == {State.UNKNOWN}


def test_a_swarm_without_a_leader_is_a_stop_and_all_else_unknown() -> None:
    """Its manager tells nothing."""
    made = world().told(nodes=(), services=(), networks=(), tasks=())
    silent = asked(leaderless="no leader", trouble="no leader", reach=(), engines=())
    lines = examine(Ground(silent, dataclasses.replace(NOTHING, missing=()), made.before, made.after))

    assert [line.check for line in lines if line.state is State.STOP] == ["quorum"]
    assert [line.check for line in lines if line.state is State.OK] == ["verifies"]
    assert exit_of(lines) is Exit.REFUTED


def test_a_check_that_fails_by_a_fault_of_ours_leaves_the_others_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is unknown, and says so."""

    def broken(_: Ground) -> list[Line]:
        raise ZeroDivisionError("ours")

    monkeypatch.setitem(preflight._JUDGES, "images", broken)
    lines = {line.check: line for line in examine(ground())}

    assert (lines["images"].state, lines["kernel"].state) == (State.UNKNOWN, State.OK)
    assert "ZeroDivisionError: ours" in lines["images"].told
    assert exit_of(lines.values()) is Exit.UNKNOWN


def _judged(found: Ground) -> verdicts.Verdict:
    return swarm_can_work(found.asked, found.look, found.before, found.after)


def test_the_verdict_can_be_repeated_from_the_journal(tmp_path: Path) -> None:
    """From the evidence alone."""
    found = Ground(asked(), NOTHING, world().before, world().after)
    path = tmp_path / "journal.jsonl"
    with journal.Journal(path) as log:
        for one in (found.asked, found.look, found.before, found.after):
            log.keep(one)
        made = _judged(found)
        log.claim("swarm.preflight", "title", made)

    saved = journal.load(path)
    basis = saved.claims[0].verdict.basis

    assert basis is not None
    assert saved.evidence["preflight-1"] == found.asked
    again = verdicts.replay(basis, saved.evidence)
    assert (again.state, again.sentence) == (verdicts.State.UNKNOWN, made.sentence)


def test_a_stop_of_the_swarms_refutes_one_of_the_request_does_not() -> None:
    """What cannot be carried out says nothing about the swarm."""
    silent = Ground(asked(), NOTHING, world().before, world().after)
    on = tuple(engine(name, live_restore=name == W2) for name in NODES)

    broken = _judged(dataclasses.replace(silent, asked=asked(engines=on)))
    taken = _judged(dataclasses.replace(silent, asked=asked(ports=(8080,))))

    assert broken.state is verdicts.State.REFUTED
    assert [(one.name, one.subject.node, one.modes) for one in broken.findings] == [
        ("doctor-live-restore", W2, ("H9",))
    ]
    assert taken.state is verdicts.State.UNKNOWN


def _document() -> doctor.DoctorDocument:
    lines = examine(ground(clocks={W1: 12.0}, preflight=asked(ports=(8080,), pools=("10.99.0.0/16",))))
    return doctor.document("20260101-000000-abcdef", "lab", 1.234, lines)


def test_the_document_has_a_version_and_refuses_what_does_not_fit() -> None:
    """Programs read it: its keys are an interface."""
    data: dict[str, Any] = json.loads(_document().json_text())

    assert (data["schema"], data["exit"], data["seconds"], data["target"]) == (1, 2, 1.23, "lab")
    assert data["sentence"] == "stop: ports"
    assert set(data["lines"][0]) == {"check", "asks", "state", "nodes", "told", "remedy", "modes", "exit"}
    clock = [line for line in data["lines"] if line["check"] == "clock"]
    assert [(line["state"], line["nodes"]) for line in clock] == [("warn", [W1]), ("ok", [MANAGER, W2])]
    assert doctor.DoctorDocument.model_validate(data) == _document()
    for wrong in ({**data, "schema": 2}, {**data, "more": 1}, {**data, "exit": 7}):
        with pytest.raises(ValidationError):
            doctor.DoctorDocument.model_validate(wrong)


def test_a_person_sees_one_line_per_check_with_the_remedy() -> None:
    """Of a check that is not well the nodes that are not; the rest stands in the document."""
    out = io.StringIO()

    doctor.show(_document(), console(out))

    *rows, last = out.getvalue().splitlines()
    assert [row.split()[1] for row in rows] == [check.id for check in CHECKS]
    assert rows[5].startswith("ok       kernel        3 nodes: ip_vs, ")
    assert f"warn     clock         {W1}: 12 s ahead of the manager: run chrony or ntpd on every node" in rows
    assert any(row.startswith("stop     ports ") and "set published_port" in row for row in rows)
    assert last == "stop: ports"


def test_words_of_a_node_do_not_steer_the_terminal() -> None:
    """Names with odd characters arrive as one harmless line."""
    out = io.StringIO()
    lines = (stop("nodes", "down\x1b[2J\nboo", "start it", "no[red]de\x07"),)

    doctor.show(doctor.document("r", "lab", 0.0, lines), console(out))

    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("\n") == 2
    assert "no[red]de" in out.getvalue()
