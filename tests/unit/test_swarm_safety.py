"""Two runs keep apart, a dead one never blocks the next, and whatever it left can be swept."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine.protocol import InUseError
from harness.engine.spec import RUN_LABEL, ConfigFile, ConfigSpec, NetworkSpec
from harness.errors import RequestError
from harness.swarm import lock, sweep
from harness.swarm.sweeping import STACK_LABEL
from tests.contract.swarms import WEB, Bench, bench


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Bench]:
    """A fake swarm with its facade."""
    made = bench(tmp_path)
    yield made
    made.swarm.close()
    made.journal.close()


def _locked(lab: Bench, process: str = "elsewhere/1/1", run: str = "other") -> str:
    labels = {RUN_LABEL: run, "harness.lock.host": "build-7", "harness.lock.process": process}
    return lab.engine.create_config(ConfigSpec(lock.NAME, b"", labels))


def test_the_lock_is_there_for_the_block_only(lab: Bench) -> None:
    """Its holder is told with host and age."""
    with lab.swarm.lock() as told:
        holder = lock.holder(lab.engine)
        assert told == ""
        assert holder is not None
        assert holder.run == "run1"
        assert not holder.dead
    assert lock.holder(lab.engine) is None


def test_ctrl_c_while_the_lock_is_taken_leaves_none(lab: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The config may be there though its id was never told."""
    create = lab.engine.create_config

    def interrupted(spec: ConfigSpec) -> str:
        create(spec)
        raise KeyboardInterrupt

    monkeypatch.setattr(lab.engine, "create_config", interrupted)
    with pytest.raises(KeyboardInterrupt), lab.swarm.lock():
        pass

    assert lock.holder(lab.engine) is None


def test_a_lock_that_cannot_be_given_back_hides_nothing(lab: Bench) -> None:
    """The manager may be away at the end: that is journaled, and the lease ends by itself."""
    with lab.swarm.lock():
        lab.engine.away = True
    lab.engine.away = False

    assert "not given back" in lab.records("trouble")[0]["text"]


def test_a_second_run_is_refused(lab: Bench) -> None:
    """The line names the run, its host and when it was last heard of."""
    _locked(lab)
    lab.clock.sleep(30)

    with (
        pytest.raises(RequestError, match=r"run other on build-7 \(last heard of 30 s ago\)"),
        lab.swarm.lock(),
    ):
        pass
    assert lock.holder(lab.engine) is not None


def test_a_lock_that_is_not_renewed_is_broken_with_a_line(lab: Bench) -> None:
    """After two minutes; the journal keeps the line."""
    _locked(lab)
    lab.clock.sleep(121)

    with lab.swarm.lock() as told:
        assert "run other on build-7" in told
        holder = lock.holder(lab.engine)
        assert holder is not None
        assert holder.run == "run1"
    assert lab.records("note")[0]["text"] == told


def test_a_lock_of_a_process_that_has_gone_is_broken_at_once(lab: Bench) -> None:
    """A run on this machine that was killed blocks nobody; one that lives does."""
    living = lock._myself()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = lock._process(child.pid)
    child.communicate()
    _locked(lab, process)

    assert not lock._gone(living)
    with lab.swarm.lock() as told:
        assert "broken" in told


def test_processes_are_told_apart() -> None:
    """A process that took over the number of a dead one is not it; of other machines nothing is known."""
    scope, _, _ = lock._myself().rsplit("/", 2)

    assert lock._gone(f"{scope}/{os.getpid()}/1")
    assert not lock._gone("another-boot/pid:[1]/1/1")
    assert not lock._gone("?")


