"""The facade: whatever it creates it labels, journals and takes away again, however the block ends."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine.spec import RUN_LABEL, ConfigFile, NetworkSpec, SecretSpec, ServiceSpec
from harness.errors import RequestError, Unmeasurable, WaitTimeout
from harness.model import Availability
from harness.swarm import node_is, none_on, replaced
from tests.contract.swarms import WEB, Bench, bench


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Bench]:
    """A fake swarm with its facade."""
    made = bench(tmp_path, addresses={"swarm-worker2": "203.0.113.9"})
    yield made
    made.swarm.close()
    made.journal.close()


def test_a_deployed_service_runs_for_the_block_and_is_gone_after_it(lab: Bench) -> None:
    """Labelled with the run; replicas are the running tasks by slot, on nodes by name."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        replicas = web.replicas()

        assert web.port == 8080
        assert dict(web.service().labels)[RUN_LABEL] == "run1"
        assert [replica.slot for replica in replicas] == [1, 2, 3]
        assert {replica.node for replica in replicas} == {"swarm-manager", "swarm-worker1", "swarm-worker2"}
        assert web.roster().replicas == replicas

    assert lab.engine.services() == ()
    assert lab.engine.tasks() == ()


def test_services_are_cleared_all_at_once(lab: Bench) -> None:
    """As long as the slowest takes, not one after the other; their blocks' ends find nothing."""
    other = dataclasses.replace(WEB, name="other", ports=())
    with lab.swarm.deploy(WEB) as web, lab.swarm.deploy(other) as more:
        lab.swarm.wait(web.running() & more.running(), within=10)
        lab.swarm.clear()

        assert (lab.engine.services(), lab.engine.tasks()) == ((), ())
    lab.swarm.clear()


def test_what_goes_with_its_lab_is_left_where_it_is(lab: Bench) -> None:
    """What was undone before stays undone; nothing is waited for at the end."""
    with lab.swarm.deploy(WEB):
        with lab.swarm.network("n"):
            pass
        lab.swarm.abandon()

    assert [service.name for service in lab.engine.services()] == [WEB.name]
    assert "n" not in {network.name for network in lab.engine.networks()}


def test_what_is_to_be_kept_is_not_cleared(tmp_path: Path) -> None:
    """``--keep-workloads``."""
    made = bench(tmp_path, keep=True)
    with made.swarm.deploy(WEB):
        made.swarm.clear()
    made.swarm.close()
    made.journal.close()

    assert [service.name for service in made.engine.services()] == [WEB.name]


def test_a_roster_looked_at_again_tells_who_came_and_went(lab: Bench) -> None:
    """The same tasks give the same evidence; another set is told beside what ran before."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        before = web.roster()
        assert web.roster(since=before) is before

        web.scale(2)
        lab.swarm.wait(web.running(), within=10)
        after = web.roster(since=before)

    assert after.replicas == before.replicas
    assert (len(after.went), after.came, after.id == before.id) == (1, (), False)


def test_ctrl_c_between_creation_and_answer_leaves_nothing(
    lab: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The undo goes by label and name: the id may never have been told."""
    create = lab.engine.create_service

    def interrupted(spec: object) -> str:
        create(spec)  # type: ignore[arg-type]  # passed on
        raise KeyboardInterrupt

    monkeypatch.setattr(lab.engine, "create_service", interrupted)
    with pytest.raises(KeyboardInterrupt), lab.swarm.deploy(WEB):
        pass

    assert lab.engine.services() == ()


