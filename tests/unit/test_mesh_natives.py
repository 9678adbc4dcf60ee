"""Tables of others beside docker's: a remark that names them, never a finding, and no longer an unknown."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from harness.evidence.mesh import Dump, KernelLook
from harness.inside.scripts import foreign
from harness.judge.verdict import State, Verdict
from harness.mesh.findings import Cell
from harness.mesh.natives import Native, native_tables
from harness.mesh.verdict import held, tables_agree
from harness.report import audit as report
from tests.mesh_changes import no_rule
from tests.mesh_mutant import HOST, OV
from tests.mesh_spec import MANAGER, W1, W2
from tests.mesh_swarm import World, world
from tests.recorded import recorded
from tests.unit.test_inside_foreign import CHAINS, RULES
from tests.unit.test_mesh_recorded import edited, judged

NAME = b"firewalld\0"
FIREWALLD = f"# table inet firewalld: {foreign.summed(1, NAME, CHAINS, RULES)}\n"
REMARK = (
    "table inet firewalld of nf_tables is not docker's: it may drop at prerouting, input, forward, output; "
    "traffic decides"
)


def look(*dumps: tuple[str, str]) -> KernelLook:
    """What nodes told of nf_tables: hostname and text."""
    return KernelLook("look", 11.0, 19.0, tuple(Dump(node, "", "rules-nft", text) for node, text in dumps))


def verdict_of(monkeypatch: pytest.MonkeyPatch, told: World, seen: KernelLook) -> Verdict:
    """The verdict on a world whose kernels were parsed already."""
    monkeypatch.setattr("harness.mesh.verdict.kernels", lambda _: tuple(told.kernels.values()))
    return tables_agree(seen, told.before, told.after)


def test_a_host_with_firewalld_is_green_with_a_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it drops, traffic decides: what the engine writes is judged by its own tables."""
    verdict = verdict_of(monkeypatch, world(), look((W1, FIREWALLD), (W2, FIREWALLD)))

    assert verdict.state is State.UPHELD
    assert verdict.sentence.endswith(f" compared; remark: {REMARK} ({W1}, {W2})")
    assert verdict.numbers["remarks"][1:] == [[W1, "host", REMARK], [W2, "host", REMARK]]


def test_docker_is_judged_beside_firewalld_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule of the engine's that is gone is a finding; the table of somebody else is none."""
    broken = world().on(W1, HOST, no_rule("-j DNAT"))
    verdict = verdict_of(monkeypatch, broken, look((W1, FIREWALLD)))

    assert verdict.state is State.REFUTED
    assert [one.name for one in verdict.findings] == ["missing-dnat"]
    assert verdict.sentence.endswith(f"; remark: {REMARK} ({W1})")


def test_a_recorded_worker_with_firewalld_is_as_unknown_as_without() -> None:
    """Docker's rules written by iptables-nft, and a table of firewalld's beside them."""
    plain = recorded("healthy-nft")
    beside = edited(plain, "", ("rules-nft",), lambda text: text + FIREWALLD)

    assert judged(beside).sentence == f"{judged(plain).sentence}; remark: {REMARK} ({W1})"
    assert judged(beside).findings == ()


def test_a_table_that_drops_nothing_is_told_too() -> None:
    """By name: somebody else writes rules there."""
    result = world().audit(tables={(W1, ""): (Native("ip mine", "none"), Native("ip6 other", "input"))})

    assert (result.findings, result.unknowns) == ((), ())
    assert result.remarks == ((W1, "host", "table ip mine of nf_tables is not docker's: it drops nothing"),)
    assert {state for _, node, state in result.cells if node == W1} <= {Cell.OK, Cell.ABSENT}


def test_tables_are_told_apart_by_what_the_job_says_of_them() -> None:
    """Read, not read, and those of runs from before such tables were read."""
    told = look((MANAGER, ""), (W1, f"*nat\nCOMMIT\n{FIREWALLD}# table ip a b: hooks none; drops nothing\n"))
    old = look((W2, "# table inet firewalld: not read\n"))

    assert native_tables(told) == {
        (W1, ""): (
            Native("inet firewalld", "prerouting, input, forward, output", drops=True),
            Native("ip a b", "none"),
        )
    }
    assert native_tables(old) == {(W2, ""): (Native("inet firewalld"),)}


def test_in_a_sandbox_it_is_a_finding_whether_it_was_read_or_not() -> None:
    """Nobody but the engine has any business there."""
    for table in (Native("bridge filter", "forward", drops=True), Native("bridge filter")):
        assert world().found(tables={(W1, OV): (table,)}) == [("foreign-table", W1, OV, "", "")]


def test_the_audit_shows_its_remarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """To a person and to a program."""
    seen, made = look((W1, FIREWALLD)), world()
    verdict = verdict_of(monkeypatch, made, seen)
    found = report.document("run", "lab", 1.0, verdict, held(seen, made.before, made.after).audit)
    out = io.StringIO()
    report.show(found, Console(file=out, width=300))

    assert json.loads(found.json_text())["remarks"][1:] == [{"node": W1, "namespace": "host", "what": REMARK}]
    assert f"- remark: {W1}, host: {REMARK}\n" in out.getvalue()