def test_a_race_for_the_lock_has_one_winner(lab: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second finds the name taken, and leaves the winner's lock alone."""
    monkeypatch.setattr(lock, "_break", lambda _engine: _locked(lab) and "")

    with pytest.raises(RequestError, match="run other"), lab.swarm.lock():
        pass
    holder = lock.holder(lab.engine)
    assert holder is not None
    assert holder.run == "other"


def test_the_lease_is_renewed(lab: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the run lives its lock stays young; when it was taken away that is told."""
    waits = iter((False, False, False, True))
    ages = []

    class Stop:
        def wait(self, seconds: float) -> bool:
            lab.clock.sleep(seconds)
            holder = lock.holder(lab.engine)
            ages.append(holder.age if holder else None)
            if len(ages) == 2:
                lab.engine.remove_config(ident)
            return next(waits)

    ident = _locked(lab)
    lock._renew(lab.engine, lab.journal, ident, {RUN_LABEL: "other"}, Stop())  # type: ignore[arg-type]  # a scripted event

    assert ages == [30.0, 30.0]
    assert "taken away" in lab.records("trouble")[0]["text"]


def _leave(lab: Bench, run: str) -> None:
    labels = {RUN_LABEL: run}
    network = NetworkSpec(f"h-{run}-net", labels)
    lab.engine.create_network(network)
    lab.engine.create_config(ConfigSpec(f"h-{run}-file", b"", labels))
    lab.engine.create_service(
        dataclasses.replace(
            WEB.labelled(labels),
            name=f"h-{run}-web",
            ports=(),
            networks=(network.name,),
            configs=(ConfigFile(f"h-{run}-file", "/f"),),
        )
    )


def test_a_sweep_removes_by_label_and_says_what(lab: Bench) -> None:
    """Services first, then what they used, and a dead run's lock; others' objects stay."""
    _leave(lab, "dead1")
    _leave(lab, "dead2")
    _locked(lab)
    lab.engine.create_service(dataclasses.replace(WEB, name="theirs"))
    lab.clock.sleep(200)
    removed = lab.swarm.sweep()

    assert removed == [
        "service h-dead1-web",
        "service h-dead2-web",
        "config h-dead1-file",
        "config h-dead2-file",
        "config harness.lock",
        "network h-dead1-net",
        "network h-dead2-net",
    ]
    assert [service.name for service in lab.engine.services()] == ["theirs"]
    assert [network.name for network in lab.engine.networks()] == ["ingress"]
    assert lab.swarm.sweep() == []


def test_a_sweep_takes_the_stacks_of_runs(lab: Bench) -> None:
    """The CLI labels them with their name, which begins with the run's id; users' stacks stay."""
    for stack in ("h-abc123-shop", "h-def456-shop", "shop"):
        lab.engine.create_service(
            dataclasses.replace(WEB, name=f"{stack}_web", ports=(), labels={STACK_LABEL: stack})
        )

    assert sweep(lab.engine, lab.clock, run="abc123") == ["service h-abc123-shop_web"]
    assert sweep(lab.engine, lab.clock) == ["service h-def456-shop_web"]
    assert [service.name for service in lab.engine.services()] == ["shop_web"]


def test_a_sweep_of_one_run_leaves_the_others(lab: Bench) -> None:
    """Only its label counts."""
    _leave(lab, "one")
    _leave(lab, "two")
    sweep(lab.engine, lab.clock, run="one")

    assert [service.name for service in lab.engine.services()] == ["h-two-web"]


def test_a_sweep_refuses_while_a_run_is_alive(lab: Bench) -> None:
    """Its services are not taken from under it; its own lock does not stop a run."""
    _locked(lab)

    with pytest.raises(RequestError, match="not swept: at work is run other"):
        lab.swarm.sweep()
    sweep(lab.engine, lab.clock, mine="other")
    assert lock.holder(lab.engine) is not None


def test_a_sweep_waits_for_networks_to_come_free_but_not_for_ever(lab: Bench) -> None:
    """A minute, then it says what is still used."""
    lab.engine.create_network(NetworkSpec("h-x-net", {RUN_LABEL: "x"}))
    lab.engine.refuse_removal = 5
    assert lab.swarm.sweep() == ["network h-x-net"]

    lab.engine.create_network(NetworkSpec("h-x-net", {RUN_LABEL: "x"}))
    lab.engine.refuse_removal = 10**6
    with pytest.raises(InUseError):
        lab.swarm.sweep()