def test_ctrl_c_while_the_engine_still_creates_leaves_nothing(
    lab: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine carries out what it was asked, also when nobody waits for it any more."""
    create = lab.engine.create_service
    interrupted, asked = threading.Event(), []

    def carry_out(spec: ServiceSpec) -> None:
        interrupted.wait(1)  # a signal that comes just before a wait is only seen after it
        time.sleep(0.2)  # an undo that did not wait has looked by then
        create(spec)

    def slow(spec: ServiceSpec) -> str:
        asked.append(threading.Thread(target=carry_out, args=(spec,)))
        asked[0].start()
        os.kill(os.getpid(), signal.SIGINT)
        asked[0].join(5)
        return lab.engine.services()[0].id

    def interrupt(number: int, frame: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(lab.engine, "create_service", slow)
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), lab.swarm.deploy(WEB):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
        asked[0].join(5)

    assert lab.engine.services() == ()


def test_an_error_of_the_block_outlives_one_of_the_undoing(
    lab: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the reader must see first is why the block failed; the journal tells the rest."""

    def fails(_service: str) -> None:
        raise Unmeasurable("the engine fell over")

    monkeypatch.setattr(lab.engine, "remove_service", fails)
    with pytest.raises(ZeroDivisionError), lab.swarm.deploy(WEB):
        raise ZeroDivisionError

    assert "the engine fell over" in lab.records("trouble")[0]["text"]


def test_workloads_may_be_kept(tmp_path: Path) -> None:
    """With ``keep`` the objects outlive their blocks, for a person to look at."""
    made = bench(tmp_path, keep=True)
    with made.swarm.network("h-run1-net"), made.swarm.config("h-run1-file", b""), made.swarm.deploy(WEB):
        pass

    assert len(made.engine.services(f"{RUN_LABEL}=run1")) == 1
    made.swarm.sweep()
    assert made.engine.services(RUN_LABEL) == ()
    made.swarm.close()
    made.journal.close()


def test_a_network_is_removed_once_its_endpoints_are_free(lab: Bench) -> None:
    """A refusal is asked again; a service on it goes first."""
    with lab.swarm.network(NetworkSpec("h-run1-net", attachable=True)) as network:
        with (
            lab.swarm.config("h-run1-file", b"text"),
            lab.swarm.deploy(
                dataclasses.replace(WEB, networks=(network.name,), configs=(ConfigFile("h-run1-file", "/f"),))
            ) as web,
        ):
            lab.swarm.wait(web.running(), within=10)
            assert network.id in {vip.network for vip in web.service().vips}
        lab.engine.refuse_removal = 3

    assert [one.name for one in lab.engine.networks()] == ["ingress"]
    assert lab.engine.configs() == ()


def test_a_secret_goes_with_its_block_and_is_never_journaled(lab: Bench) -> None:
    """Removed after the service that had it; the journal names it and nothing more."""
    with (
        lab.swarm.secret("h-run1-key", b"top-secret-value") as secret,
        lab.swarm.deploy(dataclasses.replace(WEB, secrets=(ConfigFile("h-run1-key", "key"),))),
    ):
        assert [(one.id, one.name) for one in lab.engine.secrets(f"{RUN_LABEL}=run1")] == [
            (secret.id, "h-run1-key")
        ]

    assert lab.engine.secrets() == ()
    written = lab.journal.path.read_text()
    assert "h-run1-key" in written
    assert "top-secret-value" not in written
    assert "dG9wLXNlY3JldC12YWx1ZQ" not in written  # nor in base64


def test_a_sweep_takes_what_a_killed_run_left(lab: Bench) -> None:
    """Services first, then their files."""
    lab.engine.create_secret(SecretSpec("h-dead-key", b"x", {RUN_LABEL: "dead"}))
    lab.engine.create_service(
        dataclasses.replace(WEB, secrets=(ConfigFile("h-dead-key", "key"),), labels={RUN_LABEL: "dead"})
    )

    assert lab.swarm.sweep() == [f"service {WEB.name}", "secret h-dead-key"]
    assert lab.engine.secrets() == ()


def test_a_network_that_never_comes_free_is_told(lab: Bench) -> None:
    """The wait for it has an end."""
    with pytest.raises(Unmeasurable, match="in use"), lab.swarm.network("h-run1-net"):
        lab.engine.refuse_removal = 10**6


def test_every_change_is_journaled_also_a_refused_one(lab: Bench) -> None:
    """Verb, object and error stand in the journal; reading does not."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.nodes()
        web.scale(2)
        with pytest.raises(RequestError), lab.swarm.deploy(dataclasses.replace(WEB, name="h-run1-b")):
            pass

    verbs = [(record["verb"], "error" in record) for record in lab.records("api")]
    assert verbs == [
        ("create_service", False),
        ("scale", False),
        ("create_service", True),
        ("remove_service", False),
    ]
    assert "8080" in lab.records("api")[2]["error"]


def test_states_are_journaled_once(lab: Bench) -> None:
    """Only differences: every node and task once per state, whoever looks."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        lab.swarm.wait(web.running(), within=10)

    seen = [(record["id"], record["state"], record.get("desired")) for record in lab.records("state")]
    assert len(seen) == len(set(seen))
    assert {"preparing", "starting", "running", "removed"} <= {state for _, state, _ in seen}


def test_scaling_and_updating(lab: Bench) -> None:
    """The default of ``running`` follows the last scale; an update keeps the run's label."""
    with lab.swarm.deploy(WEB) as web:
        web.scale(5)
        lab.swarm.wait(web.running(), within=10)
        assert len(web.replicas()) == 5
        web.update(dataclasses.replace(WEB, env={"A": "1"}))
        lab.swarm.wait(web.running(3), within=10)
        assert dict(web.service().labels)[RUN_LABEL] == "run1"


def test_removal_tells_when_the_last_task_had_ended(lab: Bench) -> None:
    """A time on the run's clock, the same the second time."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        began = lab.clock.now()
        ended = web.remove()
        assert began + 0.3 <= ended <= began + 1.0
        lab.clock.sleep(5)
        assert web.remove() == ended


def test_a_killed_task_is_replaced_after_the_restart_delay(lab: Bench) -> None:
    """Its slot runs again, with another task."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        victim = web.replicas()[0]
        killed = lab.clock.now()
        lab.engine.kill(victim.task)
        view = lab.swarm.wait(replaced(web, victim.task) & web.running(), within=20)

        assert 5 <= view.at - killed < 7
        assert victim.task not in {replica.task for replica in web.replicas()}


def test_a_lost_node_is_seen_down_and_its_tasks_move(lab: Bench) -> None:
    """The conditions of a node loss compose; a service that lost a node can still be removed."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        lost = lab.clock.now()
        lab.engine.power_off("swarm-worker1")
        down = lab.swarm.wait(node_is("swarm-worker1", "down"), within=20)
        lab.swarm.wait(none_on(web, "swarm-worker1") & web.running(), within=20)

        assert 15 <= down.at - lost <= 16.5
        assert "swarm-worker1" not in {replica.node for replica in web.replicas()}


def test_addresses_come_from_the_configuration_first(lab: Bench) -> None:
    """What a person set wins over what the swarm says; an unknown node is named with those there are."""
    assert lab.swarm.addresses() == {
        "swarm-manager": "192.168.200.10",
        "swarm-worker1": "192.168.200.11",
        "swarm-worker2": "203.0.113.9",
    }
    with pytest.raises(RequestError, match="swarm-worker1"):
        lab.swarm.address("nobody")


def test_a_node_without_an_address_is_told_with_the_remedy(
    lab: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[nodes] is where a person can say it."""
    bare = tuple(dataclasses.replace(node, address="") for node in lab.engine.nodes())
    monkeypatch.setattr(lab.engine, "nodes", lambda: bare)

    with pytest.raises(RequestError, match=r"\[nodes\]"):
        lab.swarm.address("swarm-manager")


def test_a_drained_node_is_given_back(lab: Bench) -> None:
    """Drain and its undo are a pair, and drained nodes lose their tasks."""
    with lab.swarm.deploy(WEB) as web:
        lab.swarm.wait(web.running(), within=10)
        with lab.swarm.drained("swarm-worker1"):
            assert lab.swarm.node("swarm-worker1").availability is Availability.DRAIN
            lab.swarm.wait(none_on(web, "swarm-worker1") & web.running(), within=20)
        assert lab.swarm.node("swarm-worker1").takes_tasks


def test_the_cluster_is_kept_as_evidence(lab: Bench) -> None:
    """Nodes, versions and the data path's port."""
    cluster = lab.swarm.cluster({"swarm-manager": "6.12.101"})

    assert (cluster.engine, cluster.api, cluster.data_path_port) == ("26.1.5", "1.44", 4789)
    assert len(cluster.nodes) == 3
    assert lab.records("evidence")[0]["data"]["kernels"] == [["swarm-manager", "6.12.101"]]


def test_an_image_that_is_not_found_ends_the_wait_within_seconds(lab: Bench) -> None:
    """The image is named, long before the bound."""
    began = lab.clock.now()
    with (
        pytest.raises(RequestError, match=r"no/such:image"),
        lab.swarm.deploy(dataclasses.replace(WEB, image="no/such:image", replicas=1)) as web,
    ):
        lab.swarm.wait(web.running(), within=300)

    assert lab.clock.now() - began < 10


def test_a_wait_that_is_in_vain_tells_what_is_missing(lab: Bench) -> None:
    """One line with the numbers; the last state travels as a note."""
    with (
        pytest.raises(WaitTimeout, match="four replicas: not within 2 s: h-run1-web runs 3 of 4") as caught,
        lab.swarm.deploy(WEB) as web,
    ):
        lab.swarm.wait(web.running(4), within=2, what="four replicas")

    assert "3 x running" in caught.value.last


def test_an_absent_manager_is_waited_for(lab: Bench) -> None:
    """A wait outlives a restart of the manager, and journals that it was away."""
    with lab.swarm.deploy(WEB) as web:
        lab.engine.away = True
        lab.clock.after(3, lambda: setattr(lab.engine, "away", False))
        lab.swarm.wait(web.running(), within=20)
        lab.engine.away = True
        with pytest.raises(Unmeasurable):
            lab.swarm.wait(web.running(4), within=2)
        lab.engine.away = False

    assert len(lab.records("trouble")) == 2


def test_progress_is_told_what_changes(tmp_path: Path) -> None:
    """Node and task states reach the listener under the wait's name."""
    told: list[tuple[str, str]] = []

    class Listener:
        def begin(self, step: str) -> None: ...
        def end(self, step: str, seconds: float, *, ok: bool) -> None: ...
        def note(self, step: str, text: str) -> None:
            told.append((step, text))

    made = bench(tmp_path, progress=Listener())
    with made.swarm.deploy(WEB) as web:
        made.swarm.wait(web.running(), within=10, what="whoami converges")
    made.swarm.close()
    made.journal.close()

    assert ("whoami converges", "swarm-worker1 ready") in told
    assert ("whoami converges", ".1@swarm-manager running") in told
