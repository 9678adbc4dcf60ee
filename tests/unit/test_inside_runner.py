"""Running a job: who is asked, who is waited for, what is said of those who do not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import RequestError
from harness.inside import witness
from harness.inside.job import Job
from harness.inside.runner import run_job
from harness.inside.witness import Ask
from harness.journal import Journal, load
from harness.model import Attachment, Availability, Network, Role
from tests.inside_bench import FakeClock, FakeSwarm, lines, node

JOB = Job("host", "image", {"peers": []}, bound=5.0, start=20.0)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., FakeSwarm]]:
    """Makes a swarm of these nodes."""
    with Journal(tmp_path / "journal.jsonl") as journal:
        yield lambda *nodes: FakeSwarm(journal, FakeClock(), list(nodes))


def test_every_node_that_takes_tasks_answers_and_nothing_is_left(make: Callable[..., FakeSwarm]) -> None:
    """Service and config are removed in that order; the script's begin is placed before its end was seen."""
    swarm = make(node("m"), node("w"))

    seen = run_job(swarm, JOB)

    assert [answer.node for answer in seen.whole] == ["m", "w"]
    assert (seen.missing, seen.skipped) == ((), ())
    assert [entry.split()[0] for entry in swarm.gone] == ["service", "config"]
    assert seen.began <= seen.start("m") <= seen.ended
    assert seen.start("m") <= seen.began + 2.2 - 0.5


def test_the_job_is_a_global_job_that_tells_who_it_is(make: Callable[..., FakeSwarm]) -> None:
    """One task per node on the host's network, read-only namespaces, its own log driver, no restart."""
    swarm = make(node("m"))

    run_job(swarm, JOB)

    document = swarm.specs[0].to_engine({swarm.specs[0].name: "c"})
    task = document["TaskTemplate"]
    assert document["Mode"] == {"GlobalJob": {}}
    assert task["RestartPolicy"]["Condition"] == "none"
    assert task["LogDriver"]["Name"] == "json-file"
    assert task["Networks"] == [{"Target": "host", "Aliases": []}]
    assert task["ContainerSpec"]["Mounts"][0]["ReadOnly"]
    assert "HARNESS_NODE={{.Node.Hostname}}" in task["ContainerSpec"]["Env"]


def test_nodes_that_take_no_tasks_are_skipped_with_the_reason(make: Callable[..., FakeSwarm]) -> None:
    """Drained, paused and down nodes run no global task; that is no missing answer."""
    swarm = make(
        node("m"),
        node("d", availability=Availability.DRAIN),
        node("p", availability=Availability.PAUSE),
        node("x", state="down"),
    )

    seen = run_job(swarm, JOB)

    assert seen.missing == ()
    assert dict(seen.skipped) == {
        "d": "availability is drain",
        "p": "availability is pause",
        "x": "the node is down",
    }


def test_the_log_is_read_again_until_the_closing_record(make: Callable[..., FakeSwarm]) -> None:
    """A log that lags behind the tasks' end is not taken for all there is."""
    swarm = make(node("m"))
    swarm.lag = 5

    assert run_job(swarm, JOB).missing == ()


def test_a_slow_link_to_a_complete_task_is_given_more_time(make: Callable[..., FakeSwarm]) -> None:
    """Its log lies on the node: what came only in part is read again, with more time."""
    swarm = make(node("m"))
    swarm.lag = 40  # more readings than the grace of all logs allows

    seen = run_job(swarm, JOB)

    assert seen.missing == ()
    assert max(swarm.bounds) > min(swarm.bounds)


def test_a_complete_task_whose_end_never_comes_costs_a_bound(make: Callable[..., FakeSwarm]) -> None:
    """A log that lost a line stays so: it is missing, and nobody waits for ever."""
    swarm = make(node("m"))
    swarm.log["m"] = lines("m", whole=False)

    seen = run_job(swarm, JOB)

    assert seen.missing == (("m", "no closing record after 1 records; its task is complete"),)
    assert seen.ended - seen.began < 50.0


def test_an_answer_without_its_end_is_missing_with_the_reason(make: Callable[..., FakeSwarm]) -> None:
    """The task failed before it had told all: what it lacks and why is said."""
    swarm = make(node("m"), node("w"))
    swarm.log["w"] = lines("w", whole=False)
    swarm.ends["w"] = ("failed", "task: non-zero exit (137)")

    seen = run_job(swarm, JOB)

    assert [answer.node for answer in seen.whole] == ["m"]
    ((host, why),) = seen.missing
    assert host == "w"
    assert "no closing record" in why
    assert seen.ended - seen.began < 10.0  # a failed task will not tell more
    assert "non-zero exit (137)" in why


def test_a_task_that_never_ends_costs_the_bound_and_no_more(make: Callable[..., FakeSwarm]) -> None:
    """What the others told is kept."""
    swarm = make(node("m"), node("w"))
    swarm.log["w"] = []
    swarm.ends["w"] = ("running", "")

    seen = run_job(swarm, JOB)

    assert [answer.node for answer in seen.whole] == ["m"]
    assert seen.missing == (("w", "it told nothing; its task is running"),)
    assert seen.ended - seen.began < JOB.start + JOB.bound + 20


