"""The judge of the third witness: upheld with its numbers, refuted with findings, unknown with reasons."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from harness.evidence.mesh import Dump, KernelLook, Truth
from harness.judge.verdict import State, Verdict, replay
from harness.mesh.verdict import held, tables_agree
from tests.mesh_changes import no_rule, no_service
from tests.mesh_inspected import inspected_world
from tests.mesh_mutant import LB, MARK, SBOX
from tests.mesh_spec import API, APP, MANAGER, W1, W2, WEB
from tests.mesh_swarm import World, world

Judged = Callable[..., Verdict]
LOOK = KernelLook("look", 11.0, 19.0, ())


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Judged:
    """Judge a world as if its kernels had been parsed from dumps."""

    def judge(told: World, look: KernelLook = LOOK, **options: object) -> Verdict:
        monkeypatch.setattr("harness.mesh.verdict.kernels", lambda _: tuple(told.kernels.values()))
        return tables_agree(look, told.before, told.after, **options)  # type: ignore[arg-type]  # by name

    return judge


def test_upheld_with_its_numbers(judged: Judged) -> None:
    """What was compared stands in the sentence and in the numbers."""
    verdict = judged(world())

    assert verdict.state is State.UPHELD
    assert verdict.witnesses == ("kernel",)
    assert "the kernel tables of 3 nodes hold what the manager says of 2 services" in verdict.sentence
    assert "13 marks, 26 real servers, 28 forwarding entries and 28 neighbours compared" in verdict.sentence
    assert verdict.numbers["backends"] == 26
    assert verdict.numbers["fdb_entries"] == 28


def test_what_was_inspected_stands_in_the_sentence_and_what_was_not_in_a_remark(judged: Judged) -> None:
    """A reader sees how deep the audit looked."""
    told = inspected_world()
    deep = dataclasses.replace(LOOK, allowed=("node-inspect",))
    verdict = judged(told, deep)

    assert (
        "26 gossip rows, 12 gossip peers, 5 containers, 10 listeners and 3 certificates" in verdict.sentence
    )
    assert held(deep, told.before, told.after).audit.remarks == ()
    [(node, _, text)] = held(LOOK, told.before, told.after).audit.remarks
    assert (node, text.partition(" nobody")[0]) == ("", "without --allow node-inspect")


def test_refuted_with_its_finding(judged: Judged) -> None:
    """A single finding is the verdict's subject."""
    verdict = judged(world().on(W1, SBOX, no_service(MARK)))

    assert verdict.state is State.REFUTED
    assert [one.name for one in verdict.findings] == ["missing-ipvs-service"]
    assert (verdict.subject.node, verdict.subject.namespace, verdict.subject.service) == (W1, SBOX, "web")
    assert verdict.sentence == verdict.findings[0].sentence


def test_unknown_with_its_reason(judged: Judged) -> None:
    """A node without an answer is never fine; a finding elsewhere outweighs it."""
    blind = dataclasses.replace(LOOK, missing=((W2, "the job was refused"),))
    healthy = world()
    seen = dataclasses.replace(healthy, kernels={name: healthy.kernels[name] for name in (MANAGER, W1)})
    verdict = judged(seen, blind)
    broken = judged(seen.on(W1, SBOX, no_service(MARK)), blind)

    assert (verdict.state, verdict.sentence) == (State.UNKNOWN, f"{W2}: the job was refused")
    assert broken.state is State.REFUTED
    assert f"could not be told: {W2}: the job was refused" in broken.sentence


def test_nothing_read_is_unknown(judged: Judged) -> None:
    """No kernel at all."""
    nobody = dataclasses.replace(world(), kernels={})

    assert judged(nobody).state is State.UNKNOWN


def test_services_narrow_it_down(judged: Judged) -> None:
    """Findings of other services are left out, those of nodes are not."""
    both = world().on(W1, SBOX, no_service(MARK)).on(W2, LB, no_service(API.mark(APP, W2)))
    node = both.on(W1, "", no_rule("--src-type LOCAL -j MASQUERADE"))

    assert [one.subject.service for one in judged(both, services=["api"]).findings] == ["api"]
    assert {one.name for one in judged(node, services=["api"]).findings} == {
        "missing-ipvs-service",
        "missing-masquerade",
    }
    assert judged(world(), services=["web"]).subject.service == "web"
    assert judged(world(), services=["nobody"]).state is State.UNKNOWN