def test_a_task_that_is_stuck_before_it_runs_costs_the_start(make: Callable[..., FakeSwarm]) -> None:
    """A pull that never ends is named by the task's state."""
    swarm = make(node("m"), node("w"))
    swarm.log["w"] = []
    swarm.ends["w"] = ("preparing", "")

    seen = run_job(swarm, JOB)

    assert dict(seen.missing)["w"].startswith("it told nothing; its task is preparing")
    assert seen.ended - seen.began == pytest.approx(JOB.start, abs=6.0)


def test_a_node_that_is_lost_meanwhile_is_not_waited_for(make: Callable[..., FakeSwarm]) -> None:
    """Its task never ends; once the node is Down, the others' answers are all there will be."""
    swarm = make(node("m"), node("w"))
    swarm.log["w"] = []
    swarm.ends["w"] = ("running", "")
    swarm.lost = {"w"}

    seen = run_job(swarm, JOB)

    assert dict(seen.missing)["w"] == "it told nothing; its task is running, and its node is no longer Ready"
    assert seen.ended - seen.began < 10


def test_of_two_jobs_the_failure_of_one_ends_the_other(make: Callable[..., FakeSwarm]) -> None:
    """The engine refuses the overlay job: its error comes out, and the host job leaves nothing either."""
    swarm = make(node("m"))
    swarm.ends["m"] = ("running", "")
    swarm.refuses = "overlay"
    service = SimpleNamespace(id="s", name="web", port=8080, replicas=lambda: ())
    network = Network("net", "h-net", "overlay", "swarm")

    with pytest.raises(RequestError, match="refused"):
        witness.both(swarm, service, network, Ask(requests=0, expect="", image="i"))

    assert sorted(entry.split()[0] for entry in swarm.gone) == ["config", "config", "service"]


def test_an_image_that_no_node_finds_is_a_wrong_request(make: Callable[..., FakeSwarm]) -> None:
    """The name is in the error, and where to set another."""
    swarm = make(node("m"), node("w"))
    swarm.log = {}
    swarm.ends = dict.fromkeys(("m", "w"), ("rejected", "No such image: image"))

    with pytest.raises(RequestError, match=r"image image .* job under \[images\]"):
        run_job(swarm, JOB)

    assert len(swarm.gone) == 2


def test_answers_of_strangers_are_not_taken(make: Callable[..., FakeSwarm]) -> None:
    """A frame that names a node which was not asked is left out."""
    swarm = make(node("m"))
    swarm.log["evil"] = lines("evil")

    assert [answer.node for answer in run_job(swarm, JOB).answers] == ["m"]


def test_a_look_keeps_its_evidence(make: Callable[..., FakeSwarm], tmp_path: Path) -> None:
    """Ports, balancers and localhost traffic can be read back from the journal; each sample has a line."""
    swarm = make(node("m", role=Role.MANAGER), node("w"))
    rows = [[0, 0.1, 0.2, "ok", "task1", ""]]
    swarm.log["m"] = lines(
        "m",
        {"kind": "samples", "path": "localhost", "rows": rows},
        {"kind": "ipvs", "ns": "ingress_sbox", "rows": [[256, "rr", [["10.0.0.5", 1, 0, 0]]]]},
        {"kind": "marks", "ns": "ingress_sbox", "rows": [["port", "8080", 256]]},
        {"kind": "namespaces", "names": ["ingress_sbox"]},
        {"kind": "tcp", "rows": [["w", 7946, "open", "1 ms"]]},
    )
    service = SimpleNamespace(id="s", name="web", port=8080, replicas=lambda: ())

    seen = witness.look(swarm, service, Ask(requests=1, expect="x", image="i"))

    saved = load(tmp_path / "journal.jsonl").evidence
    assert saved[seen.matrix.id] == seen.matrix
    assert saved[seen.balancers.id] == seen.balancers
    assert saved[seen.traffic.id] == seen.traffic
    assert seen.traffic.entries == ("m", "w")
    assert [sample.replica for sample in seen.traffic.samples] == ["task1"]
    assert seen.balancers.marks == (("m", "ingress_sbox", "port", "8080", 256),)
    assert seen.kernels == (("m", "6.12"), ("w", "6.12"))


def test_both_looks_share_balancers_and_echoes(make: Callable[..., FakeSwarm]) -> None:
    """An echo between tasks opens a data path where nothing was heard; names carry the network's VIP."""
    swarm = make(node("m", role=Role.MANAGER), node("w"))
    for name, peer in (("m", "w"), ("w", "m")):
        swarm.log[name] = lines(
            name,
            {"kind": "heard", "port": 4789, "rows": [[peer, False, ""]]},
            {"kind": "acks", "rows": [[peer, True, True]]},
            {"kind": "tcp", "rows": [[peer, 7946, "open", ""], [peer, 2377, "open", ""]]},
            {"kind": "mesh", "rows": [["10.0.1.9", peer, "udp", "open", "1 ms"]]},
            {"kind": "name", "name": "web", "addresses": ["10.0.1.2"], "error": ""},
        )
    service = SimpleNamespace(id="s", name="web", port=8080, replicas=lambda: ())
    network = Network("net", "h-net", "overlay", "swarm")

    host, overlay = witness.both(swarm, service, network, Ask(requests=0, expect="", image="i"))

    assert {link.state for link in host.matrix.links} == {"open"}
    assert host.balancers is overlay.balancers
    assert overlay.names.vips == (Attachment("net", "10.0.1.2"),)
    assert [answer.addresses for answer in overlay.names.answers] == [("10.0.1.2",)] * 2