@pytest.mark.parametrize(("began", "at"), [(9.0, 19.0), (11.0, 21.0)])
def test_truths_must_enclose_the_look(judged: Judged, began: float, at: float) -> None:
    """Otherwise the settling rule says nothing."""
    verdict = judged(world(), dataclasses.replace(LOOK, began=began, at=at))

    assert verdict.state is State.UNKNOWN
    assert "right before" in verdict.sentence


def test_clocks_of_the_look_count(judged: Judged) -> None:
    """A slow calendar makes a fresh task look old."""
    spec = dataclasses.replace(WEB, changed={1: {"since": world().before.wall - 30}}, weights={1: -1})

    assert judged(world(spec)).state is State.REFUTED
    assert judged(world(spec), dataclasses.replace(LOOK, clocks=((W1, -30.0),))).state is State.UPHELD


def test_native_tables_are_seen_in_the_dumps(judged: Judged) -> None:
    """A job names those that it could not read in a comment."""
    dump = Dump(W1, "", "rules-nft", "# table inet firewalld: not read\n# table ip6 filter: not read\n")
    engine = Dump(W2, "", "rules-nft", "# table ip docker-bridges: not read\n")

    assert "table inet firewalld" in judged(world(), dataclasses.replace(LOOK, dumps=(dump,))).sentence
    assert "not supported yet" in judged(world(), dataclasses.replace(LOOK, dumps=(engine,))).sentence


def test_skipped_nodes_are_told(judged: Judged) -> None:
    """They change no verdict."""
    healthy = world(dataclasses.replace(WEB, on=(MANAGER, W1)), API)
    nodes = tuple(
        dataclasses.replace(one, state="down") if one.hostname == W2 else one for one in healthy.before.nodes
    )
    kernels = {name: healthy.kernels[name] for name in (MANAGER, W1)}
    verdict = judged(dataclasses.replace(healthy.told(nodes=nodes), kernels=kernels))

    assert verdict.state is State.UPHELD
    assert f"{W2} skipped: the manager calls it down" in verdict.sentence
    assert verdict.numbers["skipped"] == [[W2, "the manager calls it down"]]


def test_it_can_be_repeated_from_a_saved_run(judged: Judged) -> None:
    """Evidence by reference: altered evidence gives another verdict."""
    healthy = world()
    verdict = judged(healthy)
    evidence: dict[str, KernelLook | Truth] = {
        "look": LOOK,
        "truth-before": healthy.before,
        "truth-after": healthy.after,
    }

    assert verdict.basis is not None
    assert replay(verdict.basis, evidence) == verdict
    altered = {**evidence, "look": dataclasses.replace(LOOK, missing=((W1, "cut"),))}
    assert replay(verdict.basis, altered).state is State.UNKNOWN


def young(since: float) -> World:
    """A world whose tasks of ``web`` run since so many seconds after the first truth."""
    healthy = world(WEB)
    tasks = tuple(dataclasses.replace(one, since=healthy.before.wall + since) for one in healthy.before.tasks)
    return healthy.told(tasks=tasks)


def test_a_look_at_what_is_all_in_transit_compares_nothing(judged: Judged) -> None:
    """Tasks that have just started may have rows or not: that is no evidence, so it is not green."""
    verdict = judged(young(-1.0))

    assert verdict.state is State.UNKNOWN
    assert verdict.sentence == "web is in transit, nothing of it was compared"


def test_what_ran_long_enough_when_the_first_kernel_was_read_is_settled(judged: Judged) -> None:
    """The job takes its time to start: what counts is when the kernels were read."""
    verdict = judged(young(-1.0), dataclasses.replace(LOOK, read=15.0), settled=["web"])

    assert verdict.state is State.UPHELD
    assert verdict.numbers["backends"] > 0


def test_a_service_that_had_to_be_settled_and_was_not_is_unknown(judged: Judged) -> None:
    """Although another one was compared."""
    healthy = world(WEB, API)
    tasks = tuple(
        dataclasses.replace(one, since=healthy.before.wall - 1.0) if one.service == "id-web" else one
        for one in healthy.before.tasks
    )
    moving = healthy.told(tasks=tasks)

    assert judged(moving).state is State.UPHELD
    assert judged(moving, settled=["web"]).state is State.UNKNOWN
    assert judged(moving, settled=["api"]).state is State.UPHELD
